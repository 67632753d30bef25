import { Serdes, type StreamsBuilder } from 'millrace'

export interface Movement {
  readonly pieces: number
}

/** Pieces of each article in stock, from what comes and goes. `stock` is read over HTTP, `stock-levels` by other applications. */
export default function topology(b: StreamsBuilder): void {
  b.stream('movements', { key: Serdes.string(), value: Serdes.json<Movement>() })
    .groupByKey()
    .aggregate(() => 0, (_article, { pieces }, stock) => stock + pieces, { name: 'stock', value: Serdes.long() })
    .toStream()
    .to('stock-levels', { value: Serdes.long() })
}
