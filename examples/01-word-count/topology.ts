import { Serdes, type StreamsBuilder } from 'millrace'

/** Counts words. `lines` has any keys; every word becomes a key of `word-counts`. */
export default function topology(b: StreamsBuilder): void {
  b.stream('lines', { key: Serdes.string(), value: Serdes.string() })
    .flatMapValues((line) => line.toLowerCase().match(/\p{L}+/gu) ?? [], { value: Serdes.string() })
    .groupBy((_key, word) => word, { key: Serdes.string() })
    .count({ name: 'words' })
    .toStream()
    .to('word-counts', { value: Serdes.long() })
}
