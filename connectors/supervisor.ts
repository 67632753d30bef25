import type { KafkaCluster } from 'millrace/kafka'
import { taskFailure } from './failure.ts'
import { findPoison, type PoisonRecord } from './probe.ts'
import { type ConnectorStatus, type ConnectRest, pause } from './rest.ts'
import { blocked, transition, type Watch } from './watch.ts'

export type SupervisorEvent =
  | { type: 'failed'; connector: string; failure: string }
  | { type: 'restarted'; connector: string; attempt: number }
  | { type: 'recovered'; connector: string }
  | { type: 'blocked'; connector: string; poison: readonly PoisonRecord[] }
  | { type: 'unreachable'; error: unknown }

export interface SupervisorOptions {
  rest: ConnectRest
  cluster: KafkaCluster
  /** The connectors to look after, by full name. */
  connectors: readonly string[]
  /** Told what happens; holds names, offsets and codes only. */
  onEvent?: (event: SupervisorEvent) => void
  /** Default 2 s. */
  intervalMs?: number
}

/**
 * Looks after connectors: restarts what failed, with back-off, and finds the record when a sink fails twice at the same
 * place though its store answers: it is named, and `skipPoison` waits for a person. A sink whose task failed does nothing until somebody restarts it, and Debezium's
 * fails for many things that pass by themselves.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #watches = new Map<string, Watch>()
  readonly #stopping = new AbortController()
  readonly #rest: ConnectRest
  #running: Promise<void> | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#rest = options.rest.withSignal(this.#stopping.signal)
    for (const connector of options.connectors) {
      this.#watches.set(connector, { state: 'healthy' })
    }
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Gives up what it waits for; a probe is removed. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** What it knows of every connector. */
  watches(): ReadonlyMap<string, Watch> {
    return this.#watches
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#look()
      } catch (error) {
        // Connect is away: nothing can be done until it is back
        this.#unreachable(error)
      }
      await pause(this.#options.intervalMs ?? 2_000, this.#stopping.signal)
    }
  }

  async #look(): Promise<void> {
    const statuses = await this.#rest.statuses()
    for (const connector of this.#options.connectors) {
      const status = statuses.get(connector)
      if (status !== undefined && !this.#stopping.signal.aborted) {
        await this.#lookAt(connector, status)
      }
    }
  }

  async #lookAt(connector: string, status: ConnectorStatus): Promise<void> {
    const before = this.#watches.get(connector)!
    const trace = status.tasks.find((task) => task.state === 'FAILED')?.trace ?? (status.connector.state === 'FAILED' ? (status.connector.trace ?? '') : undefined)
    const failed = trace !== undefined
    if (!failed && before.state === 'healthy') {
      return
    }
    const failure = taskFailure(trace)
    const position = status.type === 'sink' ? await this.#position(connector) : ''
    const { watch, action } = transition(before, { failed, storeFailure: failure.kind === 'store', position, now: Date.now() })
    this.#watches.set(connector, watch)
    if (failed && (before.state === 'healthy' || before.state === 'restarted')) {
      this.#emit({ type: 'failed', connector, failure: failure.summary })
    }
    if (watch.state === 'healthy') {
      this.#emit({ type: 'recovered', connector })
    }
    if (action === 'restart') {
      await this.#rest.restartFailed(connector)
      this.#emit({ type: 'restarted', connector, attempt: watch.state === 'healthy' ? 0 : watch.attempt })
    } else if (action === 'probe') {
      await this.#probe(connector, watch)
    }
  }

  async #probe(connector: string, watch: Watch): Promise<void> {
    const { rest, cluster } = this.#options
    let poison: readonly PoisonRecord[]
    try {
      poison = await findPoison(rest, cluster, connector, this.#stopping.signal)
    } catch (error) {
      // the store went away meanwhile: the back-off goes on
      this.#unreachable(error)
      return
    }
    if (poison.length === 0) {
      return
    }
    this.#watches.set(connector, blocked(watch, poison, Date.now()))
    this.#emit({ type: 'blocked', connector, poison })
  }

  async #position(connector: string): Promise<string> {
    const offsets = await this.#rest.sinkOffsets(connector)
    return `at ${offsets.map(({ topic, partition, offset }) => `${topic}-${partition}:${offset}`).sort().join(' ')}`
  }

  #unreachable(error: unknown): void {
    if (!this.#stopping.signal.aborted) {
      this.#emit({ type: 'unreachable', error })
    }
  }

  #emit(event: SupervisorEvent): void {
    this.#options.onEvent?.(event)
  }
}
