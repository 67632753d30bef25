/**
 * Sends dead letters back, each once: a transaction holds the records and the replaying group's offsets on the dead-letter
 * topic (rule B9). They go to `<application>-<source>-retry`, which only this application reads, or with `to: 'source'` to
 * the topic they came from, which others may read, too. A repartition topic is the application's own: records that failed
 * behind it go back into it.
 */
import { StreamsError } from '../errors.ts'
import { retryTopicName } from '../graph/retry-topics.ts'
import type { BatchWriter, GroupIdentity, KafkaCluster, TransactionalProducer } from '../kafka/contract.ts'
import { KafkaError } from '../kafka/kafka-error.ts'
import { partitionFor } from '../kafka/partitioner.ts'
import { DEAD_LETTER_HEADERS } from '../runtime/dead-letter.ts'
import { DEFAULT_MAX_MESSAGE_BYTES } from '../runtime/topic-catalog.ts'
import type { LetterFilter, LetterRange, StoredDeadLetter } from './dead-letter-topic.ts'
import { letterRanges, matches, readLetters } from './dead-letter-topic.ts'
import { ReplayGroup } from './replay-group.ts'
import { ReplayProgress } from './replay-progress.ts'

/** Letters and bytes of one transaction: bounds memory and what a crash repeats the work of. */
const BATCH_LETTERS = 500
const BATCH_BYTES = 4 * 1024 * 1024
/** A replay that dies is aborted by the broker after this, so that readers do not wait for it. */
const TRANSACTION_TIMEOUT_MS = 60_000

/** Where a replayed record came from: `<dead-letter topic>/<partition>/<offset>`. */
export const REPLAYED_FROM = '__millrace.replayed-from'

export interface ReplayOptions {
  readonly cluster: KafkaCluster
  readonly applicationId: string
  readonly topic: string
  readonly to: 'retry' | 'source'
  readonly filter: LetterFilter
  /** At most so many letters. */
  readonly limit: number
  readonly dryRun: boolean
  /** Begin with the oldest letter although the note of what was replayed is gone. */
  readonly again: boolean
}

export interface ReplayReport {
  /** By target topic. */
  readonly replayed: ReadonlyMap<string, number>
  /** Letters that match and were replayed before. */
  readonly before: number
  /** Letters that match and cannot be replayed, by reason. */
  readonly unfit: ReadonlyMap<string, number>
}

export function replayGroupId(applicationId: string): string {
  return `${applicationId}-dead-letter-replay`
}

/**
 * Where the record of a letter is: in the letter, or only in the topic it came from (the letter holds the pending entry of
 * an asynchronous operator, or was too large to be kept whole). Undefined: no record gave rise to it.
 */
export function recordOf({ why }: StoredDeadLetter): 'letter' | 'topic' | undefined {
  if (why.topic === '') {
    return undefined
  }
  return why.raw === 'operator' || why.truncated !== '' ? 'topic' : 'letter'
}

type Replayed = Pick<StoredDeadLetter, 'key' | 'value' | 'headers' | 'timestamp'>

export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  return new Replay(options).run()
}

/** What was replayed of each partition, as the group has committed it. */
export async function replayProgress(cluster: KafkaCluster, applicationId: string, ranges: readonly LetterRange[]): Promise<Map<number, ReplayProgress>> {
  const committed = await cluster.group().fetchOffsets(replayGroupId(applicationId), ranges)
  return new Map(
    ranges.map(({ partition, from }) => {
      const known = committed.find((one) => one.partition === partition)
      const progress = new ReplayProgress(Math.max(known?.offset ?? 0, 0), known?.metadata)
      progress.cover(0, from)
      return [partition, progress] as const
    }),
  )
}

