/** Counts by word, and by word and minute. */
import type { StreamsBuilder } from '../../index.ts'
import { Serdes, TimeWindows } from '../../index.ts'

export interface Settings {
  readonly source: string
}

export default function topology(b: StreamsBuilder, { source }: Settings): void {
  const words = b.stream(source, { key: Serdes.string(), value: Serdes.string() }).groupByKey()
  words.count({ name: 'counts' })
  words.windowedBy(TimeWindows.ofSizeWithNoGrace('1m')).count({ name: 'by-minute' })
}
