import { Serdes, type StreamsBuilder } from 'millrace'

export interface Vote {
  readonly candidate: string
}

/** One vote per voter, the last one counts: a table of votes, counted by candidate. */
export default function topology(b: StreamsBuilder): void {
  b.table('votes', { key: Serdes.string(), value: Serdes.json<Vote>() })
    .groupBy((voter, { candidate }) => [candidate, voter], { key: Serdes.string(), value: Serdes.string() })
    .count({ name: 'votes-per-candidate' })
    .toStream()
    .to('results', { value: Serdes.long() })
}
