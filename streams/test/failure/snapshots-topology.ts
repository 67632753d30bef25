/** What the killed processes of `snapshots.test.ts` run: every kind of store. */
import { Serdes, type StreamsBuilder } from '../../index.ts'
import windows, { type WindowSettings } from './windows-topology.ts'

const TEXT = { key: Serdes.string(), value: Serdes.string() }

export default function topology(b: StreamsBuilder, { source, sink }: WindowSettings): void {
  windows(b, { source, sink })
  const grouped = b.stream(source, TEXT).groupByKey()
  const tables = {
    forgotten: grouped.count({ name: 'forgotten', ttl: { after: '700ms' } }),
    versions: grouped.reduce((_, value) => value, { name: 'versions', historyRetention: '10m' }),
    totals: grouped.count({ name: 'totals' }),
  }
  for (const [name, table] of Object.entries(tables)) {
    table
      .toStream()
      .map((key, value) => [key, `${name} ${value}`])
      .to(sink, TEXT)
  }
}
