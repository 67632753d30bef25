import type { Brokers, ConnectionGroup } from './brokers.ts'
import type { IsolationLevel } from './contract.ts'
import type { FetchPosition } from './fetch-position.ts'
import type { FetchResponse } from './protocol/fetch.ts'
import { FETCH } from './protocol/fetch.ts'

/** How long the side request may wait: short, so that its partitions soon travel with the main one again. */
const SIDE_WAIT_MS = 100
/** Beyond its long poll, how long a Fetch may take before its connection counts as dead. */
const DEFAULT_REQUEST_TIMEOUT_MS = 30_000

export interface FetchLimits {
  readonly isolation: IsolationLevel
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
}

export interface FetchHandlers {
  leaderEpoch(position: FetchPosition): number
  onAnswer(positions: readonly FetchPosition[], answer: FetchResponse): void
  onFailure(positions: readonly FetchPosition[], error: Error): void
}

interface Channel {
  readonly connections: ConnectionGroup
  busy: boolean
  /** When the broker answers at the latest (performance.now()). */
  due: number
}

/**
 * The requests that are out to one broker: at most two, on connections of their own. The main one is a long poll; a
 * partition that becomes ready while it is held would wait behind it, so a side request takes it at once.
 */
export class BrokerFetches {
  readonly #nodeId: number
  readonly #limits: FetchLimits
  readonly #handlers: FetchHandlers
  readonly #main: Channel
  readonly #side: Channel
  /** Partitions the side request found empty; they wait for the main one when that is due soon. */
  #quiet = new Set<FetchPosition>()

  constructor(brokers: Brokers, nodeId: number, limits: FetchLimits, handlers: FetchHandlers) {
    this.#nodeId = nodeId
    this.#limits = limits
    this.#handlers = handlers
    const timeoutMs = limits.maxWaitMs + (brokers.options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS)
    this.#main = { connections: brokers.connections(timeoutMs), busy: false, due: 0 }
    this.#side = { connections: brokers.connections(timeoutMs), busy: false, due: 0 }
  }

  /** Sends what it can; partitions that stay behind are offered again with the next answer. */
  send(positions: readonly FetchPosition[]): void {
    if (!this.#main.busy) {
      this.#quiet.clear()
      this.#request(this.#main, positions, this.#limits.maxWaitMs)
      return
    }
    if (this.#side.busy) {
      return
    }
    const mainSoon = this.#main.due - performance.now() <= SIDE_WAIT_MS
    const urgent = mainSoon ? positions.filter((position) => !this.#quiet.has(position)) : positions
    if (urgent.length > 0) {
      this.#request(this.#side, urgent, Math.min(SIDE_WAIT_MS, this.#limits.maxWaitMs))
    }
  }

  close(): void {
    this.#main.connections.close()
    this.#side.connections.close()
  }

  #request(channel: Channel, positions: readonly FetchPosition[], maxWaitMs: number): void {
    channel.busy = true
    channel.due = performance.now() + maxWaitMs
    for (const position of positions) {
      position.inFlight = true
    }
    const { isolation, minBytes, maxBytes } = this.#limits
    const partitions = positions.map((position) => ({
      topic: position.topic,
      partition: position.partition,
      offset: position.offset,
      maxBytes: position.maxBytes,
      leaderEpoch: this.#handlers.leaderEpoch(position)
    }))
    this.#ask(channel, { isolation, minBytes, maxBytes, maxWaitMs, partitions }).then(
      (answer) => {
        channel.busy = false
        if (channel === this.#side) {
          this.#noteQuiet(positions, answer)
        }
        this.#handlers.onAnswer(positions, answer)
      },
      (error: Error) => {
        channel.busy = false
        this.#handlers.onFailure(positions, error)
      }
    )
  }

  async #ask(channel: Channel, request: Parameters<typeof FETCH.encode>[1]): Promise<FetchResponse> {
    return channel.connections.to(this.#nodeId).request(FETCH, request)
  }

  #noteQuiet(positions: readonly FetchPosition[], answer: FetchResponse): void {
    const busy = new Set(answer.partitions.filter((p) => p.records.length > 0).map((p) => `${p.topic}-${p.partition}`))
    this.#quiet = new Set(positions.filter((position) => !busy.has(`${position.topic}-${position.partition}`)))
  }
}
