/**
 * A stream thread: one group member, one transactional producer, one fetcher, its tasks. The assembly of the runtime;
 * the parts: `task-manager.ts` (tasks), `activation.ts` (restores), `commit.ts` (transactions), `membership/` (the group).
 *
 * Everything on the record path is synchronous and in turns of at most 10 ms; between them the loop gives control back by
 * `setImmediate`, so that fetches, commits and heartbeats go on (rule C10). Commits run beside processing: while
 * generation n is being committed, records of n + 1 go into memory, and not one byte of n + 1 leaves before n is decided
 * and applied.
 *
 * What changes the set of tasks or throws work away (revocation, loss, recovery, closing) runs one at a time in
 * `#exclusive`, after the commit under way has ended.
 */
import type { StateFolder } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../graph/topology.ts'
import type { FetchedRecords, Fetcher, GroupClient, KafkaCluster, TopicPartition } from '../kafka/contract.ts'
import { Membership } from '../membership/membership.ts'
import type { TaskVersion } from '../membership/types.ts'
import { taskVersionKey } from '../membership/types.ts'
import { OutputCollector } from './collector.ts'
import type { CommitOutcome } from './commit.ts'
import { CommitPipeline } from './commit.ts'
import { CommitPace } from './commit-pace.ts'
import { OffsetReader } from './committed-offsets.ts'
import type { RuntimeConfig } from './config.ts'
import type { HitFailpoint } from './failpoints.ts'
import { GlobalTables } from './global-tables.ts'
import { changelogPositions } from './changelog-positions.ts'
import { ProducerIncarnation } from './producer-incarnation.ts'
import type { Progress } from './progress.ts'
import { Purger } from './purger.ts'
import { Restorer } from './restorer.ts'
import { createTask } from './task.ts'
import type { TaskEntry } from './task-entry.ts'
import { TaskManager } from './task-manager.ts'
import type { ThreadCounters, ThreadSnapshot } from './thread-counters.ts'
import { newCounters } from './thread-counters.ts'
import type { ThreadState } from './thread-state.ts'
import { threadTransition } from './thread-state.ts'
import { TopicCatalog } from './topic-catalog.ts'
import type { PreparedTopics } from './topics.ts'
import { outputTopics, prepareTopics } from './topics.ts'
import { snapshotTask } from './task-snapshot.ts'

/** Longest turn without giving control back. */
const TURN_MS = 10
/** Records of one task before the next task has its turn. */
const SLICE = 256
/** A thread that fails waits so long for the commit under way, which is not to blame; prevents that it hangs without brokers. */
const LAST_COMMIT_MS = 5_000

export interface StreamThreadOptions {
  readonly topology: Topology
  readonly config: RuntimeConfig
  readonly cluster: KafkaCluster
  readonly processId: string
  readonly thread: number
  /** Folder of the process' state; its lock is held by the supervisor. */
  readonly folder: StateFolder
  readonly failpoint: HitFailpoint
  readonly progress?: Progress
  onState(state: ThreadState): void
  /** The thread has stopped because of this error and released what it could. */
  onFailed(error: Error): void
  onWarning(message: string): void
}

export class StreamThread {
  readonly #options: StreamThreadOptions
  readonly #group: GroupClient
  readonly #topics: TopicCatalog
  readonly #collector: OutputCollector
  readonly #producer: ProducerIncarnation
  readonly #pace: CommitPace
  readonly #counters: ThreadCounters = newCounters()
  #prepared: PreparedTopics | undefined
  #membership: Membership | undefined
  #pipeline: CommitPipeline | undefined
  #tasks: TaskManager | undefined
  #fetcher: Fetcher | undefined
  #restorer: Restorer | undefined
  #globals: GlobalTables | undefined
  #purger: Purger | undefined
  #state: ThreadState = 'created'
  #turnQueued = false
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  /** The commit under way, its recovery included. */
  #committing: Promise<void> | undefined
  #commitAbort = new AbortController()
  /** Commits and processing stand still while work is thrown away. */
  #halted = false
  #exclusive: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined
  #busyUntil = 0

  constructor(options: StreamThreadOptions) {
    const { cluster, config, folder, processId, thread } = options
    this.#options = options
    this.#group = cluster.group()
    this.#topics = new TopicCatalog(cluster, cluster.admin())
    this.#collector = new OutputCollector(cluster, this.#topics)
    this.#producer = new ProducerIncarnation({ cluster, config, folder, processId, thread })
    this.#pace = new CommitPace(config.commitIntervalMs)
  }

