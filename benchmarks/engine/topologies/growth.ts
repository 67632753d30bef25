/** The last event of every key with a count and a sum: state, changelog and output are as large as the input. */
import type { StreamsBuilder } from 'millrace'
import { Serdes } from 'millrace'
import type { GrowthEvent, GrowthState } from '../../growth/input.ts'
import type { TopologySettings } from './settings.ts'

export default function topology(b: StreamsBuilder, { input, output }: TopologySettings): void {
  b.stream(input, { key: Serdes.string(), value: Serdes.json<GrowthEvent>() })
    .groupByKey()
    .aggregate(
      (): GrowthState => ({ count: 0, sum: 0, last: -1, note: '' }),
      (_key, { seq, amount, note }, { count, sum }) => ({ count: count + 1, sum: sum + amount, last: seq, note }),
      { name: 'latest', key: Serdes.string(), value: Serdes.json<GrowthState>() },
    )
    .toStream()
    .to(output, { key: Serdes.string(), value: Serdes.json() })
}
