/**
 * Counts by key. The record 'die' holds its thread, in a processor's turn or in a call that only ever awaits what is settled already,
 * until it is told that the member was evicted.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { Serdes, type StreamsBuilder } from '../../index.ts'

export interface WedgedSettings {
  readonly source: string
  readonly sink: string
  /** Beginning of the names of files by which this thread and the test speak to each other. */
  readonly signals: string
  readonly how: 'turn' | 'promises'
  /** At least for so long, so that the supervisor has looked. */
  readonly holdMs: number
}

export function begunFile(signals: string, run: number): string {
  return `${signals}-${run}-begun`
}

export function releasedFile(signals: string, run: number): string {
  return `${signals}-${run}-released`
}

const never = new Int32Array(new SharedArrayBuffer(4))

/** True until the hold is to end; takes some milliseconds of the thread. */
function holding(signals: string, holdMs: number): () => boolean {
  let run = 0
  while (existsSync(begunFile(signals, run))) {
    run++
  }
  writeFileSync(begunFile(signals, run), `${(workerData as { thread: number }).thread}`)
  const until = performance.now() + holdMs
  return () => {
    Atomics.wait(never, 0, 0, 10)
    return performance.now() < until || !existsSync(releasedFile(signals, run))
  }
}

export default function topology(b: StreamsBuilder, { source, sink, signals, how, holdMs }: WedgedSettings): void {
  const stream = b.stream(source, { key: Serdes.string(), value: Serdes.string() })
  const passed =
    how === 'turn'
      ? stream.mapValues((value) => {
          if (value === 'die') {
            for (const held = holding(signals, holdMs); held(); ) {
              // Nothing of the thread's loop runs meanwhile.
            }
          }
          return value
        })
      : stream.mapAsync(
          async (value) => {
            if (value === 'die') {
              for (const held = holding(signals, holdMs); held(); ) {
                await undefined
              }
            }
            return value
          },
          { name: 'asking', order: 'key', timeout: '10m', onFailure: 'dead-letter', value: Serdes.string() },
        )
  passed
    .groupByKey({ key: Serdes.string(), value: Serdes.string() })
    .count({ name: 'per-key' })
    .toStream()
    .to(sink, { key: Serdes.string(), value: Serdes.long() })
}
