/** The committed offsets a task starts from: stable ones (rule C3), and a missing one told from a lost one (rule A9). */
import { setTimeout as delay } from 'node:timers/promises'
import { StreamsError } from '../errors.ts'
import type { CommittedOffset, GroupClient, KafkaCluster, TopicPartition } from '../kafka/contract.ts'
import { KafkaError } from '../kafka/kafka-error.ts'
import { BrokerCode } from '../membership/broker-code.ts'
import { COMMITTER, decodeOffsetMetadata, INPUTS, inputsDigest } from './offset-metadata.ts'
import { isTransactionalIdOf } from './producer-incarnation.ts'
import { type ResetInput, startingOffsets } from './starting-offsets.ts'

/** Older unstable offsets belong to somebody who is not merely in the middle of a commit (rule C3). */
const UNSTABLE_MS = 200
const RETRY_MS = 20
/** No commit takes so long that its transaction is the oldest undecided one of a partition at both ends of this time. */
const STUCK_MS = 1_000
/** Every broker is asked what is open no more often than this, however many tasks wait. */
const ASK_AGAIN_MS = 250

export class OffsetReader {
  readonly #cluster: KafkaCluster
  readonly #group: GroupClient
  readonly #groupId: string
  /** Transactional ids of the asking thread's living producer: never fenced. */
  readonly #isOurs: (transactionalId: string) => boolean
  readonly #onFence: (transactionalId: string) => void
  #askAgainAt = 0

  constructor(options: {
    readonly cluster: KafkaCluster
    readonly group: GroupClient
    readonly groupId: string
    readonly isOurs: (transactionalId: string) => boolean
    readonly onFence?: (transactionalId: string) => void
  }) {
    this.#cluster = options.cluster
    this.#group = options.group
    this.#groupId = options.groupId
    this.#isOurs = options.isOurs
    this.#onFence = options.onFence ?? (() => undefined)
  }

