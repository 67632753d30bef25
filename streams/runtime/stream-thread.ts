/**
 * A stream thread: one group member, one transactional producer, one fetcher, its tasks. The assembly of the runtime;
 * its parts: `record-loop.ts` (turns), `commit-cycle.ts` (commits beside them), `task-manager.ts` and `activation.ts`
 * (tasks and restores), `task-ownership.ts` (what the group gives and takes), `membership/` (the group).
 */
import { StreamsError } from '../errors.ts'
import type { Endpoint } from '../membership/endpoint.ts'
import { LatencyHistogram } from '../metrics/latency-histogram.ts'
import type { Subscription, SubtopologyDescription } from '../membership/types.ts'
import type { PageAnswer, PageRequest } from '../queries/page.ts'
import { ThreadQueries } from '../queries/thread-queries.ts'
import { OutputCollector } from './collector.ts'
import { Departure } from './departure.ts'
import { GlobalTables } from './global-tables.ts'
import { InputTopics } from './input-topics.ts'
import { openSerdes } from './open-serdes.ts'
import { ProducerIncarnation } from './producer-incarnation.ts'
import { describeCopies, RestingCopies } from './resting-copies.ts'
import { StateMemory } from './state-memory.ts'
import type { StreamThreadOptions } from './stream-thread-options.ts'
import type { Suspect } from './suspects.ts'
import { Suspects } from './suspects.ts'
import type { TaskManager } from './task-manager.ts'
import { answerParked, type ParkedAnswer, type ParkedQuestion } from './parked-keys.ts'
import { sumMeasurements, type TaskMeasurements } from './task-metrics.ts'
import { TaskOwnership } from './task-ownership.ts'
import { snapshotTask } from './task-snapshot.ts'
import type { ThreadSnapshot } from './thread-counters.ts'
import { newCounters } from './thread-counters.ts'
import type { ThreadParts } from './thread-parts.ts'
import { assembleParts } from './thread-parts.ts'
import type { ThreadState } from './thread-state.ts'
import { threadTransition } from './thread-state.ts'
import { TopicCatalog } from './topic-catalog.ts'
import { within } from '../within.ts'

/** A thread that fails waits so long for the commit under way, which is not to blame; prevents that it hangs without brokers. */
const LAST_COMMIT_MS = 5_000

export class StreamThread {
  readonly #options: StreamThreadOptions
  readonly #topics: TopicCatalog
  readonly #inputs: InputTopics
  readonly #collector: OutputCollector
  readonly #producer: ProducerIncarnation
  readonly #memory: StateMemory
  readonly #globals: GlobalTables
  readonly #counters = newCounters()
  readonly #commitLatency = new LatencyHistogram()
  /** What tasks did here that have gone. */
  #left: TaskMeasurements | undefined
  readonly #queries: ThreadQueries
  #parts: ThreadParts | undefined
  #endpoint: Endpoint | undefined
  /** What the group was told last. */
  #described: readonly SubtopologyDescription[] = []
  readonly #resting: RestingCopies
  readonly #ownership: TaskOwnership
  readonly #suspects: Suspects
  #paused: boolean
  #state: ThreadState = 'created'
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #departure: Departure | undefined

