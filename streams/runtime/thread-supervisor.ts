/**
 * Starts an application's stream threads, adds and takes away some while it runs, and decides what becomes of those that
 * fail: it ends what they left open, and puts others in their places or ends the application.
 */
import { MemoryBudget } from 'millrace-state-stores'
import type { Topology } from '../graph/topology.ts'
import type { PeerProcess } from '../membership/types.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import { within } from '../within.ts'
import type { AppLife } from './app-life.ts'
import type { AppResources } from './app-resources.ts'
import type { KafkaStreamsOptions } from './application-options.ts'
import type { RuntimeConfig } from './config.ts'
import { transactionalIdPrefix } from './producer-incarnation.ts'
import type { RestoreEvent } from './restore-progress.ts'
import type { TokenSource } from './sasl-config.ts'
import { StreamThreads } from './stream-threads.ts'
import type { ThreadHost } from './thread-host.ts'
import { hostInProcess, hostInWorker } from './thread-host.ts'
import type { ThreadState } from './thread-state.ts'
import { ThreadWatch } from './thread-watch.ts'
import { type UncaughtDecision, UncaughtErrors } from './uncaught-errors.ts'

export interface SupervisorOptions {
  readonly options: KafkaStreamsOptions
  readonly config: RuntimeConfig
  readonly life: AppLife
  /** Undefined: other credentials. */
  readonly tokens: TokenSource | undefined
  onRestore(event: RestoreEvent): void
  /** Another instance has stopped the application everywhere. */
  onStop(code: string): void
  /** The application ends with this error; `everywhere`: on all instances. */
  onEnd(error: Error, everywhere: boolean): void
  /** Begins with whose it is. */
  onWarning(message: string): void
}

/** What threads are started with. */
export interface ThreadGround {
  readonly topology: Topology
  readonly resources: AppResources
  /** Of the one thread in-process. */
  readonly tracing: OpenTelemetry | undefined
}

export class ThreadSupervisor {
  readonly threads: StreamThreads
  readonly #options: SupervisorOptions
  readonly #watch: ThreadWatch
  readonly #uncaught: UncaughtErrors
  readonly #memory: MemoryBudget
  #ground: ThreadGround | undefined
  #paused = false
  #failed = 0
  #settled: Promise<void> = Promise.resolve()

