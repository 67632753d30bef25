/**
 * The application: supervises its stream threads, and is never on the record path. It holds the lock of the state
 * directory, ends what earlier incarnations left open before anybody joins, and does the same for a worker that dies.
 */
import { StateDirectory } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { Topology } from '../graph/topology.ts'
import { createCluster } from '../kafka/cluster.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import { Peers } from '../membership/peers.ts'
import type { PeerProcess } from '../membership/types.ts'
import type { AppState } from './app-state.ts'
import { appTransition } from './app-state.ts'
import type { RuntimeConfig, StreamsConfig } from './config.ts'
import { resolveConfig } from './config.ts'
import { failpointsFrom } from './failpoints.ts'
import type { ParkedAnswer, ParkedEntry, ParkedId, ParkedQuestion } from './parked-keys.ts'
import type { Place } from './progress.ts'
import { placeName } from './progress.ts'
import { Replacements } from './replacements.ts'
import { Deaths } from './suspects.ts'
import type { ThreadHost } from './thread-host.ts'
import { hostInProcess, hostInWorker } from './thread-host.ts'
import type { ThreadSnapshot } from './thread-counters.ts'
import type { ThreadState } from './thread-state.ts'
import type { ConfiguredTopology } from './topology-source.ts'
import { makeTopology } from './topology-source.ts'
import { within } from '../within.ts'

export interface KafkaStreamsOptions extends StreamsConfig {
  /** A module whose default export describes the topology (workers load it), or that function (then `threads: 'in-process'`). */
  readonly topology: URL | ConfiguredTopology
  /** Second argument of the topology function; plain data that survives a structured clone. */
  readonly settings?: unknown
  /** Things an operator should know and nobody has to act on at once. Default: console.warn. */
  readonly onWarning?: (message: string) => void
}

export type StateListener = (state: AppState, before: AppState) => void

/** A thread that stays this long in one turn of a task is reported. */
const STUCK_MS = 1_000

export class KafkaStreams {
  readonly #options: KafkaStreamsOptions
  readonly #config: RuntimeConfig
  readonly #warn: (message: string) => void
  readonly #listeners = new Set<StateListener>()
  readonly #errorListeners = new Set<(error: Error) => void>()
  readonly #threads = new Map<number, { host: ThreadHost; state: ThreadState }>()
  readonly #replacements = new Replacements()
  readonly #deaths = new Deaths()
  /** By thread: since when it was in the turn that was noted as a death. */
  readonly #wedged = new Map<number, number>()
  readonly #waiters: { resolve: () => void; reject: (error: Error) => void }[] = []
  #state: AppState = 'CREATED'
  #error: Error | undefined
  #topology: Topology | undefined
  #directory: StateDirectory | undefined
  #cluster: KafkaCluster | undefined
  #peers: Peers | undefined
  #watchdog: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  #starting: Promise<void> | undefined
  /** Threads that are being replaced, and the end of a failed application. */
  #ending: Promise<void> = Promise.resolve()

