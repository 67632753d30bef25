/** What is stateless: `plain` → `copied`; what has a state: a count of `counted`; and a global table that looks up for `plain`. */
import { Serdes, type StreamsBuilder } from '../../index.ts'

export interface GrowthSettings {
  readonly plain: string
  readonly copied: string
  readonly counted: string
  readonly counts: string
  readonly names: string
}

const strings = { key: Serdes.string(), value: Serdes.string() }

export default function topology(b: StreamsBuilder, { plain, copied, counted, counts, names }: GrowthSettings): void {
  const table = b.globalTable(names, { ...strings, name: 'names' })
  b.stream(plain, { ...strings, offsetReset: 'latest' })
    .leftJoin(table, (_key, value) => value, (value, name) => `${value} ${name ?? 'nobody'}`)
    .to(copied, strings)
  b.stream(counted, strings).groupByKey().count({ name: 'counted' }).toStream().to(counts, { key: Serdes.string(), value: Serdes.long() })
}
