/**
 * Two versions of one topology, as a deploy changes it: the second says which it is, and counts words through a
 * repartition topic that the first does not have. What both have keeps its name, its store and its changelog.
 */
import type { StreamsBuilder } from '../../index.ts'
import { Serdes } from '../../index.ts'
import type { FailureSettings } from './topology.ts'

export interface VersionSettings extends FailureSettings {
  readonly version: 1 | 2
  /** The second version writes the lines here that it has processed. */
  readonly bySecond: string
}

const TEXT = { key: Serdes.string(), value: Serdes.string() }
const COUNT = { key: Serdes.string(), value: Serdes.long() }

export default function topology(b: StreamsBuilder, { source, perKey, perWord, bySecond, version }: VersionSettings): void {
  const lines = b.stream(source, TEXT)
  lines.groupByKey().count({ name: 'per-key' }).toStream().to(perKey, COUNT)
  if (version === 2) {
    lines.to(bySecond, TEXT)
    lines
      .flatMapValues((line) => line.split(' '))
      .groupBy((_key, word) => word, { name: 'by-word', ...TEXT })
      .count({ name: 'per-word' })
      .toStream()
      .to(perWord, COUNT)
  }
}