class Replay {
  readonly #options: ReplayOptions
  readonly #replayed = new Map<string, number>()
  readonly #unfit = new Map<string, number>()
  readonly #writers = new Map<string, BatchWriter>()
  readonly #partitions = new Map<string, number>()
  readonly #limits = new Map<string, number>()
  /** First offset of each partition that was not looked at. */
  readonly #seen = new Map<number, number>()
  #before = 0
  #count = 0
  #letters = 0
  #progress: ReadonlyMap<number, ReplayProgress> = new Map()
  #producer: TransactionalProducer | undefined
  #group: ReplayGroup | undefined

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  async run(): Promise<ReplayReport> {
    const { cluster, applicationId, topic, dryRun } = this.#options
    if (!dryRun) {
      this.#group = await ReplayGroup.join(cluster, replayGroupId(applicationId), topic)
    }
    try {
      if (!dryRun) {
        // The same id each time: a replay that died in the middle of a transaction is ended by its successor.
        this.#producer = cluster.producer({ transactionalId: replayGroupId(applicationId), transactionTimeoutMs: TRANSACTION_TIMEOUT_MS })
        await this.#producer.init()
      }
      const ranges = await letterRanges(cluster, topic)
      this.#progress = await replayProgress(cluster, applicationId, ranges)
      await this.#refuseForgotten(ranges)
      for (const { partition, from } of ranges) {
        this.#seen.set(partition, from)
      }
      if (await readLetters(cluster, ranges, (letter) => this.#visit(letter))) {
        for (const { partition, to } of ranges) {
          this.#passed(partition, to)
        }
      }
      await this.#commit()
      return { replayed: this.#replayed, before: this.#before, unfit: this.#unfit }
    } finally {
      await this.#producer?.close()
      await this.#group?.leave()
    }
  }

  /** Offsets of a group without members expire: then the retry topics alone tell that there were replays. */
  async #refuseForgotten(ranges: readonly LetterRange[]): Promise<void> {
    const { cluster, applicationId, again } = this.#options
    const committed = await cluster.group().fetchOffsets(replayGroupId(applicationId), ranges)
    if (again || committed.some(({ offset }) => offset >= 0)) {
      return
    }
    const names = (await cluster.admin().listTopics()).filter((name) => name.startsWith(`${applicationId}-`) && name.endsWith('-retry'))
    const metadata = await cluster.metadata(names)
    const partitions = [...metadata.values()].flatMap(({ topic, partitions: all }) => all.map(({ partition }) => ({ topic, partition })))
    const ends = partitions.length === 0 ? new Map() : await cluster.listOffsets(partitions, 'latest', 'read_committed')
    if ([...ends.values()].some((end: number) => end > 0)) {
      throw new StreamsError('REPLAY_REFUSED', `The group ${replayGroupId(applicationId)} has no committed offsets (they expire a week after the last replay), but retry topics hold records: letters would be replayed twice. Choose what to replay with --letter or a filter, and say --again.`)
    }
  }

  async #visit(letter: StoredDeadLetter): Promise<boolean> {
    const { filter, limit } = this.#options
    this.#passed(letter.partition, letter.offset)
    const progress = this.#progress.get(letter.partition)!
    if (!matches(filter, letter)) {
      return true
    }
    if (progress.has(letter.offset)) {
      this.#before++
      return true
    }
    if (this.#count >= limit) {
      return false
    }
    const record = await this.#record(letter)
    if (typeof record === 'string') {
      this.#unfit.set(record, (this.#unfit.get(record) ?? 0) + 1)
      return true
    }
    await this.#send(letter, record)
    progress.add(letter.offset)
    this.#count++
    this.#letters++
    if (this.#letters >= BATCH_LETTERS || [...this.#writers.values()].reduce((sum, { bytes }) => sum + bytes, 0) >= BATCH_BYTES) {
      await this.#commit()
    }
    return true
  }

