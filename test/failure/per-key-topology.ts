import { Serdes, type StreamsBuilder } from 'millrace'

/** What delayed-marker.test.ts runs in both of its processes. */
export default function topology(b: StreamsBuilder): void {
  b.stream('source', { key: Serdes.string(), value: Serdes.string() })
    .groupByKey()
    .count({ name: 'per-key' })
    .toStream()
    .to('sink', { key: Serdes.string(), value: Serdes.long() })
}
