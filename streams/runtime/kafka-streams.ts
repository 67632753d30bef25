/**
 * The application: supervises its stream threads, and is never on the record path. It holds the lock of the state
 * directory, ends what earlier incarnations left open before anybody joins, and does the same for a worker that dies.
 */
import { StateDirectory } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../graph/topology.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import { TokenCache } from '../kafka/token-cache.ts'
import type { Peers } from '../membership/peers.ts'
import { requireNode } from '../node-version.ts'
import { AppQueries } from '../queries/app-queries.ts'
import type { KeyQueryMetadata, StreamsMetadata } from '../queries/group-metadata.ts'
import type { Query, RowsQuery, SingleQuery } from '../queries/query.ts'
import type { QueryOptions, QueryResult, QueryRows } from '../queries/store-queries.ts'
import { AppLife, type StateListener } from './app-life.ts'
import { AppResources } from './app-resources.ts'
import type { AppState } from './app-state.ts'
import { checkFunctions, type KafkaStreamsOptions } from './application-options.ts'
import type { RuntimeConfig } from './config.ts'
import { resolveConfig } from './config.ts'
import { codeOf } from './dead-letter.ts'
import { failpointsFrom } from './failpoints.ts'
import type { ParkedAnswer, ParkedEntry, ParkedId, ParkedQuestion } from './parked-keys.ts'
import type { RestoreEvent } from './restore-progress.ts'
import { stopApplication } from './stop-application.ts'
import type { ThreadSnapshot } from './thread-counters.ts'
import { ThreadSupervisor } from './thread-supervisor.ts'
import { makeTopology } from './topology-source.ts'
import { loadTracing } from '../tracing/load.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import { within } from '../within.ts'

export class KafkaStreams {
  readonly #options: KafkaStreamsOptions
  readonly #config: RuntimeConfig
  readonly #warn: (message: string) => void
  readonly #life = new AppLife()
  readonly #errorListeners = new Set<(error: Error) => void>()
  readonly #restoreListeners = new Set<(event: RestoreEvent) => void>()
  readonly #supervisor: ThreadSupervisor
  readonly #queries: AppQueries
  /** Of all threads and connections; undefined: other credentials. */
  readonly #tokens: TokenCache | undefined
  #topology: Topology | undefined
  #resources: AppResources | undefined
  #closing: Promise<void> | undefined
  #starting: Promise<void> | undefined
  /** Of a failed application. */
  #ending: Promise<void> = Promise.resolve()

