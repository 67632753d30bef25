/** Repartitions, counts and asks, so that a record passes every kind of node. */
import { Serdes, type StreamsBuilder } from '../../index.ts'

export default function topology(b: StreamsBuilder, settings: unknown): void {
  const { source, sink } = settings as { readonly source: string; readonly sink: string }
  b.stream(source, { key: Serdes.string(), value: Serdes.string(), name: 'words' })
    .mapAsync(async (word) => word.toUpperCase(), { name: 'ask', value: Serdes.string(), circuitBreaker: {} })
    .groupBy((_key, word) => word, { key: Serdes.string(), value: Serdes.string() })
    .count({ name: 'counts' })
    .toStream()
    .to(sink, { name: 'sink' })
}
