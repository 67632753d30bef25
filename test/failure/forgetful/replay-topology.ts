/** What the killed processes of `old-records.ts` run: every kind of store that forgets by time, behind a repartition topic. */
import { BufferConfig, EmitStrategy, Serdes, SessionWindows, type StreamsBuilder, Suppressed, TimeWindows } from 'millrace'

export interface ReplaySettings {
  readonly source: string
  readonly sink: string
}

/** Kept for a second, were its records of today: markers of transactions are, and would keep a segment of any age for a day. */
export const SHORT = { 'retention.ms': '1000' }

const TEXT = { key: Serdes.string(), value: Serdes.string() }

export default function topology(b: StreamsBuilder, { source, sink }: ReplaySettings): void {
  const grouped = b.stream(source, TEXT).groupBy((_key, value) => value.slice(0, 2), { name: 'by-value', ...TEXT })
  const tumbling = grouped.windowedBy(TimeWindows.ofSizeAndGrace(1_000, 500)).count({ name: 'tumbling', topicConfig: SHORT })
  const windows = {
    tumbling,
    suppressed: tumbling.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 'suppressed' }),
    sessions: grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(150, 500)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'sessions', topicConfig: SHORT }),
  }
  for (const [name, table] of Object.entries(windows)) {
    table.toStream().map(({ key, window }, count) => [key, `${name} ${window.start}-${window.end} ${count}`]).to(sink, TEXT)
  }
  const tables = {
    totals: grouped.count({ name: 'totals' }),
    versions: grouped.reduce((_, value) => value, { name: 'versions', historyRetention: '10m' }),
  }
  for (const [name, table] of Object.entries(tables)) {
    table.toStream().mapValues((value) => `${name} ${value}`).to(sink, TEXT)
  }
}