  get state(): ThreadState {
    return this.#state
  }

  /** Prepares topics, producer and global tables, then joins the group. Rejects when any of these fails. */
  async start(): Promise<void> {
    const { topology, config, cluster, folder, thread, processId } = this.#options
    this.#move('starting')
    this.#prepared = await prepareTopics(cluster, topology, config)
    await this.#topics.load([...outputTopics(topology, config), ...this.#prepared.subscribed])
    await this.#openSerdes()
    await this.#newProducer()
    this.#globals = new GlobalTables({
      topology,
      cluster,
      topics: this.#topics,
      config,
      location: await folder.taskLocation(`global-${thread}`),
      now: Date.now,
      onFailed: (error) => this.fail(error),
    })
    await this.#globals.load()
    this.#fetcher = cluster.fetcher({
      isolation: config.processingGuarantee === 'exactly_once_v2' ? 'read_committed' : 'read_uncommitted',
      onRecords: (records) => this.#onRecords(records),
      onError: (partition, error) => this.#onFetchError(partition, error),
    })
    this.#restorer = new Restorer(cluster, () => performance.now() < this.#busyUntil)
    this.#purger = new Purger(cluster.admin(), (message) => this.#options.onWarning(message))
    this.#tasks = this.#makeTasks()
    this.#membership = new Membership({
      group: this.#group,
      groupId: config.applicationId,
      sessionTimeoutMs: config.sessionTimeoutMs,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      topics: this.#prepared.subscribed,
      subscription: () => ({ processId, thread, subtopologies: this.#prepared!.descriptions, copies: [] }),
      onMemberId: (memberId) => this.#producer.setMemberId(memberId),
      onAssigned: (added, revoked) => this.#onAssigned(added, revoked),
      onLost: () => this.#onLost(),
      onFailed: (error) => this.fail(error),
      onState: () => this.#updateState(),
      onWarning: (message) => this.#options.onWarning(message),
    })
    this.#newPipeline()
    this.#membership.start()
  }

  async #openSerdes(): Promise<void> {
    const { topology } = this.#options
    const serdes = new Set<{ open?(): Promise<void> }>()
    for (const subtopology of topology.subtopologies) {
      for (const node of subtopology.nodes.values()) {
        if (node.kind === 'source' || node.kind === 'sink') {
          serdes.add(node.key).add(node.value)
        } else if (node.kind === 'async') {
          serdes.add(node.operator.key).add(node.operator.value)
        }
      }
      for (const store of subtopology.stores) {
        serdes.add(store.key).add(store.value)
      }
    }
    for (const { source, store } of topology.globalTables) {
      serdes.add(source.key).add(source.value).add(store.key).add(store.value)
    }
    await Promise.all([...serdes].map((serde) => serde.open?.()))
  }

  #makeTasks(): TaskManager {
    const { topology, config, cluster, folder } = this.#options
    const offsets = new OffsetReader({
      cluster,
      group: this.#group,
      groupId: config.applicationId,
      isOurs: (transactionalId) => transactionalId === this.#producer.transactionalId,
      onFence: () => {
        this.#counters.committersFenced++
      },
    })
    return new TaskManager({
      topology,
      config,
      collector: this.#collector,
      globalStores: this.#globals!.stores,
      createTask,
      activation: {
        cluster,
        topics: this.#topics,
        offsets,
        restorer: this.#restorer!,
        errors: config.errors,
        now: Date.now,
        onRestored: (_entry, records) => {
          this.#counters.recordsRestored += records
        },
      },
      locate: (taskId) => folder.taskLocation(taskId),
      partitionsOf: (topic) => this.#prepared!.partitions.get(topic) ?? 0,
      committer: () => (config.processingGuarantee === 'exactly_once_v2' ? this.#producer.transactionalId : undefined),
      fetcher: this.#fetcher!,
      onWake: () => {
        this.#updateState()
        this.#wake()
      },
      onFailed: (error) => this.fail(error),
    })
  }

  async #newProducer(): Promise<void> {
    await this.#producer.renew()
    if (this.#membership !== undefined) {
      this.#newPipeline()
    }
  }

  #newPipeline(): void {
    this.#pipeline = new CommitPipeline({
      producer: this.#producer.producer,
      group: this.#group,
      membership: this.#membership!,
      guarantee: this.#options.config.processingGuarantee,
      failpoint: this.#options.failpoint,
    })
  }

  // --- the loop ------------------------------------------------------------------------------------------------------

  #wake(): void {
    if (!this.#turnQueued) {
      this.#turnQueued = true
      setImmediate(() => {
        this.#turnQueued = false
        this.#turn()
      })
    }
  }

  /** Wakes at `at` (performance clock, ms) unless something comes before. */
  #wakeAt(at: number): void {
    if (at < this.#timerAt) {
      clearTimeout(this.#timer)
      this.#timerAt = at
      this.#timer = setTimeout(() => {
        this.#timerAt = Number.POSITIVE_INFINITY
        this.#turn()
      }, Math.max(0, at - performance.now()))
    }
  }

  #turn(): void {
    if (this.#halted || this.#state === 'closed' || this.#state === 'failed') {
      return
    }
    try {
      const more = this.#process()
      this.#commitIfDue()
      if (more) {
        this.#wake()
      } else {
        this.#sleep()
      }
    } catch (error) {
      this.fail(error as Error)
    }
  }

  /** One turn of records. True when there is more to do at once. */
  #process(): boolean {
    const running = this.#tasks!.running
    const end = performance.now() + TURN_MS
    let total = 0
    for (;;) {
      if (this.#full()) {
        // The commit that makes room wakes us.
        break
      }
      let round = 0
      for (const entry of running) {
        const task = entry.task!
        this.#options.progress?.enter(entry.id, Date.now())
        const done = task.process(SLICE)
        entry.processed += done
        round += done
        if (task.punctuate()) {
          round++
        }
        this.#options.progress?.leave()
        this.#resume(entry)
        if (performance.now() >= end) {
          break
        }
      }
      total += round
      if (round === 0) {
        break
      }
      if (performance.now() >= end) {
        this.#counters.recordsProcessed += total
        this.#busyUntil = performance.now() + TURN_MS
        return true
      }
    }
    this.#counters.recordsProcessed += total
    return false
  }

  /** Uncommitted bytes of the open generation above which nothing more goes in. */
  #full(): boolean {
    return this.#uncommittedBytes() >= this.#options.config.uncommittedMaxBytes
  }

  #uncommittedBytes(): number {
    let bytes = this.#collector.bytes
    for (const entry of this.#tasks!.all) {
      bytes += entry.state !== undefined && entry.status === 'running' ? entry.state.uncommittedBytes : 0
    }
    return bytes
  }

  #onRecords(records: FetchedRecords): void {
    const entry = this.#tasks?.taskOf(records.topic, records.partition)
    if (entry === undefined || entry.status !== 'running') {
      return
    }
    const key = `${records.topic}-${records.partition}`
    entry.highWatermarks.set(key, records.highWatermark)
    entry.task!.enqueue(records)
    if (entry.task!.paused(records)) {
      this.#fetcher!.pause(records)
      entry.paused.add(key)
    }
    this.#wake()
  }

  #resume(entry: TaskEntry): void {
    if (entry.paused.size === 0) {
      return
    }
    for (const input of entry.inputs) {
      const key = `${input.topic}-${input.partition}`
      if (entry.paused.has(key) && !entry.task!.paused(input)) {
        entry.paused.delete(key)
        this.#fetcher!.resume(input)
      }
    }
  }

  #onFetchError({ topic, partition }: TopicPartition, error: Error): void {
    const entry = this.#tasks?.taskOf(topic, partition)
    if (entry !== undefined) {
      this.fail(error)
    }
  }

  #sleep(): void {
    let deadline = Number.POSITIVE_INFINITY
    for (const entry of this.#tasks!.running) {
      deadline = Math.min(deadline, entry.task!.nextDeadline() ?? Number.POSITIVE_INFINITY)
    }
    if (deadline !== Number.POSITIVE_INFINITY) {
      // Timers of tasks are on the wall clock.
      this.#wakeAt(performance.now() + Math.max(1, deadline - Date.now()))
    }
  }

  // --- commits -------------------------------------------------------------------------------------------------------

  #commitIfDue(): void {
    if (this.#committing !== undefined || this.#halted) {
      return
    }
    const entries = [...this.#tasks!.all].filter((entry) => entry.commitNeeded)
    if (entries.length === 0) {
      return
    }
    const urgent = this.#full() || entries.some((entry) => entry.task!.commitRequested)
    const wait = urgent ? 0 : this.#pace.waitMs(performance.now())
    if (wait > 0) {
      this.#wakeAt(performance.now() + wait)
      return
    }
    this.#commit(entries)
  }

  /** Closes the open generation and starts to commit it. */
  #commit(entries: readonly TaskEntry[]): void {
    const started = performance.now()
    // One turn, no await: all tasks close the same generation, and the collector with them.
    const commits = entries.map((entry) => ({ entry, commit: entry.task!.closeGeneration() }))
    const outputs = this.#collector.close()
    this.#options.failpoint('generation.closed')
    const offsets = commits.flatMap(({ commit }) => commit.offsets)
    const run = async () => {
      const outcome = await this.#pipeline!.run(outputs, offsets, this.#commitAbort.signal)
      if (outcome.kind === 'dropped') {
        outputs.recycle()
        this.#counters.commitsDropped++
        await this.#recover(outcome)
        return
      }
      this.#options.failpoint('applied.before')
      const applying = performance.now()
      await Promise.all(
        commits.map(async ({ entry, commit }) => {
          await entry.state!.applyFrozen(changelogPositions(entry, commit, outcome.acks, Date.now()))
          entry.task!.generationCommitted()
          entry.unannounced = false
          for (const { topic, partition, offset } of commit.offsets) {
            entry.committed.set(`${topic}-${partition}`, offset)
          }
          this.#purger!.committed(entry, commit.offsets)
        }),
      )
      const touched = outputs.writers().length + offsets.length
      outputs.recycle()
      this.#options.failpoint('applied.after')
      const ended = performance.now()
      this.#pace.ended(started, ended, touched)
      this.#count(outcome, ended - started, ended - applying)
    }
    const committing = run()
      .catch((error: Error) => {
        // A generation that is committed but not applied leaves the state behind the topics, never ahead.
        queueMicrotask(() => this.fail(error))
      })
      .finally(() => {
        if (this.#committing === committing) {
          this.#committing = undefined
        }
        this.#wake()
      })
    this.#committing = committing
  }

  #count(outcome: Extract<CommitOutcome, { kind: 'committed' }>, tookMs: number, applyMs: number): void {
    const counters = this.#counters
    counters.commits++
    counters.commitMs += tookMs
    counters.produceMs += outcome.phases.produceMs
    counters.offsetsMs += outcome.phases.offsetsMs
    counters.endMs += outcome.phases.endMs
    counters.applyMs += applyMs
  }

  /**
   * Rules B6 and C4: the closed generation did not commit, or nobody knows. It and the open one are thrown away with
   * everything in memory; the tasks start over from what the broker says.
   */
  async #recover(outcome: Extract<CommitOutcome, { kind: 'dropped' }>): Promise<void> {
    this.#options.onWarning(`A generation was dropped: ${outcome.error.message}`)
    if (!isRecoverable(outcome.error)) {
      throw outcome.error
    }
    const dropped = this.#tasks!.drop()
    this.#collector.drop()
    this.#updateState()
    if (this.#halted) {
      return
    }
    if (!outcome.producerUsable) {
      this.#counters.producersReplaced++
      await this.#newProducer()
    }
    if (outcome.error instanceof StreamsError && outcome.error.code === 'RECORD_TOO_LARGE') {
      // The limit was changed under us: with the new one the policy strikes the record that is too large (rule C5).
      await this.#topics.load([...outputTopics(this.#options.topology, this.#options.config)], true)
      this.#collector.forgetLimits()
    }
    if (!outcome.membershipLost) {
      for (const entry of dropped) {
        this.#tasks!.activate(entry)
      }
    }
  }

  /** Commits until nothing is left to commit; resolves also when a commit was dropped. */
  async #flush(): Promise<void> {
    for (;;) {
      await this.#committing
      const entries = [...this.#tasks!.all].filter((entry) => entry.commitNeeded && !(entry.unannounced && !entry.task!.commitNeeded))
      if (entries.length === 0 || this.#membership?.identity === undefined) {
        return
      }
      this.#commit(entries)
    }
  }

  // --- membership ----------------------------------------------------------------------------------------------------

  #runExclusive(run: () => Promise<void>): Promise<void> {
    const next = this.#exclusive.then(run)
    this.#exclusive = next.catch(() => undefined)
    return next.catch((error: Error) => this.fail(error))
  }

  #onAssigned(added: readonly TaskVersion[], revoked: readonly TaskVersion[]): void {
    this.#counters.rebalances++
    if (revoked.length > 0) {
      this.#tasks!.suspend(revoked)
      this.#runExclusive(() => this.#release(revoked))
    }
    if (added.length > 0) {
      this.#runExclusive(async () => {
        this.#tasks!.add(added.filter((version) => this.#owns(version)))
        this.#updateState()
      })
    }
    this.#updateState()
    this.#wake()
  }

  /** Rule C2: released means no record of the task in any open generation, its calls signalled, its database closed. */
  async #release(revoked: readonly TaskVersion[]): Promise<void> {
    // Some may have been added since the revocation came in.
    const entries = this.#tasks!.suspend(revoked)
    await this.#flush()
    await this.#tasks!.close(entries)
    this.#membership!.released()
  }

  /** Whether the newest assignment still names the task. */
  #owns(version: TaskVersion): boolean {
    const state = this.#membership!.state
    const key = taskVersionKey(version)
    return 'owned' in state && state.owned.some((owned) => taskVersionKey(owned) === key)
  }

  /** Everything uncommitted is dropped before the thread joins anew: it has no right to any of it (rule A12). */
  #onLost(): void {
    this.#counters.membershipsLost++
    this.#tasks!.suspend([...this.#tasks!.all].map((entry) => entry.version))
    this.#updateState()
    this.#runExclusive(async () => {
      await this.#committing
      this.#collector.drop()
      await this.#tasks!.close([...this.#tasks!.all])
      this.#membership!.dropped()
    })
  }

  // --- life ----------------------------------------------------------------------------------------------------------

  #updateState(): void {
    if (this.#state === 'closing' || this.#state === 'closed' || this.#state === 'failed' || this.#membership === undefined) {
      return
    }
    const membership = this.#membership.state
    // A rebalance interrupts nobody who keeps his tasks: only the first one, and a loss, are worth a state.
    const member = membership.name === 'stable' || (this.#state === 'running' && 'owned' in membership)
    this.#move(member && 'owned' in membership && this.#tasks!.runs(membership.owned) ? 'running' : 'rebalancing')
  }

  #move(next: ThreadState): void {
    if (next !== this.#state) {
      this.#state = threadTransition(this.#state, next)
      this.#options.onState(next)
    }
  }

  /** Commits, leaves the group, closes everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#state === 'failed') {
      return
    }
    this.#move('closing')
    await this.#runExclusive(async () => {
      if (this.#tasks !== undefined) {
        const entries = [...this.#tasks.all]
        this.#tasks.suspend(entries.map((entry) => entry.version))
        await this.#flush()
        await this.#tasks.close(entries)
      }
    })
    await this.#shutDown(true)
    this.#move('closed')
  }

  async #shutDown(clean: boolean): Promise<void> {
    clearTimeout(this.#timer)
    await this.#membership?.leave()
    await this.#fetcher?.close()
    await this.#restorer?.close()
    await this.#globals?.close()
    if (clean) {
      await this.#producer.retire()
    } else {
      await this.#producer.retireFenced().catch((error: Error) => this.#options.onWarning(`The producer could not be fenced; the next start does it: ${error.message}`))
    }
    await this.#options.cluster.close()
  }

  /** An error nobody may go on after: the open generation is thrown away, the group is left, the supervisor decides. */
  fail(error: Error): void {
    if (this.#state === 'failed' || this.#state === 'closed') {
      return
    }
    this.#halted = true
    this.#move('failed')
    this.#exclusive = this.#exclusive
      .then(async () => {
        const patience = setTimeout(() => this.#commitAbort.abort(error), LAST_COMMIT_MS)
        await this.#committing
        clearTimeout(patience)
        this.#collector.drop()
        if (this.#tasks !== undefined) {
          await this.#tasks.close([...this.#tasks.all])
        }
      })
      .catch(() => undefined)
      .then(() => this.#shutDown(false))
      .catch(() => undefined)
      .then(() => this.#options.onFailed(error))
  }

  /** What the thread does and has, for metrics. */
  snapshot(): ThreadSnapshot {
    return {
      thread: this.#options.thread,
      state: this.#state,
      membership: this.#membership?.state.name ?? 'unjoined',
      counters: { ...this.#counters },
      tasks: this.#tasks === undefined ? [] : [...this.#tasks.all].map(snapshotTask),
    }
  }
}

/** Errors after which the tasks start over. Others (rights, a wrong protocol, a missing topic) would only come again. */
function isRecoverable(error: Error): boolean {
  if (!(error instanceof StreamsError)) {
    return false
  }
  switch (error.code) {
    case 'PRODUCER_FENCED':
    case 'TRANSACTION_ABORTED':
    case 'MEMBERSHIP_LOST':
    case 'RECORD_TOO_LARGE':
    case 'CONNECTION_FAILED':
    case 'TIMEOUT':
      return true
    case 'PROTOCOL_ERROR':
      return 'retriable' in error && error.retriable === true
    default:
      return false
  }
}
