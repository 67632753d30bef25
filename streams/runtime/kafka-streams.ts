/**
 * The application: supervises its stream threads, and is never on the record path. It holds the lock of the state
 * directory, ends what earlier incarnations left open before anybody joins, and does the same for a worker that dies.
 */
import { MemoryBudget, StateDirectory } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../graph/topology.ts'
import { createCluster } from '../kafka/cluster.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import { Peers } from '../membership/peers.ts'
import type { PeerProcess } from '../membership/types.ts'
import { AppQueries } from '../queries/app-queries.ts'
import type { KeyQueryMetadata, StreamsMetadata } from '../queries/group-metadata.ts'
import type { Query, RowsQuery, SingleQuery } from '../queries/query.ts'
import type { QueryOptions, QueryResult, QueryRows } from '../queries/store-queries.ts'
import type { AppState } from './app-state.ts'
import { appTransition } from './app-state.ts'
import type { RuntimeConfig, StreamsConfig } from './config.ts'
import { resolveConfig } from './config.ts'
import { endIncarnations, evictMembers } from './dead-members.ts'
import { codeOf } from './dead-letter.ts'
import { failpointsFrom } from './failpoints.ts'
import type { ParkedAnswer, ParkedEntry, ParkedId, ParkedQuestion } from './parked-keys.ts'
import type { RestoreEvent } from './restore-progress.ts'
import { stopApplication } from './stop-application.ts'
import { StreamThreads } from './stream-threads.ts'
import { StateCleaner } from './state-cleaner.ts'
import type { ThreadHost } from './thread-host.ts'
import { hostInProcess, hostInWorker } from './thread-host.ts'
import type { ThreadSnapshot } from './thread-counters.ts'
import type { ThreadState } from './thread-state.ts'
import { ThreadWatch } from './thread-watch.ts'
import type { ConfiguredTopology } from './topology-source.ts'
import { makeTopology } from './topology-source.ts'
import { type UncaughtDecision, type UncaughtErrorCallback, UncaughtErrors } from './uncaught-errors.ts'
import { loadTracing, type TracingFunction } from '../tracing/load.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import { within } from '../within.ts'

export interface KafkaStreamsOptions extends StreamsConfig {
  /** A module whose default export describes the topology (workers load it), or that function (then `threads: 'in-process'`). */
  readonly topology: URL | ConfiguredTopology
  /** Second argument of the topology function; plain data that survives a structured clone. */
  readonly settings?: unknown
  /**
   * Traces every record. A module whose default export gives the API (each stream thread loads it, and may start an SDK
   * there), or that function (then `threads: 'in-process'`). Default: nothing is traced, and costs nothing.
   */
  readonly tracing?: URL | TracingFunction
  /** Things an operator should know and nobody has to act on at once. Default: console.warn. */
  readonly onWarning?: (message: string) => void
  /**
   * A stream thread has failed with this error: what is to happen? Called on the thread that made the application. The causes
   * have their names and codes. `uncaughtError` decides where this gives undefined, throws, or does not answer within ten seconds.
   */
  readonly onUncaughtError?: UncaughtErrorCallback
}

export type StateListener = (state: AppState, before: AppState) => void

export class KafkaStreams {
  readonly #options: KafkaStreamsOptions
  readonly #config: RuntimeConfig
  readonly #warn: (message: string) => void
  readonly #listeners = new Set<StateListener>()
  readonly #errorListeners = new Set<(error: Error) => void>()
  readonly #restoreListeners = new Set<(event: RestoreEvent) => void>()
  readonly #threads: StreamThreads
  readonly #watch: ThreadWatch
  readonly #queries: AppQueries
  readonly #uncaught: UncaughtErrors
  readonly #waiters: { resolve: () => void; reject: (error: Error) => void }[] = []
  #state: AppState = 'CREATED'
  #error: Error | undefined
  #topology: Topology | undefined
  #directory: StateDirectory | undefined
  #cleaner: StateCleaner | undefined
  #cluster: KafkaCluster | undefined
  #peers: Peers | undefined
  readonly #memory: MemoryBudget
  #paused = false
  /** Of the one thread in-process. */
  #tracing: OpenTelemetry | undefined
  #failedThreads = 0
  #closing: Promise<void> | undefined
  #starting: Promise<void> | undefined
  /** Threads that are being replaced, and the end of a failed application. */
  #ending: Promise<void> = Promise.resolve()