  /** Between two letters lie markers and aborted records: without them what was replayed would be full of gaps. */
  #passed(partition: number, offset: number): void {
    this.#progress.get(partition)!.cover(this.#seen.get(partition)!, offset)
    this.#seen.set(partition, offset + 1)
  }

  /** What is to be sent, or why it cannot be. */
  async #record(letter: StoredDeadLetter): Promise<Replayed | string> {
    const where = recordOf(letter)
    if (where === undefined) {
      return 'no record gave rise to it'
    }
    if (where === 'letter') {
      return letter
    }
    const { topic } = letter.why
    const [partition, offset] = [Number(letter.why.partition), Number(letter.why.offset)]
    let found: Replayed | undefined
    const range = (await letterRanges(this.#options.cluster, topic).catch(() => [])).find((one) => one.partition === partition)
    if (range !== undefined && offset >= range.from && offset < range.to) {
      await readLetters(this.#options.cluster, [{ topic, partition, from: offset, to: offset + 1 }], (record) => {
        found = record
        return false
      })
    }
    return found ?? `only its topic had the record, and ${topic} has it no longer`
  }

  async #send(letter: StoredDeadLetter, record: Replayed): Promise<void> {
    const { cluster, topic } = this.#options
    const target = this.#target(letter.why.topic)
    const count = await this.#partitionsOf(target, letter.why.topic)
    const origin = Number(letter.why.partition)
    const partition = Number.isSafeInteger(origin) && letter.why.partition !== '' && origin < count ? origin : record.key === null ? 0 : partitionFor(record.key, count)
    const key = `${target}-${partition}`
    const writer = this.#writers.get(key) ?? cluster.writer({ topic: target, partition }, this.#limits.get(target))
    this.#writers.set(key, writer)
    const own = new Set<string>([...Object.values(DEAD_LETTER_HEADERS), REPLAYED_FROM])
    const headers = record.headers.filter((header) => !own.has(header.key))
    writer.append(record.timestamp, record.key, record.value, [...headers, { key: REPLAYED_FROM, value: Buffer.from(`${topic}/${letter.partition}/${letter.offset}`) }])
    this.#replayed.set(target, (this.#replayed.get(target) ?? 0) + 1)
  }

  #target(origin: string): string {
    const { applicationId, to } = this.#options
    const own = origin.startsWith(`${applicationId}-`) && /-(retry|repartition)$/.test(origin)
    return to === 'source' || own ? origin : retryTopicName(applicationId, origin)
  }

  async #partitionsOf(target: string, origin: string): Promise<number> {
    const known = this.#partitions.get(target)
    if (known !== undefined) {
      return known
    }
    const { cluster } = this.#options
    const metadata = (await cluster.metadata([target], { fresh: true })).get(target)
    if (metadata === undefined) {
      const fix = target === origin ? 'It was deleted: filter its letters out with --origin.' : `Its source has none: set retryTopic: true on stream('${origin}'), or use --to source if every reader of ${origin} may see them again.`
      throw new StreamsError('REPLAY_REFUSED', `There is no topic ${target}. ${fix}`)
    }
    const { 'max.message.bytes': limit } = await cluster.admin().topicConfig(target)
    this.#limits.set(target, Number(limit ?? DEFAULT_MAX_MESSAGE_BYTES))
    this.#partitions.set(target, metadata.partitions.length)
    return metadata.partitions.length
  }

  /** Records and progress in one transaction, fenced by the group: a second replay cannot repeat them. */
  async #commit(): Promise<void> {
    const { dryRun, topic } = this.#options
    if (this.#letters === 0 || dryRun) {
      return
    }
    const identity: GroupIdentity = this.#group!.identity()
    const offsets = [...this.#progress].map(([partition, progress]) => ({ topic, partition, offset: progress.position, metadata: progress.encode() }))
    try {
      await this.#producer!.produce([...this.#writers.values()])
      await this.#producer!.sendOffsets(offsets, identity)
      await this.#producer!.commit()
    } catch (error) {
      await this.#producer!.abort().catch(() => {})
      if (error instanceof KafkaError && error.kind === 'membership') {
        throw new StreamsError('REPLAY_REFUSED', 'Another replay of this application has begun; this one has stopped, what it had not committed is not replayed.', { cause: error })
      }
      throw error
    }
    this.#writers.clear()
    this.#letters = 0
  }
}