  /** Throws `CONFIG_INVALID` naming field, limit and fix. */
  constructor(options: KafkaStreamsOptions) {
    requireNode()
    this.#options = options
    this.#config = resolveConfig(options)
    this.#warn = options.onWarning ?? ((message) => console.warn(message))
    const token = options.sasl?.token
    this.#tokens = typeof token === 'function' ? new TokenCache(token, (message) => this.#warn(`${this.#config.applicationId}: ${message}`)) : undefined
    this.#supervisor = new ThreadSupervisor({
      options,
      config: this.#config,
      life: this.#life,
      tokens: this.#tokens,
      onRestore: (event) => this.#tell(this.#restoreListeners, event),
      onStop: (code) => this.#onStop(code),
      onEnd: (error, everywhere) => this.#failed(error, everywhere ? this.#stopOthers(error) : undefined),
      onWarning: this.#warn,
    })
    this.#queries = new AppQueries({ applicationId: this.#config.applicationId, running: () => this.#running(), hosts: () => this.#supervisor.threads.hosts })
    failpointsFrom(process.env)
    checkFunctions(options, this.#config)
  }

  get state(): AppState {
    return this.#life.state
  }

  /** Why the application is in PENDING_ERROR or ERROR. */
  get error(): Error | undefined {
    return this.#life.error
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
    return this.#life.listen(listener)
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
    if (this.#starting !== undefined || this.#life.state !== 'CREATED') {
      return Promise.reject(new StreamsError('ALREADY_STARTED', 'An application starts once: make a new KafkaStreams.'))
    }
    this.#starting = this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    this.#life.move('REBALANCING')
    let traced: OpenTelemetry | undefined
    try {
      const { topology, settings, tracing } = this.#options
      // Of the one thread in-process; workers load their own.
      traced = tracing === undefined || topology instanceof URL ? undefined : await loadTracing(tracing instanceof URL ? tracing.href : tracing)
      this.#topology = await makeTopology(topology instanceof URL ? topology.href : topology, this.#config.applicationId, settings)
      this.#resources = await AppResources.open({
        config: this.#config,
        tokens: this.#tokens,
        inUse: () => this.#tasksInUse(),
        onDeparted: () => this.#supervisor.threads.tell((host) => host.hurry()),
        onAsker: (socket) => this.#queries.answer(socket),
        onWarning: (message) => this.#warn(`${this.#config.applicationId}: ${message}`),
      })
      await this.#resources.begin()
      if (this.#life.state !== 'REBALANCING') {
        throw new StreamsError('NOT_RUNNING', 'The application was closed while it started.')
      }
    } catch (error) {
      if (this.#life.state === 'REBALANCING') {
        this.#failed(error as Error)
        await this.#ending
      }
      throw error
    }
    const running = this.#life.settled()
    try {
      this.#supervisor.start({ topology: this.#topology, resources: this.#resources, tracing: traced })
    } catch (cause) {
      // Settings with a function, or anything else that cannot cross to a worker.
      this.#failed(new StreamsError('CONFIG_INVALID', 'settings must be plain data that a structured clone can carry to the stream threads.', { cause }))
    }
    this.#resources.cleaner.start()
    await running
  }

  /**
   * Adds a stream thread while the application runs. Resolves with its number once it has been started (the state is
   * RUNNING again when it has its tasks), or with undefined: the application is not running, or its one thread is in-process.
   */
  async addStreamThread(): Promise<number | undefined> {
    return this.#supervisor.add()
  }

  /**
   * Takes the thread with the highest number out of service: it commits and leaves the group, the others take its tasks.
   * Resolves with its number once it has stopped, or with undefined when the application is not running or has one only.
   */
  removeStreamThread(): Promise<number | undefined> {
    return this.#supervisor.removeLast()
  }

  /** Processes nothing until `resume`: no record, no punctuator, no result of a call. Memberships, standbys and commits of what is done go on. */
  pause(): void {
    this.#supervisor.pause(true)
  }

  resume(): void {
    this.#supervisor.pause(false)
  }

  get paused(): boolean {
    return this.#supervisor.paused
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
    if (this.#life.state === 'PENDING_ERROR' || this.#life.state === 'ERROR') {
      await this.#ending
      return
    }
    const begun = this.#life.state !== 'CREATED'
    this.#life.move('PENDING_SHUTDOWN')
    this.#life.settle(new StreamsError('NOT_RUNNING', 'The application was closed before it was running.'))
    if (begun && this.#supervisor.threads.size === 0) {
      // What an earlier incarnation left open is ended by the next start: brokers that do not answer are not waited for.
      await this.#resources?.cluster.close()
      await within(this.#starting?.catch(() => undefined) ?? Promise.resolve(), this.#config.closeTimeoutMs)
    }
    await this.#supervisor.closeAll()
    await within(this.#supervisor.settled.then(() => this.#ending), this.#config.closeTimeoutMs)
    await this.#release()
    if (this.#life.state === 'PENDING_SHUTDOWN') {
      this.#life.move('NOT_RUNNING')
    }
  }

  async #release(): Promise<void> {
    this.#supervisor.stop()
    this.#queries.close()
    await this.#resources?.close()
    this.#tokens?.close()
  }

  /** Threads that have failed since the start, replaced or not. */
  get failedThreads(): number {
    return this.#supervisor.failedThreads
  }

  /**
   * Deletes the local state, which changelogs restore. Only before `start` or after `close` (`ALREADY_STARTED`), and while no other
   * process has the directory.
   */
  async cleanUp(): Promise<void> {
    if (this.#life.state !== 'CREATED' && this.#life.state !== 'NOT_RUNNING' && this.#life.state !== 'ERROR') {
      throw new StreamsError('ALREADY_STARTED', `The application is ${this.#life.state}: its local state can be deleted before start() or after close().`)
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
    const { threads: all } = this.#supervisor
    const hosts = all.hosts.length
    const threads = await this.metrics()
    return threads.length === hosts && all.hosts.length === hosts ? new Set(threads.flatMap(({ tasks }) => tasks.map(({ id }) => id))) : undefined
  }

  /** What every thread does and has, for metrics; a thread that does not answer in time is left out. */
  async metrics(): Promise<readonly ThreadSnapshot[]> {
    return this.#supervisor.threads.ask((host) => host.snapshot())
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
    return this.#supervisor.threads.ask((host) => host.parked(question))
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
    if (!this.#life.alive || this.#topology === undefined || this.#resources?.peers === undefined) {
      const why = this.#life.alive ? 'is only starting: its stores can be asked once its threads run' : `is ${this.#life.state}: its stores can be asked while it is RUNNING or REBALANCING`
      throw new StreamsError('NOT_RUNNING', `The application ${why}.`)
    }
    const { cluster, peers, directory } = this.#resources
    return { topology: this.#topology, cluster, peers, processId: directory.processId }
  }

  async #stopOthers(error: Error): Promise<void> {
    const { applicationId, sessionTimeoutMs, heartbeatIntervalMs } = this.#config
    const { cluster, directory } = this.#resources!
    const topics = this.#topology!.subtopologies.flatMap(({ sources }) => sources.flatMap((source) => source.topics))
    await stopApplication({ cluster, applicationId, processId: directory.processId, sessionTimeoutMs, heartbeatIntervalMs, topics, code: codeOf(error) ?? 'UNKNOWN' })
  }

  /** Another instance has, and says so. */
  #onStop(code: string): void {
    if (this.#life.alive) {
      this.#failed(new StreamsError('APPLICATION_STOPPED', `${this.#config.applicationId} was stopped by another instance, which failed with ${code} (uncaughtError 'stop-application'): its log says more.`))
    }
  }

  /** `stopping`: what is under way meanwhile, and needs the cluster. */
  #failed(error: Error, stopping?: Promise<void>): void {
    this.#life.error = error
    this.#life.move('PENDING_ERROR')
    this.#ending = this.#ending
      .then(() => this.#supervisor.settled)
      .then(() => this.#supervisor.closeAll())
      .then(() => stopping)
      .then(() => this.#release())
      .catch(() => undefined)
      .then(() => {
        this.#life.move('ERROR')
        this.#life.settle(error)
        this.#tell(this.#errorListeners, error)
      })
  }
}
