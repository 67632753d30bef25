/**
 * Rule A5 at the leader of the group: in-flight changelogs which no subtopology of any member owns still hold the pending
 * records of operators that a deploy has removed or renamed. They are looked for outside the rebalance, whenever what the
 * members describe has changed; while members of the old version still own the operator there is nothing to find.
 */
import type { StateFolder } from 'millrace-state-stores'
import type { RowName } from '../async/orphans.ts'
import { orphanedEntries, orphanedInFlightTopics, PendingRows, rowOf } from '../async/orphans.ts'
import { ATTEMPT_ROW, decodePayload, Entry, rowKey } from '../async/entry.ts'
import { StreamsError } from '../errors.ts'
import type { FetchedRecords, GroupIdentity, KafkaCluster, RecordCursor, TopicPartition, TransactionalProducer } from '../kafka/contract.ts'
import { KafkaError } from '../kafka/kafka-error.ts'
import { BrokerCode } from '../membership/broker-code.ts'
import type { SubtopologyDescription } from '../membership/types.ts'
import { NO_HEADERS } from '../record.ts'
import { OutputCollector } from './collector.ts'
import type { RuntimeConfig } from './config.ts'
import { writeDeadLetter } from './dead-letter.ts'
import { transactionalIdOf } from './producer-incarnation.ts'
import type { Restorer } from './restorer.ts'
import type { TopicCatalog } from './topic-catalog.ts'

/** Dead letters and tombstones of one transaction; bounds memory and the time a transaction is open. */
const TRANSACTION_BYTES = 4 * 1024 * 1024

export interface OrphanCheckOptions {
  readonly cluster: KafkaCluster
  readonly topics: TopicCatalog
  readonly config: RuntimeConfig
  readonly restorer: Pick<Restorer, 'read'>
  readonly folder: Pick<StateFolder, 'recordIncarnation' | 'forget'>
  readonly processId: string
  readonly thread: number
  /** Who this member is now. */
  identity(): GroupIdentity | undefined
  onWarning(message: string): void
  /** `ORPHANED_ENTRIES`, or what prevented to look. */
  onFailed(error: Error): void
  /** A check has ended. */
  onDone(): void
}

/** One partition with pending rows of operators that are gone. */
interface Orphaned extends TopicPartition {
  readonly from: number
  readonly to: number
  readonly rows: PendingRows
}

/** The group has gone on: whoever leads it now looks again. */
const SUPERSEDED: ReadonlySet<number> = new Set([
  BrokerCode.ILLEGAL_GENERATION,
  BrokerCode.UNKNOWN_MEMBER_ID,
  BrokerCode.REBALANCE_IN_PROGRESS,
  BrokerCode.FENCED_INSTANCE_ID,
])

export class OrphanCheck {
  readonly #options: OrphanCheckOptions
  /** Generation for which the last answer was asked. */
  #identity: GroupIdentity | undefined
  /** Changelogs that had an owner at the last check, undefined: it has to be made again. */
  #owned: string | undefined
  #abort = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #count = 0

  constructor(options: OrphanCheckOptions) {
    this.#options = options
  }

  get underWay(): boolean {
    return this.#count > 0
  }