  constructor(options: StreamThreadOptions) {
    const { cluster, config, folder, processId, thread, topology } = options
    this.#options = options
    this.#topics = new TopicCatalog(cluster, cluster.admin())
    this.#inputs = new InputTopics({ cluster, topology, config, catalog: this.#topics, onChanged: () => this.#onTopicsChanged(), onWarning: (message) => options.onWarning(message) })
    this.#collector = new OutputCollector(cluster, this.#topics)
    this.#endpoint = options.endpoint
    this.#resting = new RestingCopies(folder)
    this.#suspects = new Suspects(options.suspects)
    this.#ownership = new TaskOwnership({
      config,
      counters: this.#counters,
      collector: this.#collector,
      parts: () => this.#parts,
      ending: () => this.#state === 'closing' || this.#state === 'failed',
      onEvicted: () => options.onEvicted?.(),
      onChanged: () => this.#updateState(),
      onFailed: (error) => this.fail(error),
    })
    this.#paused = options.paused === true
    const announced = config.processingGuarantee === 'exactly_once_v2' ? options.onProduces : undefined
    this.#producer = new ProducerIncarnation({ cluster, config, folder, processId, thread, ...(announced === undefined ? {} : { onRenewed: announced }) })
    this.#memory = new StateMemory(options.memory, config, (message) => options.onWarning(message))
    this.#globals = new GlobalTables({
      topology,
      cluster,
      topics: this.#topics,
      config,
      thread,
      folder,
      memory: this.#memory,
      failpoint: options.failpoint,
      now: Date.now,
      onFailed: (error) => this.fail(error),
      onWarning: (message) => options.onWarning(message),
    })
    this.#queries = new ThreadQueries({
      entries: () => this.#parts?.tasks.all ?? [],
      globals: () => ({ state: this.#globals.state, tables: topology.globalTables }),
      counters: this.#counters,
    })
  }

  get state(): ThreadState {
    return this.#state
  }

  /** Prepares topics, producer and global tables, then joins the group. Rejects when any of these fails. */
  start(): Promise<void> {
    this.#move('starting')
    this.#starting = this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    try {
      await this.#inputs.prepare()
    } catch (error) {
      if (this.#state !== 'starting') {
        return
      }
      throw error
    }
    if (this.#options.thread === 0) {
      // Beside the start, and once for all threads of the process.
      this.#inputs.checkAge()
    }
    await openSerdes(this.#options.topology)
    await this.#producer.renew()
    await this.#globals.load()
    await this.#resting.load()
    if (this.#state !== 'starting') {
      return
    }
    this.#parts = this.#assemble()
    this.#parts.loop.pause(this.#paused)
    this.#parts.membership.start()
    this.#inputs.watch()
  }

  #assemble(): ThreadParts {
    return assembleParts({
      ...this.#options,
      inputs: this.#inputs,
      topics: this.#topics,
      collector: this.#collector,
      producer: this.#producer,
      globals: this.#globals,
      memory: this.#memory,
      counters: this.#counters,
      commitLatency: this.#commitLatency,
      onLeft: (measured) => {
        this.#left = this.#left === undefined ? measured : sumMeasurements([this.#left, measured])
      },
      suspects: this.#suspects,
      describe: (tasks) => this.#describe(tasks),
      onTasks: () => this.#updateState(),
      onCommitted: () => this.#queries.committed(),
      onMembership: () => {
        this.#updateState()
        this.#tellOfTopics()
        this.#ownership.tellOfWarmups()
        if (this.#parts?.membership.state.name === 'stable') {
          this.#inputs.afterRound()
        }
        this.#departure?.look()
      },
      onAssigned: (added, revoked) => this.#ownership.assigned(added, revoked),
      onCopies: (copies) => {
        this.#ownership.copies = copies
      },
      onCopy: () => this.#ownership.tellOfWarmups(),
      onLost: (code) => this.#ownership.lost(code),
      onFailed: (error) => this.fail(error),
    })
  }

  #describe(tasks: TaskManager): Omit<Subscription, 'owned' | 'released'> {
    const { config, processId, thread } = this.#options
    const { descriptions } = this.#inputs.now
    this.#described = descriptions
    return {
      processId,
      thread,
      subtopologies: descriptions,
      copies: [...describeCopies(tasks.copies), ...this.#resting.describe(descriptions, tasks)],
      ...(this.#departure === undefined ? { feeds: true } : { leaving: true }),
      ...(Object.keys(config.clientTags).length === 0 ? {} : { tags: config.clientTags }),
      ...(this.#endpoint === undefined ? {} : { endpoint: this.#endpoint }),
      ...(config.processingGuarantee === 'exactly_once_v2' ? { transactionalId: this.#producer.transactionalId } : {}),
    }
  }

  /** Somebody was just taken out of the group: asks it now, not at the next heartbeat. */
  hurry(): void {
    this.#parts?.membership.hurry()
  }

  /** Processes nothing, or goes on; commits of what is done and everything beside go on. */
  pause(paused: boolean): void {
    this.#paused = paused
    this.#parts?.loop.pause(paused)
  }

  /** A record ended threads of this process twice in the same operator. */
  suspect(suspect: Suspect): void {
    this.#suspects.add(suspect)
  }

  /** From the next round on nobody is asked to watch this process. */
  unwatched(): void {
    this.#endpoint = undefined
    this.#parts?.membership.rejoin()
  }

  /** Rule C15: tasks take the partitions that are theirs; the group hears of new tasks. */
  #onTopicsChanged(): void {
    this.#globals.grow().catch((error: Error) => this.fail(error))
    this.#ownership.grow()
    this.#tellOfTopics()
  }

  /** What the group was told of the topics is not true any more: it hears of it in a new round. */
  #tellOfTopics(): void {
    const { membership } = this.#parts ?? {}
    if (membership?.state.name === 'stable' && this.#described !== this.#inputs.now.descriptions) {
      membership.rejoin()
    }
  }

  // --- life ----------------------------------------------------------------------------------------------------------

  #updateState(): void {
    if (this.#parts === undefined || (this.#state !== 'starting' && this.#state !== 'rebalancing' && this.#state !== 'running')) {
      return
    }
    const membership = this.#parts.membership.state
    // A rebalance interrupts nobody who keeps his tasks: only the first one, and a loss, are worth a state.
    const looking = this.#state !== 'running' && this.#parts.orphans.underWay
    const member = (membership.name === 'stable' && !looking) || (this.#state === 'running' && 'owned' in membership)
    this.#move(member && 'owned' in membership && this.#parts.tasks.runs(membership.owned) ? 'running' : 'rebalancing')
  }

  #move(next: ThreadState): void {
    if (next !== this.#state) {
      this.#state = threadTransition(this.#state, next)
      this.#options.onState(next)
    }
  }

  /** It may fail while something is awaited. */
  get #hasFailed(): boolean {
    return this.#state === 'failed'
  }

  /** It runs a task whose state others would have to restore at length. */
  get #hasMuch(): boolean {
    const { acceptableRecoveryLag, maxWarmupReplicas } = this.#options.config
    const runs = this.#state === 'running' || this.#state === 'rebalancing'
    return runs && maxWarmupReplicas > 0 && this.#parts?.tasks.running.some(({ changelogSize }) => changelogSize !== undefined && changelogSize > acceptableRecoveryLag) === true
  }

  /** Goes on until others have taken over what takes long to restore, or for half of the time a stop may take. */
  async #depart(): Promise<void> {
    const { membership } = this.#parts!
    this.#departure = new Departure(membership)
    this.#departure.look()
    await within(this.#departure.done, this.#options.config.closeTimeoutMs / 2)
  }

  /** Commits, leaves the group, closes everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#hasMuch) {
      await this.#depart()
    }
    if (this.#hasFailed) {
      await this.#ownership.idle
      return
    }
    this.#move('closing')
    if (!this.#inputs.prepared) {
      // Nothing is held yet: brokers that do not answer are not waited for.
      await this.#options.cluster.close()
    }
    await this.#starting?.catch(() => undefined)
    await this.#ownership.exclusively(async ({ tasks, commits, membership }) => {
      tasks.suspend([...tasks.all].map((entry) => entry.version))
      await commits.flush()
      // Others may take the tasks while the databases are being closed. A thread of this process waits for the one it opens.
      await tasks.retire([...tasks.all])
      await membership.leave()
      await tasks.close([...tasks.all])
    })
    // Leaving may have failed the thread, which then has released everything by itself.
    if (!this.#hasFailed) {
      await this.#shutDown()
      await this.#producer.retire()
      await this.#options.cluster.close()
      this.#move('closed')
    }
  }

  /**
   * Gives up what `close` waits for: no broker is asked any more, nothing is committed. Resolves when the databases are
   * closed, or after some seconds.
   */
  async end(): Promise<void> {
    this.#departure?.giveUp()
    this.#parts?.loop.stop()
    this.#parts?.commits.stop()
    this.#parts?.membership.abandon()
    this.#parts?.commits.giveUp(new StreamsError('NOT_RUNNING', 'The thread is ended.'))
    await this.#options.cluster.close()
    await within(this.close().catch(() => undefined), LAST_COMMIT_MS)
  }

  async #shutDown(): Promise<void> {
    this.#inputs.stop()
    this.#queries.close()
    this.#parts?.loop.stop()
    this.#parts?.commits.stop()
    await this.#parts?.membership.leave()
    await this.#parts?.orphans.close()
    await this.#parts?.fetcher.close()
    await this.#parts?.restorer.close()
    await this.#parts?.snapshots.close()
    await this.#globals.close()
  }

  /** An error nobody may go on after: the open generation is thrown away, the group is left, the supervisor decides. */
  fail(error: Error): void {
    if (this.#state === 'failed' || this.#state === 'closed') {
      return
    }
    this.#move('failed')
    this.#departure?.giveUp()
    this.#parts?.loop.stop()
    this.#parts?.commits.stop()
    this.#ownership.lastly(() =>
      this.#abandon(error)
        .catch((cause: Error) => this.#options.onWarning(`The failed thread could not release everything: ${cause.message}`))
        .then(() => this.#options.onFailed(error)),
    )
  }

  async #abandon(error: Error): Promise<void> {
    await this.#starting?.catch(() => undefined)
    try {
      await this.#closeTasks(error)
    } finally {
      // A state that cannot be closed must not keep the thread a member: others wait for its tasks.
      try {
        await this.#shutDown()
        await this.#producer.retireFenced()
      } finally {
        await this.#options.cluster.close()
      }
    }
  }

  async #closeTasks(error: Error): Promise<void> {
    if (this.#parts !== undefined) {
      const { commits, tasks } = this.#parts
      const patience = setTimeout(() => commits.giveUp(error), LAST_COMMIT_MS)
      await commits.idle()
      clearTimeout(patience)
      this.#collector.drop()
      await tasks.close([...tasks.all])
    }
  }

  /** About parked keys of the tasks that process now; between two turns, as messages come. */
  parked(question: ParkedQuestion): ParkedAnswer {
    const running = [...(this.#parts?.tasks.all ?? [])].filter(({ status }) => status === 'running')
    return answerParked(running.flatMap(({ id, task }) => (task === undefined ? [] : [[id, task] as const])), question)
  }

  /** A page of a store's committed rows; between two turns, as messages come. */
  query(request: PageRequest): Promise<PageAnswer> {
    return this.#queries.page(request)
  }

  /** What the thread does and has, for metrics. */
  snapshot(): ThreadSnapshot {
    return {
      thread: this.#options.thread,
      state: this.#state,
      membership: this.#parts?.membership.state.name ?? 'unjoined',
      counters: { ...this.#counters },
      refusedPartitions: this.#parts === undefined ? 0 : this.#inputs.now.refused.reduce((sum, { partitions, taken }) => sum + partitions - taken, 0),
      commitLatency: this.#commitLatency.snapshot(),
      ...(this.#left === undefined ? {} : { left: this.#left }),
      tasks: this.#parts === undefined ? [] : [...this.#parts.tasks.all].map(snapshotTask),
    }
  }
}

