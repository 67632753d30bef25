/** Counts by key; the record 'die' ends its worker, throws, or blocks the loop, the first time (a file remembers); with 'always' it ends its worker each time. */
import { existsSync, writeFileSync } from 'node:fs'
import { Serdes, type StreamsBuilder } from '../../index.ts'

export interface DyingSettings {
  readonly source: string
  readonly sink: string
  readonly memory: string
  readonly how: 'exit' | 'throw' | 'block' | 'always'
}

export default function topology(b: StreamsBuilder, { source, sink, memory, how }: DyingSettings): void {
  b.stream(source, { key: Serdes.string(), value: Serdes.string() })
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
