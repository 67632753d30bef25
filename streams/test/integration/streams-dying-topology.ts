/**
 * Counts by key; the record 'die' ends its worker, throws, or blocks the loop, the first time (a file remembers); with 'always' it ends its worker each
 * time, with 'call' and 'awaited' in an asynchronous operator: as the call begins, or after its first await.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { Serdes, type StreamsBuilder } from '../../index.ts'

export interface DyingSettings {
  readonly source: string
  readonly sink: string
  readonly memory: string
  readonly how: 'exit' | 'throw' | 'block' | 'always' | 'call' | 'awaited'
}

/** Calls take a while, so that several run when one of them ends the thread. */
async function answer(value: string): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 5))
  if (value === 'die') {
    process.exit(7)
  }
  return value
}

export default function topology(b: StreamsBuilder, { source, sink, memory, how }: DyingSettings): void {
  const stream = b.stream(source, { key: Serdes.string(), value: Serdes.string() })
  if (how === 'call' || how === 'awaited') {
    stream
      .mapAsync(
        (value) => {
          if (value === 'die' && how === 'call') {
            process.exit(7)
          }
          return answer(value)
        },
        { name: 'asking', concurrency: 8, order: 'key', onFailure: 'dead-letter', value: Serdes.string() },
      )
      .groupByKey({ key: Serdes.string(), value: Serdes.string() })
      .count({ name: 'dying' })
      .toStream()
      .to(sink, { key: Serdes.string(), value: Serdes.long() })
    return
  }
  stream
    .mapValues((value) => {
      if (value === 'die' && (how === 'always' || !existsSync(memory))) {
        writeFileSync(memory, '')
        if (how === 'throw') {
          throw new Error('once')
        }
        if (how === 'block') {
          // Nothing of the thread's loop runs meanwhile.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500)
          return value
        }
        // In a worker this ends the thread, not the process.
        process.exit(7)
      }
      return value
    })
    .groupByKey({ value: Serdes.string() })
    .count({ name: 'dying' })
    .toStream()
    .to(sink, { key: Serdes.string(), value: Serdes.long() })
}
