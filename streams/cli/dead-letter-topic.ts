/** Dead letters as they lie in their topic. */
import { StreamsError } from '../errors.ts'
import type { KafkaCluster, RecordCursor, TopicPartition } from '../kafka/contract.ts'
import type { Header } from '../record.ts'
import { DEAD_LETTER_HEADERS } from '../runtime/dead-letter.ts'

export interface StoredDeadLetter {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
  /** The engine's own headers, by their short names; '' where missing. */
  readonly why: { readonly [name in keyof typeof DEAD_LETTER_HEADERS]: string }
}

export interface LetterRange extends TopicPartition {
  readonly from: number
  readonly to: number
}

/** Everything the topic holds that is decided: from its start to its last stable offset. `SOURCE_TOPIC_MISSING`. */
export async function letterRanges(cluster: KafkaCluster, topic: string): Promise<LetterRange[]> {
  const metadata = (await cluster.metadata([topic], { fresh: true })).get(topic)
  if (metadata === undefined) {
    throw new StreamsError('SOURCE_TOPIC_MISSING', `There is no topic ${topic}: give the application's deadLetterTopic.`)
  }
  const partitions = metadata.partitions.map(({ partition }) => ({ topic, partition }))
  const [starts, ends] = await Promise.all([cluster.listOffsets(partitions, 'earliest', 'read_committed'), cluster.listOffsets(partitions, 'latest', 'read_committed')])
  return partitions.map(({ partition }) => ({ topic, partition, from: starts.get(`${topic}-${partition}`) ?? 0, to: ends.get(`${topic}-${partition}`) ?? 0 }))
}

/**
 * Shows `visit` each letter of the ranges, per partition in order; the letter is the caller's own. Stops, and returns false,
 * when `visit` does.
 */
export async function readLetters(
  cluster: KafkaCluster,
  ranges: readonly LetterRange[],
  visit: (letter: StoredDeadLetter) => boolean | Promise<boolean>,
): Promise<boolean> {
  for (const range of ranges.filter(({ from, to }) => from < to)) {
    if (!(await readRange(cluster, range, visit))) {
      return false
    }
  }
  return true
}

/** One partition after the other: what is shown is in order, and memory holds one answer. */
async function readRange(cluster: KafkaCluster, { topic, partition, from, to }: LetterRange, visit: (letter: StoredDeadLetter) => boolean | Promise<boolean>): Promise<boolean> {
  let chain: Promise<boolean> = Promise.resolve(true)
  const done = Promise.withResolvers<boolean>()
  const fetcher = cluster.fetcher({
    isolation: 'read_committed',
    onError: (_, error) => done.reject(error),
    onRecords: ({ cursor, nextOffset }) => {
      fetcher.pause({ topic, partition })
      chain = chain.then(async (more) => {
        while (more && cursor.next() && cursor.offset < to) {
          more = await visit(letterAt(partition, cursor))
        }
        if (!more || nextOffset >= to) {
          done.resolve(more)
        } else {
          fetcher.resume({ topic, partition })
        }
        return more
      })
      chain.catch(done.reject)
    },
  })
  try {
    fetcher.seek({ topic, partition }, from)
    return await done.promise
  } finally {
    await fetcher.close()
  }
}

function letterAt(partition: number, cursor: RecordCursor): StoredDeadLetter {
  const copy = (bytes: Uint8Array | null): Uint8Array | null => (bytes === null ? null : Uint8Array.from(bytes))
  const headers = cursor.headers().map(({ key, value }) => ({ key, value: copy(value) }))
  const text = (name: string): string => Buffer.from(headers.findLast(({ key }) => key === name)?.value ?? []).toString()
  const why = Object.fromEntries(Object.entries(DEAD_LETTER_HEADERS).map(([short, name]) => [short, text(name)])) as StoredDeadLetter['why']
  return { partition, offset: cursor.offset, timestamp: cursor.timestamp, key: copy(cursor.key()), value: copy(cursor.value()), headers, why }
}

/** What a user may choose letters by. Undefined or empty: all. */
export interface LetterFilter {
  readonly operators: readonly string[]
  readonly codes: readonly string[]
  readonly causes: readonly string[]
  readonly origins: readonly string[]
  /** `partition:offset` */
  readonly letters: readonly string[]
}

export function matches({ operators, codes, causes, origins, letters }: LetterFilter, letter: StoredDeadLetter): boolean {
  const among = (wanted: readonly string[], value: string) => wanted.length === 0 || wanted.includes(value)
  const { why } = letter
  return among(operators, why.node) && among(codes, why.code) && among(causes, why.cause) && among(origins, why.topic) && among(letters, `${letter.partition}:${letter.offset}`)
}
