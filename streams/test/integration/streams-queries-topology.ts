/** Counts by word, and by word and minute; a table that every instance has whole. */
import type { StreamsBuilder } from '../../index.ts'
import { Serdes, TimeWindows } from '../../index.ts'

export interface Settings {
  readonly source: string
  readonly names: string
}

export default function topology(b: StreamsBuilder, { source, names }: Settings): void {
  b.globalTable(names, { name: 'names', key: Serdes.string(), value: Serdes.json<{ readonly name: string }>() })
  const words = b.stream(source, { key: Serdes.string(), value: Serdes.string() }).groupByKey()
  words.count({ name: 'counts' })
  // The test's records are of 1970, which the broker's retention would delete at its next look.
  words.windowedBy(TimeWindows.ofSizeWithNoGrace('1m')).count({ name: 'by-minute', topicConfig: { 'retention.ms': '-1' } })
}
