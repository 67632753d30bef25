import { Serdes } from 'millrace'

export default function topology(b, { lines, counts }) {
  b.stream(lines, { key: Serdes.string(), value: Serdes.string() })
    .flatMapValues((line) => line.split(' '), { value: Serdes.string() })
    .groupBy((_key, word) => word, { key: Serdes.string() })
    .count({ name: 'words' })
    .toStream()
    .to(counts, { value: Serdes.long() })
}