  /** OffsetFetch with require_stable. After 200 ms of "unstable" the last committer of the partitions is fenced. */
  async stable(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<readonly CommittedOffset[]> {
    const started = performance.now()
    const fenced = new Set<string>()
    for (;;) {
      signal.throwIfAborted()
      try {
        return await this.#group.fetchOffsets(this.#groupId, partitions, { requireStable: true })
      } catch (error) {
        if (!(error instanceof KafkaError) || error.brokerCode !== BrokerCode.UNSTABLE_OFFSET_COMMIT) {
          throw error
        }
      }
      if (performance.now() - started > UNSTABLE_MS) {
        await this.fenceCommitters(partitions, fenced)
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }

  /** As they stand, undecided commits left out; for who only follows. */
  committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    return this.#group.fetchOffsets(this.#groupId, partitions, { requireStable: false })
  }

  /**
   * Ends what the last committers of these partitions left open. A wrong guess costs that member one generation, never
   * data: an id is never used twice (rule B7). `done` remembers who was fenced.
   */
  async fenceCommitters(partitions: readonly TopicPartition[], done: Set<string>): Promise<void> {
    const committed = await this.#group.fetchOffsets(this.#groupId, partitions, { requireStable: false })
    await this.#fence(this.#committers(committed), done)
    await this.#fenceOngoing(done)
  }

  /**
   * Rule C3's last resort: who leaves its first transaction for a task open is named by no committed metadata. Transactions
   * of the application that have been open for a second are nobody's who is well: a living member's take milliseconds.
   */
  async #fenceOngoing(done: Set<string>): Promise<void> {
    if (performance.now() < this.#askAgainAt) {
      return
    }
    this.#askAgainAt = performance.now() + ASK_AGAIN_MS
    const ongoing = await this.#cluster.ongoingTransactions(`${this.#groupId}-`, STUCK_MS)
    await this.#fence(ongoing.filter((transactionalId) => !this.#isOurs(transactionalId) && isTransactionalIdOf(this.#groupId, transactionalId)), done)
  }

  async #fence(transactionalIds: Iterable<string>, done: Set<string>): Promise<void> {
    for (const transactionalId of transactionalIds) {
      if (!done.has(transactionalId)) {
        done.add(transactionalId)
        this.#onFence(transactionalId)
        await this.#cluster.fence(transactionalId).catch((error: Error) => {
          // What is still open is asked for again.
          done.delete(transactionalId)
          throw error
        })
      }
    }
  }

  /** Transactional ids of others which these offsets were committed under. */
  #committers(committed: readonly CommittedOffset[]): ReadonlySet<string> {
    const ids = new Set<string>()
    for (const { metadata } of committed) {
      const transactionalId = decodeOffsetMetadata(metadata).extras.get(COMMITTER)
      if (transactionalId !== undefined && transactionalId !== '' && !this.#isOurs(transactionalId)) {
        ids.add(transactionalId)
      }
    }
    return ids
  }

  /**
   * Rule C3 where no offset is unstable: a member that died after it had sent records and before it sent their offsets.
   * Readers of the repartition topics it wrote to stand at its open transaction. To be called by who has taken its task
   * over, with the offsets the task began from. Committers are fenced when one of these partitions has undecided records
   * and its last stable offset has stood still for a second; a living member's moves with each of its commits.
   */
  async fenceIfStuck(committed: readonly CommittedOffset[], outputs: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    if (outputs.length === 0) {
      return
    }
    const [stable, ends] = await Promise.all([this.#cluster.listOffsets(outputs, 'latest', 'read_committed'), this.#cluster.listOffsets(outputs, 'latest', 'read_uncommitted')])
    const keyOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`
    const held = outputs.filter((output) => stable.get(keyOf(output))! < ends.get(keyOf(output))!)
    if (held.length === 0) {
      return
    }
    await delay(STUCK_MS, undefined, { signal })
    const later = await this.#cluster.listOffsets(held, 'latest', 'read_committed')
    if (held.some((output) => later.get(keyOf(output)) === stable.get(keyOf(output)))) {
      signal.throwIfAborted()
      const done = new Set<string>()
      await this.#fence(this.#committers(committed), done)
      await this.#fenceOngoing(done)
    }
  }

  /**
   * Every input with an offset to start from. `hasState`: the task has rows here or in a changelog, so it cannot be new
   * when offsets are missing that it had: they have expired or were deleted, which is asked for again a few times (a
   * coordinator that is stepping down may answer so) and then fails with `OFFSETS_MISSING`. Kafka Streams begins by the reset
   * policy there, on top of its state.
   */
  async starting(
    inputs: readonly ResetInput[],
    hasState: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<readonly CommittedOffset[]> {
    let committed = await this.stable(inputs, signal)
    for (let tries = 0; ; tries++) {
      const gone = lost(inputs, committed)
      if (gone.length === 0 || !(await hasState())) {
        break
      }
      if (tries === 5) {
        throw new StreamsError(
          'OFFSETS_MISSING',
          `${gone.map((i) => `${i.topic}-${i.partition}`).join(', ')}: the group ${this.#groupId} has no committed offsets although the task has state: they expired (offsets.retention.minutes) or were deleted, by hand or with the topic. Commit offsets for the group, or reset the application with its state.`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, 100 * (tries + 1)))
      committed = await this.stable(inputs, signal)
    }
    const byKey = new Map(committed.map((c) => [`${c.topic}-${c.partition}`, c]))
    const missing = inputs.filter((input) => (byKey.get(`${input.topic}-${input.partition}`)?.offset ?? -1) < 0)
    const resolved = await this.#reset(missing)
    const result = inputs.map((input) => {
      const key = `${input.topic}-${input.partition}`
      const known = byKey.get(key)
      return known !== undefined && known.offset >= 0
        ? known
        : { topic: input.topic, partition: input.partition, offset: resolved.get(key)!, metadata: '', leaderEpoch: -1 }
    })
    await this.#checkRange(result.filter((c) => !resolved.has(`${c.topic}-${c.partition}`)))
    return result
  }

  /** Rule A9: an offset that lies outside the log fails the task with the range that was lost. */
  async #checkRange(committed: readonly CommittedOffset[]): Promise<void> {
    if (committed.length === 0) {
      return
    }
    const [starts, ends] = await Promise.all([
      this.#cluster.listOffsets(committed, 'earliest', 'read_uncommitted'),
      this.#cluster.listOffsets(committed, 'latest', 'read_uncommitted'),
    ])
    for (const { topic, partition, offset } of committed) {
      const start = starts.get(`${topic}-${partition}`) ?? 0
      const end = ends.get(`${topic}-${partition}`) ?? Number.MAX_SAFE_INTEGER
      if (offset < start || offset > end) {
        throw new StreamsError(
          'OFFSET_OUT_OF_RANGE',
          offset < start
            ? `${topic}-${partition}: records ${offset} to ${start - 1} were deleted before they were read (retention). Commit offset ${start} for the group ${this.#groupId} to go on without them.`
            : `${topic}-${partition}: offset ${offset} was committed, but the log ends at ${end}: the topic was truncated or made anew. Commit an offset for the group ${this.#groupId}, or reset the application.`,
        )
      }
    }
  }

  async #reset(inputs: readonly ResetInput[]): Promise<ReadonlyMap<string, number>> {
    const none = inputs.filter((input) => input.reset === 'none')
    if (none.length > 0) {
      throw new StreamsError(
        'OFFSETS_MISSING',
        `${none.map((i) => `${i.topic}-${i.partition}`).join(', ')}: the group ${this.#groupId} has no committed offset and the source's offsetReset is 'none'. Commit one, or set 'earliest' or 'latest'.`,
      )
    }
    return startingOffsets(this.#cluster, inputs, 'read_committed', Date.now())
  }
}

/**
 * Offsets that were committed once and are gone: all of them; or those of single inputs, if another one was committed when the
 * task read just these topics, because its first commit names every input. An input that was added changes the set.
 */
function lost(inputs: readonly TopicPartition[], committed: readonly CommittedOffset[]): readonly CommittedOffset[] {
  const missing = committed.filter(({ offset }) => offset < 0)
  if (missing.length === 0 || missing.length === committed.length) {
    return missing
  }
  const digest = inputsDigest(inputs.map(({ topic }) => topic))
  return committed.some(({ offset, metadata }) => offset >= 0 && decodeOffsetMetadata(metadata).extras.get(INPUTS) === digest) ? missing : []
}