  constructor(options: SupervisorOptions) {
    const { config } = options
    this.#options = options
    this.#memory = MemoryBudget.of(config.storeMemoryMiB * 1024 * 1024)
    this.#uncaught = new UncaughtErrors({ policy: config.uncaughtError, callback: options.options.onUncaughtError, onWarning: (message) => this.#say(message) })
    this.threads = new StreamThreads(config.threads)
    this.#watch = new ThreadWatch({
      threads: this.threads,
      sessionTimeoutMs: config.sessionTimeoutMs,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      topology: () => this.#ground?.topology,
      warn: (message) => this.#say(message),
    })
  }

  /** Threads that have failed since the start, replaced or not. */
  get failedThreads(): number {
    return this.#failed
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Resolves when no thread is being replaced, and what failed ones left open is ended or was waited for long enough. */
  get settled(): Promise<void> {
    return this.#settled
  }

  #say(message: string): void {
    this.#options.onWarning(`${this.#options.config.applicationId}: ${message}`)
  }

  /** Throws when `settings` cannot cross to a worker. */
  start(ground: ThreadGround): void {
    this.#ground = ground
    this.#watch.start()
    for (let thread = 0; thread < this.#options.config.threads; thread++) {
      this.#start(thread, ground)
    }
  }

  #start(thread: number, { topology, resources, tracing }: ThreadGround): void {
    const { config, options, tokens, onRestore, onStop, onWarning } = this.#options
    // What its predecessor had and could not give back.
    this.#memory.reclaim(thread)
    const { directory } = resources
    const peers = resources.peers!
    const init = { memory: this.#memory.shared, config, processId: directory.processId, thread, stateDir: directory.path, endpoint: peers.endpoint, suspects: this.#watch.suspects, paused: this.#paused, tokens }
    const events = {
      onState: (state: ThreadState) => this.#onState(thread, state),
      onFailed: (error: Error, died: boolean) => this.#onFailed(thread, error, died),
      onWarning: (message: string) => onWarning(`${config.applicationId}, thread ${thread}: ${message}`),
      onWatch: (processes: readonly PeerProcess[]) => peers.watch(processes),
      onProduces: (transactionalId: string) => peers.produces(thread, transactionalId),
      onEvicted: () => this.#onEvicted(),
      onRestore,
      onStop,
    }
    const { settings, topology: given, tracing: traced } = options
    const host = given instanceof URL ? hostInWorker({ ...init, topologyUrl: given.href, settings, tracingUrl: traced instanceof URL ? traced.href : undefined }, events) : hostInProcess(topology, { ...init, tracing }, events)
    this.threads.add(host)
  }

  /** The number of the thread that was started; undefined: the application is not running, or its one thread is in-process. */
  add(): number | undefined {
    const { config, life } = this.#options
    if (!life.alive || config.inProcess || this.#ground === undefined) {
      return undefined
    }
    const thread = this.threads.free()
    this.threads.wanted++
    this.#start(thread, this.#ground)
    life.disturbed()
    return thread
  }

  /** Resolves with the number of the thread that has stopped; undefined: the application is not running, or has one only. */
  async removeLast(): Promise<number | undefined> {
    const { config, life } = this.#options
    const host = life.alive && this.threads.wanted > 1 ? this.threads.takeLast() : undefined
    if (host === undefined) {
      return undefined
    }
    this.threads.wanted--
    if (!(await this.threads.close(host, config.closeTimeoutMs))) {
      this.#sayEnded(host)
    }
    this.#ground?.resources.peers?.retired(host.thread)
    this.#updateState()
    return host.thread
  }

  pause(paused: boolean): void {
    this.#paused = paused
    this.threads.tell((host) => host.pause(paused))
  }

  /** Closes all threads, or ends them. */
  async closeAll(): Promise<void> {
    for (const host of await this.threads.closeAll(this.#options.config.closeTimeoutMs)) {
      this.#sayEnded(host)
    }
  }

  /** Nothing is watched or decided any more. */
  stop(): void {
    this.#watch.stop()
    this.#uncaught.close()
  }

  #sayEnded({ thread }: ThreadHost): void {
    this.#say(`stream thread ${thread} has not stopped within ${this.#options.config.closeTimeoutMs} ms (closeTimeoutMs) and is ended; what it had not committed is done again.`)
  }

  #onEvicted(): void {
    const peers = this.#ground!.resources.peers!
    const watched = peers.endpoint !== undefined
    peers.evicted(Date.now())
    if (watched && peers.endpoint === undefined) {
      this.threads.tell((host) => host.unwatched())
    }
  }

  #onState(thread: number, state: ThreadState): void {
    if (this.threads.setState(thread, state)) {
      this.#updateState()
    }
  }

  #updateState(): void {
    const { life } = this.#options
    if (!life.alive) {
      return
    }
    if (!this.threads.running) {
      life.disturbed()
    } else if (life.state === 'REBALANCING') {
      life.move('RUNNING')
      life.settle(undefined)
    }
  }

  #onFailed(thread: number, error: Error, died: boolean): void {
    const { config, life, options, onEnd } = this.#options
    const host = this.threads.failed(thread)
    this.#failed++
    if (died) {
      this.#watch.died(host?.progress)
    }
    const cleaned = died ? this.#endIncarnations(thread) : Promise.resolve()
    const tried = cleaned.catch(() => undefined)
    this.#settled = this.#settled.then(() => within(tried, config.closeTimeoutMs)).then(() => undefined)
    if (life.state === 'PENDING_SHUTDOWN') {
      onEnd(error, false)
    }
    if (!life.alive) {
      return
    }
    if (host === undefined) {
      this.#say(`stream thread ${thread} failed while it was taken out of service: ${error.message}`)
      return
    }
    if (options.onUncaughtError !== undefined) {
      // An answer may take its time.
      life.disturbed()
    }
    void this.#uncaught.decide(thread, error).then((decision) => this.#onDecided(thread, error, decision, cleaned))
  }

  #endIncarnations(thread: number): Promise<void> {
    const { resources } = this.#ground!
    const prefix = transactionalIdPrefix(this.#options.config.applicationId, resources.directory.processId, thread)
    return resources.endIncarnations((id) => id.startsWith(prefix))
  }

  /** `cleaned`: what the thread had left open is ended. */
  #onDecided(thread: number, error: Error, decision: UncaughtDecision, cleaned: Promise<void>): void {
    const { life, onEnd } = this.#options
    if (!life.alive) {
      return
    }
    if (!decision.replace) {
      onEnd(decision.error, decision.everywhere)
      return
    }
    this.#say(`stream thread ${thread} failed and is replaced: ${error.message}`)
    life.disturbed()
    this.#settled = this.#settled
      .then(() => cleaned)
      .then(
        () => {
          if (life.state === 'REBALANCING') {
            this.#start(thread, this.#ground!)
          }
        },
        (cause: Error) => onEnd(cause, false),
      )
  }
}
