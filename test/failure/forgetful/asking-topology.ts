/** What the killed process of `references.ts` runs: calls of records that have come through a repartition topic. */
import { type Header, Serdes, type StreamsBuilder } from 'millrace'

export interface AskingSettings {
  readonly source: string
  readonly sink: string
  /** Is asked, and answers in its own time. */
  readonly url: string
}

/** All there is of a record where its call is made. */
export interface Asked {
  readonly idempotencyKey: string
  readonly key: string
  readonly value: string
  readonly timestamp: number
  readonly headers: readonly (readonly [string, string])[]
}

export const FILLER = 'filler'

const TEXT = { key: Serdes.string(), value: Serdes.string() }

function plain(headers: readonly Header[]): Asked['headers'] {
  return headers.map(({ key, value }) => [key, `${value === null ? null : Buffer.from(value)}`])
}

export default function topology(b: StreamsBuilder, { source, sink, url }: AskingSettings): void {
  b.stream(source, TEXT)
    .selectKey((key) => `by ${key}`)
    .repartition({ name: 'by-key', ...TEXT })
    .filter((_key, value) => value !== FILLER)
    .mapAsync(
      async (value, { idempotencyKey, signal }, { key, timestamp, headers }) => {
        const asked: Asked = { idempotencyKey, key, value, timestamp, headers: plain(headers) }
        const answer = await fetch(url, { method: 'POST', body: JSON.stringify(asked), signal })
        return answer.text()
      },
      { name: 'ask', value: Serdes.string(), order: 'none', concurrency: 100, timeout: '10m', retry: 0 },
    )
    .to(sink, TEXT)
}