  /** Throws `CONFIG_INVALID` naming field, limit and fix. */
  constructor(options: KafkaStreamsOptions) {
    this.#options = options
    this.#config = resolveConfig(options)
    this.#warn = options.onWarning ?? ((message) => console.warn(message))
    failpointsFrom(process.env)
    const inWorkers = options.topology instanceof URL
    if (!inWorkers && typeof options.topology !== 'function') {
      throw new StreamsError('CONFIG_INVALID', 'topology must be the URL of a module (new URL("./topology.ts", import.meta.url)) or a function (builder) => void.')
    }
    if (!inWorkers && !this.#config.inProcess) {
      throw new StreamsError('CONFIG_INVALID', "threads: a topology given as a function cannot cross to a worker: give the URL of its module, or set threads to 'in-process'.")
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
      const { topology, settings } = this.#options
      this.#topology = await makeTopology(topology instanceof URL ? topology.href : topology, this.#config.applicationId, settings)
      this.#directory = await StateDirectory.open(this.#config.stateDir)
      this.#cluster = createCluster({ ...this.#config.client, clientId: `${this.#config.applicationId}-supervisor` })
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
    this.#watchdog = setInterval(() => this.#watch(), STUCK_MS / 2)
    this.#watchdog.unref()
    await running
  }

  #startThread(thread: number): void {
    const { topology, settings } = this.#options
    const init = { config: this.#config, processId: this.#directory!.processId, thread, stateDir: this.#directory!.path, endpoint: this.#peers!.endpoint, suspects: this.#deaths.suspects }
    const events = {
      onState: (state: ThreadState) => this.#onThreadState(thread, state),
      onFailed: (error: Error, died: boolean) => this.#onThreadFailed(thread, error, died),
      onWarning: (message: string) => this.#warn(`${this.#config.applicationId}, thread ${thread}: ${message}`),
      onWatch: (processes: readonly PeerProcess[]) => this.#peers!.watch(processes),
      onProduces: (transactionalId: string) => this.#peers!.produces(thread, transactionalId),
      onEvicted: () => this.#evicted(),
    }
    const host = topology instanceof URL ? hostInWorker({ ...init, topologyUrl: topology.href, settings }, events) : hostInProcess(this.#topology!, init, events)
    this.#threads.set(thread, { host, state: 'created' })
  }

  #openPeers(): Promise<Peers> {
    const { applicationId, peers } = this.#config
    return Peers.open({
      application: applicationId,
      processId: this.#directory!.processId,
      config: peers,
      evict: (memberIds, transactionalIds) => this.#evict(memberIds, transactionalIds),
      onWarning: (message) => this.#warn(`${applicationId}: ${message}`),
    })
  }

  /**
   * Ends what a dead process has left: the others hear of it with their next heartbeat, our threads now, and nobody waits
   * for its transactions. A mistake is safe: the evicted member is fenced, drops what is uncommitted and joins again.
   */
  async #evict(memberIds: readonly string[], transactionalIds: readonly string[]): Promise<void> {
    const leaving = this.#cluster!.group()
      .leave(this.#config.applicationId, memberIds, 'its process has died')
      .finally(() => this.#forEachHost((host) => host.hurry()))
    await Promise.all([leaving, ...transactionalIds.map((id) => this.#cluster!.fence(id))])
  }

  #evicted(): void {
    const watched = this.#peers!.endpoint !== undefined
    this.#peers!.evicted(Date.now())
    if (watched && this.#peers!.endpoint === undefined) {
      this.#forEachHost((host) => host.unwatched())
    }
  }

  #forEachHost(run: (host: ThreadHost) => void): void {
    for (const { host } of this.#threads.values()) {
      run(host)
    }
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
    const { applicationId, closeTimeoutMs } = this.#config
    await Promise.all(
      [...this.#threads.values()].map(async ({ host }) => {
        if (!(await within(host.close(), closeTimeoutMs))) {
          this.#warn(`${applicationId}: stream thread ${host.thread} has not stopped within ${closeTimeoutMs} ms (closeTimeoutMs) and is ended; what it had not committed is done again.`)
          await host.end()
        }
      }),
    )
  }

  async #release(): Promise<void> {
    clearInterval(this.#watchdog)
    await this.#peers?.close()
    await this.#cluster?.close()
    await this.#directory?.close()
  }

  /** What every thread does and has, for metrics; a thread that does not answer in time is left out. */
  async metrics(): Promise<readonly ThreadSnapshot[]> {
    const snapshots = await Promise.all([...this.#threads.values()].map(({ host }) => host.snapshot()))
    return snapshots.filter((snapshot) => snapshot !== undefined)
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
    const answers = await Promise.all([...this.#threads.values()].map(({ host }) => host.parked(question)))
    return answers.filter((answer) => answer !== undefined)
  }

  /**
   * Ends what incarnations recorded in the state directory left behind: leaves the group for their member ids, so that
   * nobody waits for a session to time out, and aborts their transactions (rule B7).
   */
  async #endIncarnations(which: (transactionalId: string) => boolean): Promise<void> {
    const directory = this.#directory!
    const recorded = (await directory.incarnations()).filter(({ transactionalId }) => which(transactionalId))
    await Promise.all(
      recorded.map(async ({ transactionalId, memberId }) => {
        if (memberId !== undefined) {
          await this.#cluster!.group()
            .leave(this.#config.applicationId, [memberId], 'its process has ended')
            // Evicted already, or the group is gone: both are what we want.
            .catch(() => undefined)
        }
        if (this.#config.processingGuarantee === 'exactly_once_v2') {
          await this.#cluster!.fence(transactionalId)
        }
        await directory.forget(transactionalId)
      }),
    )
  }

  #onThreadState(thread: number, state: ThreadState): void {
    const entry = this.#threads.get(thread)
    if (entry === undefined) {
      return
    }
    entry.state = state
    if (this.#state !== 'REBALANCING' && this.#state !== 'RUNNING') {
      return
    }
    if ([...this.#threads.values()].every((t) => t.state === 'running') && this.#threads.size === this.#config.threads) {
      if (this.#state === 'REBALANCING') {
        this.#move('RUNNING')
        this.#settle(undefined)
      }
    } else if (this.#state === 'RUNNING') {
      this.#move('REBALANCING')
    }
  }

  /** Where a thread ended, or was evicted: the second time at the same record and operator the record is not run there again. */
  #noteDeath(place: Place | undefined): void {
    const suspect = place === undefined ? undefined : this.#deaths.note(place)
    if (suspect !== undefined) {
      this.#warn(`${this.#config.applicationId}: the record ${placeName(place!, this.#topology)} has ended threads twice there: from now on the operator's error policy decides about it.`)
      this.#forEachHost((host) => host.suspect(suspect))
    }
  }

  #onThreadFailed(thread: number, error: Error, died: boolean): void {
    if (died) {
      this.#noteDeath(this.#threads.get(thread)?.host.progress.read())
    }
    this.#threads.delete(thread)
    const cleaned = died ? this.#endIncarnations((id) => id.startsWith(`${this.#config.applicationId}-${this.#directory!.processId}-${thread}-`)) : Promise.resolve()
    const alive = this.#state === 'RUNNING' || this.#state === 'REBALANCING'
    const refusal = this.#config.uncaughtError === 'replace-thread' && alive ? this.#replacements.refuse(thread, error, performance.now()) : error
    if (refusal !== undefined) {
      this.#ending = this.#ending.then(() => within(cleaned, this.#config.closeTimeoutMs)).then(
        () => undefined,
        () => undefined,
      )
      if (alive || this.#state === 'PENDING_SHUTDOWN') {
        this.#failed(refusal)
      }
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

  #failed(error: Error): void {
    this.#error = error
    this.#move('PENDING_ERROR')
    this.#ending = this.#ending
      .then(() => this.#closeThreads())
      .then(() => this.#release())
      .catch(() => undefined)
      .then(() => {
        this.#move('ERROR')
        this.#settle(error)
        for (const listener of this.#errorListeners) {
          listener(error)
        }
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

  #watch(): void {
    const now = Date.now()
    for (const { host } of this.#threads.values()) {
      const place = host.progress.read()
      if (place !== undefined && now - place.since > this.#config.sessionTimeoutMs && this.#wedged.get(host.thread) !== place.since) {
        // Evicted by now: whoever gets the task is next.
        this.#wedged.set(host.thread, place.since)
        this.#noteDeath(place)
      }
      if (place !== undefined && now - place.since > STUCK_MS) {
        this.#warn(
          `${this.#config.applicationId}: thread ${host.thread} has been in one turn of task ${place.task} for ${now - place.since} ms, ${placeName(place, this.#topology)}. Synchronous code that long stops heartbeats (session ${this.#config.sessionTimeoutMs} ms): make it an asynchronous operator.`,
        )
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
