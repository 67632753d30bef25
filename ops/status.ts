import type { Measured, ThreadSnapshot } from 'millrace'
import type { DocumentCounter, DocumentCounts } from './document-counter.ts'
import type { RefusedRuleSet, RefusedRuleSets } from './refused-rule-sets.ts'

/** Everything the live page shows, as one answer. */
export interface Status {
  /** ms since the epoch */
  readonly at: number
  readonly instance: string
  readonly startedAt: number
  readonly state: string
  readonly ready: boolean
  readonly reasons: readonly string[]
  readonly threads: readonly ThreadSnapshot[]
  readonly documents: DocumentCounts
  readonly refusedRuleSets: readonly RefusedRuleSet[]
}

export interface Readiness {
  readonly ready: boolean
  /** What is missing. */
  readonly reasons: readonly string[]
}

/** Threads are asked at most this often, however many look. */
const FRESH_MS = 500

export interface StatusOptions {
  readonly instance: string
  readonly streams: Measured
  readonly counter: Pick<DocumentCounter, 'counts'>
  readonly refused: Pick<RefusedRuleSets, 'list'>
  /** Reasons beside the streams' state. */
  missing(): readonly string[]
}

export class StatusSource {
  readonly #options: StatusOptions
  readonly #startedAt = Date.now()
  #sample: { readonly at: number; readonly status: Promise<Status> } | undefined

  constructor(options: StatusOptions) {
    this.#options = options
  }

  readiness(): Readiness {
    const { streams, missing } = this.#options
    const reasons = [...(streams.state === 'RUNNING' ? [] : [`streams are ${streams.state}`]), ...missing()]
    return { ready: reasons.length === 0, reasons }
  }

  status(): Promise<Status> {
    const now = performance.now()
    if (this.#sample === undefined || now - this.#sample.at > FRESH_MS) {
      this.#sample = { at: now, status: this.#take() }
    }
    return this.#sample.status
  }

  async #take(): Promise<Status> {
    const { instance, streams, counter, refused } = this.#options
    const threads = await streams.metrics()
    return { at: Date.now(), instance, startedAt: this.#startedAt, state: streams.state, ...this.readiness(), threads, documents: counter.counts(), refusedRuleSets: refused.list() }
  }
}
