/** Counts by key. In a member that blocks, nothing of its loop runs for a while, again and again. */
import { Serdes, type StreamsBuilder } from '../../index.ts'

export interface BlockingSettings {
  readonly source: string
  readonly sink: string
  /** Length of a synchronous call, ms; 0: this member makes none. */
  readonly blockMs: number
  /** Between the end of one and the beginning of the next, ms: what came meanwhile is processed. */
  readonly freeMs: number
}

export default function topology(b: StreamsBuilder, { source, sink, blockMs, freeMs }: BlockingSettings): void {
  let freeUntil = 0
  b.stream(source, { key: Serdes.string(), value: Serdes.string() })
    .mapValues((value) => {
      if (blockMs > 0 && performance.now() > freeUntil) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs)
        freeUntil = performance.now() + freeMs
      }
      return value
    })
    .groupByKey({ value: Serdes.string() })
    .count({ name: 'per-key' })
    .toStream()
    .to(sink, { key: Serdes.string(), value: Serdes.long() })
}
