import { setTimeout as delay } from 'node:timers/promises'
import type { ConnectorSettings } from './config.ts'
import { ConnectorError } from './errors.ts'

export type ConnectorState = 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'UNASSIGNED' | 'RESTARTING'

export interface TaskStatus {
  id: number
  state: ConnectorState
  /** Stack trace of a failed task. */
  trace?: string
}

export interface ConnectorStatus {
  name: string
  type: 'sink' | 'source'
  connector: { state: ConnectorState; trace?: string }
  tasks: TaskStatus[]
}

/** An entry of a sink's offsets: the next record of this partition it will read. */
export interface SinkOffset {
  topic: string
  partition: number
  offset: number
}

export interface RestOptions {
  /** Basic authentication. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined
  /** How long a worker may rebalance or be away. Default 60 s. */
  readonly patienceMs?: number
  readonly signal?: AbortSignal
}

/** Prevents a worker that accepts connections but never answers from holding us. */
const REQUEST_TIMEOUT_MS = 60_000
/** A rebalance answers 409 for some seconds. */
const PATIENCE_MS = 60_000
const PAUSE_MS = 250

/**
 * Client of Connect's REST interface. Whoever reaches that interface runs code in the worker: it stays on loopback, or asks who comes.
 * Answers of a worker that rebalances (409) or does not answer yet are tried again for a minute.
 */
export class ConnectRest {
  /** Without a slash at its end. */
  readonly url: string
  readonly #credentials: RestOptions['credentials']
  readonly #patienceMs: number
  readonly #signal: AbortSignal | undefined

  constructor(url: string, options: RestOptions = {}) {
    this.url = url.replace(/\/+$/, '')
    this.#credentials = options.credentials
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS
    this.#signal = options.signal
  }

  /** The same, for a caller that may give up: running calls end with the signal (CONNECT_ABORTED). What the worker has begun it finishes. */
  withSignal(signal: AbortSignal): ConnectRest {
    return new ConnectRest(this.url, { patienceMs: this.#patienceMs, signal, credentials: this.#credentials })
  }

  async names(): Promise<string[]> {
    return (await this.#call('GET', '/connectors')) as string[]
  }

  /** Classes of the plugins the worker found. */
  async plugins(): Promise<string[]> {
    return ((await this.#call('GET', '/connector-plugins')) as { class: string }[]).map((plugin) => plugin.class)
  }

  /** `undefined` for a connector that does not exist. */
  async settings(name: string): Promise<ConnectorSettings | undefined> {
    return (await this.#call('GET', `${path(name)}/config`, undefined, 404)) as ConnectorSettings | undefined
  }

  /** Creates or changes a connector. */
  async put(name: string, settings: ConnectorSettings): Promise<void> {
    await this.#call('PUT', `${path(name)}/config`, settings)
  }

  /** Creates a connector that does nothing until it is resumed. */
  async createStopped(name: string, settings: ConnectorSettings): Promise<void> {
    await this.#call('POST', '/connectors', { name, config: settings, initial_state: 'STOPPED' })
  }

  /** Status of every connector of the worker, by name. */
  async statuses(): Promise<Map<string, ConnectorStatus>> {
    const all = (await this.#call('GET', '/connectors?expand=status')) as { [name: string]: { status?: ConnectorStatus } }
    return new Map(Object.entries(all).flatMap(([name, { status }]) => (status === undefined ? [] : [[name, status] as const])))
  }

  /** `undefined` for a connector that does not exist, or is so new that it has no status. */
  async status(name: string): Promise<ConnectorStatus | undefined> {
    return (await this.#call('GET', `${path(name)}/status`, undefined, 404)) as ConnectorStatus | undefined
  }

  /** Restarts what has failed, the connector and its tasks; nothing else. */
  async restartFailed(name: string): Promise<void> {
    await this.#call('POST', `${path(name)}/restart?includeTasks=true&onlyFailed=true`)
  }

  async stop(name: string): Promise<void> {
    await this.#call('PUT', `${path(name)}/stop`)
  }

  async resume(name: string): Promise<void> {
    await this.#call('PUT', `${path(name)}/resume`)
  }

  async remove(name: string): Promise<void> {
    await this.#call('DELETE', path(name), undefined, 404)
  }

  /** Committed offsets of a sink. */
  async sinkOffsets(name: string): Promise<SinkOffset[]> {
    const { offsets } = (await this.#call('GET', `${path(name)}/offsets`)) as {
      offsets: { partition: { kafka_topic: string; kafka_partition: number }; offset: { kafka_offset: number } | null }[]
    }
    return offsets.flatMap(({ partition, offset }) =>
      offset === null ? [] : [{ topic: partition.kafka_topic, partition: partition.kafka_partition, offset: offset.kafka_offset }]
    )
  }

  /** Moves a stopped sink. */
  async moveSink(name: string, to: readonly SinkOffset[]): Promise<void> {
    await this.#call('PATCH', `${path(name)}/offsets`, {
      offsets: to.map(({ topic, partition, offset }) => ({
        partition: { kafka_topic: topic, kafka_partition: partition },
        offset: { kafka_offset: offset }
      }))
    })
  }

  /** Replays a stopped connector from the beginning. */
  async resetOffsets(name: string): Promise<void> {
    await this.#call('DELETE', `${path(name)}/offsets`)
  }

  async #call(method: string, resource: string, body?: unknown, absent?: number): Promise<unknown> {
    const until = Date.now() + this.#patienceMs
    const signal = this.#signal
    const headers = {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(this.#credentials === undefined ? {} : { authorization: basic(this.#credentials) })
    }
    for (;;) {
      let response: Response
      let text: string
      try {
        const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
        response = await fetch(this.url + resource, {
          method,
          headers,
          body: body === undefined ? null : JSON.stringify(body),
          signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal])
        })
        text = await response.text()
      } catch (cause) {
        if (signal?.aborted === true) {
          throw new ConnectorError('CONNECT_ABORTED', `${method} ${resource} was given up before Kafka Connect had answered at ${this.url}.`, { cause })
        }
        if (Date.now() < until) {
          await pause(PAUSE_MS, signal)
          continue
        }
        throw new ConnectorError('CONNECT_UNAVAILABLE', `Kafka Connect does not answer at ${this.url}.`, { cause })
      }
      if (response.ok) {
        return text === '' ? undefined : JSON.parse(text)
      }
      if (response.status === absent) {
        return undefined
      }
      // 409: a rebalance, or a stop that has not ended; 503: the worker is starting; some requests answer 500 to a rebalance
      const rebalances = response.status === 500 && reason(text).includes('rebalance')
      if ((response.status === 409 || response.status === 503 || rebalances) && Date.now() < until) {
        await pause(PAUSE_MS, signal)
        continue
      }
      const why = response.status === 401 ? 'it wants another user and password (--connect-user)' : reason(text)
      throw new ConnectorError('CONNECT_REFUSED', `Kafka Connect answered ${response.status} to ${method} ${resource}: ${why}`)
    }
  }
}

const basic = ({ username, password }: { readonly username: string; readonly password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

/** Ends early when nobody waits any more; what comes next tells so. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {})
}

function path(name: string): string {
  return `/connectors/${encodeURIComponent(name)}`
}

/** Connect's messages name settings and their errors; they hold no records. */
function reason(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message).slice(0, 2_000)
  } catch {
    return 'no reason given'
  }
}
