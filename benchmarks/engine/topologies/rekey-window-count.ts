/** Events counted by tenant and type in tumbling windows, behind a repartition topic. Its Java peer is `RekeyWindowCount.java`. */
import type { KStream, StreamsBuilder } from 'millrace'
import { Serdes, TimeWindows } from 'millrace'
import { type DocumentEvent, GRACE_MS, WINDOW_MS } from '../events.ts'
import type { TopologySettings } from './settings.ts'

export default function topology(b: StreamsBuilder, { input, output }: TopologySettings): void {
  countPerWindow(b.stream(input, { key: Serdes.string(), value: Serdes.json<DocumentEvent>() }), GRACE_MS, output)
}

export function countPerWindow(events: KStream<string, DocumentEvent>, graceMs: number, output: string): void {
  events
    .map((_key, { tenant, type, seq }) => [`${tenant}|${type}`, seq])
    .groupByKey({ name: 'by-tenant-and-type', key: Serdes.string(), value: Serdes.long() })
    .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW_MS, graceMs))
    .count({ name: 'per-window' })
    .toStream()
    .map(({ key, window }, result) => [`${key}@${window.start}`, { result }])
    .to(output, { key: Serdes.string(), value: Serdes.json() })
}