  /** This member leads `identity`'s generation, whose members described these subtopologies. */
  assigned(identity: GroupIdentity, descriptions: readonly SubtopologyDescription[]): void {
    this.#identity = identity
    const owned = new Set(descriptions.flatMap(({ changelogs }) => changelogs))
    const signature = [...owned].sort().join('\n')
    if (signature === this.#owned) {
      return
    }
    this.#abort.abort(new StreamsError('NOT_RUNNING', 'The members of the group have changed.'))
    this.#abort = new AbortController()
    this.#owned = signature
    const { signal } = this.#abort
    this.#count++
    this.#running = this.#running
      .then(() => (signal.aborted ? undefined : this.#check(owned, signal)))
      .catch((error: Error) => {
        if (signal.aborted) {
          return
        }
        if (this.#superseded(error)) {
          this.#owned = undefined
          return
        }
        this.#options.onFailed(error)
      })
      .finally(() => {
        this.#count--
        this.#options.onDone()
      })
  }

  async close(): Promise<void> {
    this.#abort.abort(new StreamsError('NOT_RUNNING', 'The thread is closing.'))
    await this.#running
  }

  /** What was found holds only for the generation it was found in: its successor may have members that own the operator. */
  #superseded(error: Error): boolean {
    const now = this.#options.identity()
    return (error instanceof KafkaError && SUPERSEDED.has(error.brokerCode)) || now?.memberId !== this.#identity?.memberId || now?.generationId !== this.#identity?.generationId
  }

  async #check(owned: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const { cluster, config, topics } = this.#options
    const candidates = orphanedInFlightTopics(config.applicationId, owned, await cluster.admin().listTopics())
    if (candidates.length === 0) {
      return
    }
    const gone = await topics.load(candidates)
    const found: Orphaned[] = []
    for (const topic of candidates.filter((candidate) => !gone.includes(candidate))) {
      found.push(...(await this.#read(topic, signal)))
    }
    if (found.length === 0) {
      return
    }
    const counts = new Map<string, number>()
    for (const { rows } of found) {
      for (const [operator, count] of rows.counts) {
        counts.set(operator, (counts.get(operator) ?? 0) + count)
      }
    }
    if (config.orphans === 'fail') {
      throw orphanedEntries(`Application ${config.applicationId}`, counts)
    }
    await this.#bury(found, signal)
    this.#options.onWarning(`Pending records of operators that are gone were sent to ${config.deadLetterTopic}: ${[...counts].map(([operator, count]) => `${operator} (${count})`).join(', ')}.`)
  }

  /** Partitions of a topic with something pending, read to the high watermark (rule A1). */
  async #read(topic: string, signal: AbortSignal): Promise<Orphaned[]> {
    const { cluster, config, restorer, topics } = this.#options
    const partitions = Array.from({ length: topics.require(topic).partitions }, (_, partition) => ({ topic, partition }))
    const [starts, ends] = await Promise.all([cluster.listOffsets(partitions, 'earliest', 'read_uncommitted'), cluster.listOffsets(partitions, 'latest', 'read_uncommitted')])
    const all = partitions.map((tp): Orphaned => {
      const key = `${tp.topic}-${tp.partition}`
      return { ...tp, from: starts.get(key) ?? 0, to: ends.get(key) ?? 0, rows: new PendingRows() }
    })
    await Promise.all(
      all.map(({ partition, from, to, rows }) =>
        restorer.read({
          topic,
          partition,
          from,
          to,
          signal,
          apply: async ({ cursor }) => {
            for (const row of rowsBelow(cursor, to, config.applicationId, topic)) {
              rows.apply(row, cursor.value(), cursor.offset)
            }
          },
        }),
      ),
    )
    return all.filter(({ rows }) => rows.size > 0)
  }

  /** Each entry goes to the dead letters and out of its changelog in one transaction, fenced by this generation. */
  async #bury(found: readonly Orphaned[], signal: AbortSignal): Promise<void> {
    const { cluster, config, folder, processId, thread } = this.#options
    const transactionalId = transactionalIdOf(config.applicationId, processId, thread, 'orphans-')
    await folder.recordIncarnation({ transactionalId })
    const producer = cluster.producer({ transactionalId, transactionTimeoutMs: config.transactionTimeoutMs })
    try {
      await producer.init()
      for (const orphaned of found) {
        await this.#buryPartition(orphaned, producer, signal)
      }
      await producer.close()
    } catch (error) {
      await producer.close()
      await cluster.fence(transactionalId)
      throw error
    } finally {
      await folder.forget(transactionalId)
    }
  }

  async #buryPartition({ topic, partition, from, to, rows }: Orphaned, producer: TransactionalProducer, signal: AbortSignal): Promise<void> {
    const { cluster, config, restorer, topics } = this.#options
    const collector = new OutputCollector(cluster, topics)
    const commit = async () => {
      const outputs = collector.close()
      // In this order: a member that owns the operator again reads its changelog's end only in a later generation, and
      // that end lies behind these records.
      await producer.produce(outputs.writers())
      await producer.sendOffsets([{ topic, partition, offset: to, metadata: '' }], this.#identity!)
      await producer.commit(signal)
      outputs.recycle()
    }
    const apply = async ({ cursor }: FetchedRecords) => {
      for (const row of rowsBelow(cursor, to, config.applicationId, topic)) {
        if (rows.isPending(row, cursor.offset)) {
          signal.throwIfAborted()
          this.#send(collector, { topic, partition }, row, rows.attempts(row), cursor)
          if (collector.bytes >= TRANSACTION_BYTES) {
            await commit()
          }
        }
      }
    }
    await restorer.read({ topic, partition, from, to, signal, apply })
    if (collector.bytes > 0) {
      await commit()
    }
  }

  #send(collector: OutputCollector, { topic, partition }: TopicPartition, { operator, admission }: RowName, attempts: number | undefined, cursor: RecordCursor): void {
    const payload = cursor.value()!
    const entry = new Entry(admission, decodePayload(payload), payload.length, () => payload)
    const error = new StreamsError('ORPHANED_ENTRIES', `${operator} is gone.`)
    writeDeadLetter(collector, this.#options.config.deadLetterTopic!, entry, entry.timestamp, { node: operator, code: 'ORPHANED_ENTRIES', error, attempts: attempts ?? 0 })
    collector.send(topic, partition, cursor.key(), null, cursor.timestamp, NO_HEADERS)
    if (attempts !== undefined) {
      collector.send(topic, partition, rowKey(ATTEMPT_ROW, Buffer.from(operator), admission), null, cursor.timestamp, NO_HEADERS)
    }
  }
}

/** The rows of this application among the records before `to`; the cursor stands at each. */
function* rowsBelow(cursor: RecordCursor, to: number, applicationId: string, topic: string): Generator<RowName> {
  while (cursor.next() && cursor.offset < to) {
    const row = rowOf(applicationId, topic, cursor.key())
    if (row !== undefined) {
      yield row
    }
  }
}