  /** Throws `CONFIG_INVALID` naming field, limit and fix. */
  constructor(options: KafkaStreamsOptions) {
    this.#options = options
    this.#config = resolveConfig(options)
    this.#memory = MemoryBudget.of(this.#config.storeMemoryMiB * 1024 * 1024)
    this.#warn = options.onWarning ?? ((message) => console.warn(message))
    this.#uncaught = new UncaughtErrors({
      policy: this.#config.uncaughtError,
      callback: options.onUncaughtError,
      onWarning: (message) => this.#warn(`${this.#config.applicationId}: ${message}`),
    })
    this.#threads = new StreamThreads(this.#config.threads)
    this.#watch = new ThreadWatch({
      threads: this.#threads,
      sessionTimeoutMs: this.#config.sessionTimeoutMs,
      topology: () => this.#topology,
      warn: (message) => this.#warn(`${this.#config.applicationId}: ${message}`),
    })
    this.#queries = new AppQueries({ applicationId: this.#config.applicationId, running: () => this.#running(), hosts: () => this.#threads.hosts })
    failpointsFrom(process.env)
    const inWorkers = options.topology instanceof URL
    if (!inWorkers && typeof options.topology !== 'function') {
      throw new StreamsError('CONFIG_INVALID', 'topology must be the URL of a module (new URL("./topology.ts", import.meta.url)) or a function (builder) => void.')
    }
    if (!inWorkers && !this.#config.inProcess) {
      throw new StreamsError('CONFIG_INVALID', "threads: a topology given as a function cannot cross to a worker: give the URL of its module, or set threads to 'in-process'.")
    }
    if (options.onUncaughtError !== undefined && typeof options.onUncaughtError !== 'function') {
      throw new StreamsError('CONFIG_INVALID', 'onUncaughtError must be a function (error, thread) => action.')
    }
    if (options.tracing !== undefined && !(options.tracing instanceof URL) && (inWorkers || typeof options.tracing !== 'function')) {
      throw new StreamsError('CONFIG_INVALID', 'tracing: give the URL of a module whose default export is () => api; only with a topology function may it be that function.')
    }
  }

  get state(): AppState {
    return this.#state
  }

  /** Why the application is in PENDING_ERROR or ERROR. */
  get error(): Error | undefined {
    return this.#error
  }

  /** The built topology, once `start` has been called. */
  get topology(): Topology | undefined {
    return this.#topology
  }

  get config(): RuntimeConfig {
    return this.#config
  }

  /** Returns a function that takes the listener away again. */
  onStateChange(listener: StateListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Called when a store begins to be restored, every half second meanwhile, and at the end; for tasks and for copies of them. */
  onRestore(listener: (event: RestoreEvent) => void): () => void {
    this.#restoreListeners.add(listener)
    return () => this.#restoreListeners.delete(listener)
  }

  #tell<T>(listeners: ReadonlySet<(event: T) => void>, event: T): void {
    for (const listener of listeners) {
      listener(event)
    }
  }

  /** Called once, with the error that stopped the application. */
  onError(listener: (error: Error) => void): () => void {
    this.#errorListeners.add(listener)
    return () => this.#errorListeners.delete(listener)
  }

  /**
   * Resolves at RUNNING: every thread is a member and its tasks are restored. Rejects with what stopped it. Once only:
   * `ALREADY_STARTED`.
   */
  start(): Promise<void> {
    if (this.#starting !== undefined || this.#state !== 'CREATED') {
      return Promise.reject(new StreamsError('ALREADY_STARTED', 'An application starts once: make a new KafkaStreams.'))
    }
    this.#starting = this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    this.#move('REBALANCING')
    try {
      const { topology, settings, tracing } = this.#options
      if (tracing !== undefined && !(topology instanceof URL)) {
        this.#tracing = await loadTracing(tracing instanceof URL ? tracing.href : tracing)
      }
      this.#topology = await makeTopology(topology instanceof URL ? topology.href : topology, this.#config.applicationId, settings)
      this.#directory = await StateDirectory.open(this.#config.stateDir)
      this.#cluster = createCluster({ ...this.#config.client, clientId: `${this.#config.applicationId}-supervisor` })
      this.#cleaner = new StateCleaner({ folder: this.#directory, delayMs: this.#config.stateCleanupDelayMs, inUse: () => this.#tasksInUse(), onWarning: (message) => this.#warn(`${this.#config.applicationId}: ${message}`) })
      await this.#endIncarnations(() => true)
      this.#peers = await this.#openPeers()
      if (this.#state !== 'REBALANCING') {
        throw new StreamsError('NOT_RUNNING', 'The application was closed while it started.')
      }
    } catch (error) {
      if (this.#state === 'REBALANCING') {
        this.#failed(error as Error)
        await this.#ending
      }
      throw error
    }
    const running = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }))
    try {
      for (let thread = 0; thread < this.#config.threads; thread++) {
        this.#startThread(thread)
      }
    } catch (cause) {
      // Settings with a function, or anything else that cannot cross to a worker.
      this.#failed(new StreamsError('CONFIG_INVALID', 'settings must be plain data that a structured clone can carry to the stream threads.', { cause }))
    }
    this.#watch.start()
    this.#cleaner!.start()
    await running
  }

  #startThread(thread: number): void {
    const { topology, settings, tracing } = this.#options
    // What its predecessor had and could not give back.
    this.#memory.reclaim(thread)
    const init = { memory: this.#memory.shared, config: this.#config, processId: this.#directory!.processId, thread, stateDir: this.#directory!.path, endpoint: this.#peers!.endpoint, suspects: this.#watch.suspects, paused: this.#paused }
    const events = {
      onState: (state: ThreadState) => this.#onThreadState(thread, state),
      onFailed: (error: Error, died: boolean) => this.#onThreadFailed(thread, error, died),
      onWarning: (message: string) => this.#warn(`${this.#config.applicationId}, thread ${thread}: ${message}`),
      onWatch: (processes: readonly PeerProcess[]) => this.#peers!.watch(processes),
      onProduces: (transactionalId: string) => this.#peers!.produces(thread, transactionalId),
      onEvicted: () => this.#evicted(),
      onRestore: (event: RestoreEvent) => this.#tell(this.#restoreListeners, event),
      onStop: (code: string) => this.#onStop(code),
    }
    const host = topology instanceof URL ? hostInWorker({ ...init, topologyUrl: topology.href, settings, tracingUrl: tracing instanceof URL ? tracing.href : undefined }, events) : hostInProcess(this.#topology!, { ...init, tracing: this.#tracing }, events)
    this.#threads.add(host)
  }

  #openPeers(): Promise<Peers> {
    const { applicationId, peers } = this.#config
    return Peers.open({
      application: applicationId,
      processId: this.#directory!.processId,
      config: peers,
      // The others hear of it with their next heartbeat, our own threads now.
      evict: (memberIds, transactionalIds) => evictMembers(this.#cluster!, applicationId, memberIds, transactionalIds, () => this.#threads.tell((host) => host.hurry())),
      onDeparted: () => this.#threads.tell((host) => host.hurry()),
      onWarning: (message) => this.#warn(`${applicationId}: ${message}`),
      onAsker: (socket) => this.#queries.answer(socket),
    })
  }

  #evicted(): void {
    const watched = this.#peers!.endpoint !== undefined
    this.#peers!.evicted(Date.now())
    if (watched && this.#peers!.endpoint === undefined) {
      this.#threads.tell((host) => host.unwatched())
    }
  }

  /**
   * Adds a stream thread while the application runs. Resolves with its number once it has been started (the state is
   * RUNNING again when it has its tasks), or with undefined: the application is not running, or its one thread is in-process.
   */
  async addStreamThread(): Promise<number | undefined> {
    if (!this.#alive || this.#config.inProcess) {
      return undefined
    }
    const thread = this.#threads.free()
    this.#threads.wanted++
    this.#startThread(thread)
    if (this.#state === 'RUNNING') {
      this.#move('REBALANCING')
    }
    return thread
  }

  /**
   * Takes the thread with the highest number out of service: it commits and leaves the group, the others take its tasks.
   * Resolves with its number once it has stopped, or with undefined when the application is not running or has one only.
   */
  async removeStreamThread(): Promise<number | undefined> {
    const host = this.#alive && this.#threads.wanted > 1 ? this.#threads.takeLast() : undefined
    if (host === undefined) {
      return undefined
    }
    this.#threads.wanted--
    if (!(await this.#threads.close(host, this.#config.closeTimeoutMs))) {
      this.#sayEnded(host)
    }
    this.#peers?.retired(host.thread)
    this.#updateState()
    return host.thread
  }

  /** Processes nothing until `resume`: no record, no punctuator, no result of a call. Memberships, standbys and commits of what is done go on. */
  pause(): void {
    this.#paused = true
    this.#threads.tell((host) => host.pause(true))
  }

  resume(): void {
    this.#paused = false
    this.#threads.tell((host) => host.pause(false))
  }

  get paused(): boolean {
    return this.#paused
  }

  get #alive(): boolean {
    return this.#state === 'RUNNING' || this.#state === 'REBALANCING'
  }

  /**
   * Commits, leaves the group, closes everything. Idempotent; resolves when nothing is left, whatever the state was.
   * Threads that have not stopped after `closeTimeoutMs` are ended: what they had not committed is done again by whoever
   * gets their tasks, and the next start of this process ends their transactions.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#state === 'PENDING_ERROR' || this.#state === 'ERROR') {
      await this.#ending
      return
    }
    const begun = this.#state !== 'CREATED'
    this.#move('PENDING_SHUTDOWN')
    this.#settle(new StreamsError('NOT_RUNNING', 'The application was closed before it was running.'))
    if (begun && this.#threads.size === 0) {
      await within(this.#starting?.catch(() => undefined) ?? Promise.resolve(), this.#config.closeTimeoutMs)
    }
    await this.#closeThreads()
    await within(this.#ending, this.#config.closeTimeoutMs)
    await this.#release()
    if (this.#state === 'PENDING_SHUTDOWN') {
      this.#move('NOT_RUNNING')
    }
  }

  async #closeThreads(): Promise<void> {
    for (const host of await this.#threads.closeAll(this.#config.closeTimeoutMs)) {
      this.#sayEnded(host)
    }
  }

  #sayEnded({ thread }: ThreadHost): void {
    const { applicationId, closeTimeoutMs } = this.#config
    this.#warn(`${applicationId}: stream thread ${thread} has not stopped within ${closeTimeoutMs} ms (closeTimeoutMs) and is ended; what it had not committed is done again.`)
  }

  async #release(): Promise<void> {
    this.#watch.stop()
    this.#uncaught.close()
    await this.#cleaner?.stop()
    this.#queries.close()
    await this.#peers?.close()
    await this.#cluster?.close()
    await this.#directory?.close()
  }

  /** Threads that have failed since the start, replaced or not. */
  get failedThreads(): number {
    return this.#failedThreads
  }

  /**
   * Deletes the local state, which changelogs restore. Only before `start` or after `close` (`ALREADY_STARTED`), and while no other
   * process has the directory.
   */
  async cleanUp(): Promise<void> {
    if (this.#state !== 'CREATED' && this.#state !== 'NOT_RUNNING' && this.#state !== 'ERROR') {
      throw new StreamsError('ALREADY_STARTED', `The application is ${this.#state}: its local state can be deleted before start() or after close().`)
    }
    const directory = await StateDirectory.open(this.#config.stateDir)
    try {
      await Promise.all((await directory.tasks()).map((task) => directory.deleteTask(task)))
    } finally {
      await directory.close()
    }
  }

  /** Tasks and copies of all threads; undefined when one has not answered. */
  async #tasksInUse(): Promise<ReadonlySet<string> | undefined> {
    const hosts = this.#threads.hosts.length
    const threads = await this.metrics()
    return threads.length === hosts && this.#threads.hosts.length === hosts ? new Set(threads.flatMap(({ tasks }) => tasks.map(({ id }) => id))) : undefined
  }

  /** What every thread does and has, for metrics; a thread that does not answer in time is left out. */
  async metrics(): Promise<readonly ThreadSnapshot[]> {
    return this.#threads.ask((host) => host.snapshot())
  }

  /** The keys of this instance that wait for a person (`onFailure: 'park'`): what failed, since when, how many records wait behind. */
  async parkedKeys(): Promise<readonly ParkedEntry[]> {
    return (await this.#askParked({ kind: 'list' })).flatMap(({ keys }) => keys)
  }

  /** Calls the failed record of the key again, with all its tries; the others of the key follow. False: no such key here. */
  async releaseParked({ taskId, operator, id }: ParkedId): Promise<boolean> {
    const answers = await this.#askParked({ kind: 'release', key: { taskId, operator, id } })
    return answers.some(({ count }) => count > 0)
  }

  /** Drops the failed record (`head`; the others of the key go on) or all records of the key. Returns how many. */
  async dropParked({ taskId, operator, id }: ParkedId, what: 'head' | 'key' = 'head'): Promise<number> {
    const answers = await this.#askParked({ kind: 'drop', key: { taskId, operator, id }, what })
    return answers.reduce((sum, { count }) => sum + count, 0)
  }

  async #askParked(question: ParkedQuestion): Promise<readonly ParkedAnswer[]> {
    return this.#threads.ask((host) => host.parked(question))
  }

  /**
   * Asks a store for what is committed (KIP-796). One value: `await app.query('counts', KeyQuery.withKey('ada'))`; rows:
   * `for await (const { key, value } of app.query('counts', RangeQuery.withNoBounds()))`. Rejects (rows: when iterated) with
   * `NOT_RUNNING` or a `QUERY_…` code.
   */
  query<K, V>(store: string, query: SingleQuery<K, V>, options?: QueryOptions): Promise<QueryResult<V>>
  query<R>(store: string, query: RowsQuery<R>, options?: QueryOptions): QueryRows<R>
  query(store: string, query: Query, options?: QueryOptions): Promise<QueryResult<unknown>> | QueryRows<unknown> {
    const { stores } = this.#queries
    return query.kind === 'key' || query.kind === 'versioned-key' ? stores.single(store, query, options) : stores.rows(store, query, options)
  }

  /** The application's queries, for who serves them (`QueryServer`). */
  get queries(): AppQueries['stores'] {
    return this.#queries.stores
  }

  /**
   * Which instances have a key of a store; `partition` instead of the key where records are not partitioned by Kafka's default.
   * `QUERY_REBALANCING` while the group itself does not know.
   */
  async queryMetadataForKey(store: string, key: unknown, options: { readonly partition?: number } = {}): Promise<KeyQueryMetadata> {
    this.#running()
    return this.#queries.stores.metadataForKey(store, options.partition ?? this.#queries.stores.keyBytes(store, key))
  }

  /** The instances that have partitions of a store, or copies. */
  async streamsMetadataForStore(store: string): Promise<readonly StreamsMetadata[]> {
    return this.#queries.stores.metadataForStore(store)
  }

  /** Every instance of the application. */
  async metadataForAllStreamsClients(): Promise<readonly StreamsMetadata[]> {
    this.#running()
    return this.#queries.stores.metadataForAll()
  }

  #running(): { readonly topology: Topology; readonly cluster: KafkaCluster; readonly peers: Peers; readonly processId: string } {
    if (!this.#alive || this.#topology === undefined || this.#cluster === undefined || this.#peers === undefined) {
      throw new StreamsError('NOT_RUNNING', `The application is ${this.#state}: its stores can be asked while it is RUNNING or REBALANCING.`)
    }
    return { topology: this.#topology, cluster: this.#cluster, peers: this.#peers, processId: this.#directory!.processId }
  }

  #endIncarnations(which: (transactionalId: string) => boolean): Promise<void> {
    return endIncarnations(this.#cluster!, this.#directory!, this.#config, which)
  }

  #onThreadState(thread: number, state: ThreadState): void {
    if (this.#threads.setState(thread, state)) {
      this.#updateState()
    }
  }

  #updateState(): void {
    if (!this.#alive) {
      return
    }
    if (this.#threads.running && this.#state === 'REBALANCING') {
      this.#move('RUNNING')
      this.#settle(undefined)
    } else if (!this.#threads.running && this.#state === 'RUNNING') {
      this.#move('REBALANCING')
    }
  }

  #onThreadFailed(thread: number, error: Error, died: boolean): void {
    const host = this.#threads.failed(thread)
    this.#failedThreads++
    if (died) {
      this.#watch.died(host?.progress)
    }
    const cleaned = died ? this.#endIncarnations((id) => id.startsWith(`${this.#config.applicationId}-${this.#directory!.processId}-${thread}-`)) : Promise.resolve()
    const tried = cleaned.catch(() => undefined)
    this.#ending = this.#ending.then(() => within(tried, this.#config.closeTimeoutMs)).then(() => undefined)
    if (this.#state === 'PENDING_SHUTDOWN') {
      this.#failed(error)
    }
    if (!this.#alive) {
      return
    }
    if (host === undefined) {
      this.#warn(`${this.#config.applicationId}: stream thread ${thread} failed while it was taken out of service: ${error.message}`)
      return
    }
    if (this.#options.onUncaughtError !== undefined && this.#state === 'RUNNING') {
      // An answer may take its time.
      this.#move('REBALANCING')
    }
    void this.#uncaught.decide(thread, error).then((decision) => this.#onDecided(thread, error, decision, cleaned))
  }

  /** `cleaned`: what the thread had left open is ended. */
  #onDecided(thread: number, error: Error, decision: UncaughtDecision, cleaned: Promise<void>): void {
    if (!this.#alive) {
      return
    }
    if (!decision.replace) {
      this.#failed(decision.error, decision.everywhere ? this.#stopOthers(decision.error) : undefined)
      return
    }
    this.#warn(`${this.#config.applicationId}: stream thread ${thread} failed and is replaced: ${error.message}`)
    if (this.#state === 'RUNNING') {
      this.#move('REBALANCING')
    }
    this.#ending = this.#ending
      .then(() => cleaned)
      .then(
        () => {
          if (this.#state === 'REBALANCING') {
            this.#startThread(thread)
          }
        },
        (cause: Error) => this.#failed(cause),
      )
  }

  async #stopOthers(error: Error): Promise<void> {
    const { applicationId, sessionTimeoutMs, heartbeatIntervalMs } = this.#config
    const topics = this.#topology!.subtopologies.flatMap(({ sources }) => sources.flatMap((source) => source.topics))
    await stopApplication({ cluster: this.#cluster!, applicationId, processId: this.#directory!.processId, sessionTimeoutMs, heartbeatIntervalMs, topics, code: codeOf(error) ?? 'UNKNOWN' })
  }

  /** Another instance has, and says so. */
  #onStop(code: string): void {
    if (this.#alive) {
      this.#failed(new StreamsError('APPLICATION_STOPPED', `${this.#config.applicationId} was stopped by another instance, which failed with ${code} (uncaughtError 'stop-application'): its log says more.`))
    }
  }

  /** `stopping`: what is under way meanwhile, and needs the cluster. */
  #failed(error: Error, stopping?: Promise<void>): void {
    this.#error = error
    this.#move('PENDING_ERROR')
    this.#ending = this.#ending
      .then(() => this.#closeThreads())
      .then(() => stopping)
      .then(() => this.#release())
      .catch(() => undefined)
      .then(() => {
        this.#move('ERROR')
        this.#settle(error)
        this.#tell(this.#errorListeners, error)
      })
  }

  #settle(error: Error | undefined): void {
    for (const { resolve, reject } of this.#waiters.splice(0)) {
      if (error === undefined) {
        resolve()
      } else {
        reject(error)
      }
    }
  }

  #move(next: AppState): void {
    const before = this.#state
    this.#state = appTransition(before, next)
    for (const listener of this.#listeners) {
      listener(next, before)
    }
  }
}
