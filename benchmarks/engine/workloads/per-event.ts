/** Workloads that make one output of every event: how their outputs are held against the events. */
import type { DocumentEvent } from '../events.ts'
import { EventSequence } from '../events.ts'
import type { OutputCheck } from './contract.ts'

interface Output {
  readonly seq: number
  readonly tenant: string
  readonly result: number
}

/** Every event once, its result right, those of a key in order. */
export class PerEventCheck implements OutputCheck {
  readonly #results: Float64Array
  readonly #tenants: readonly string[]
  readonly #seen: Uint8Array
  readonly #last = new Map<string, number>()
  #outputs = 0
  #wrong = 0
  #twice = 0
  #outOfOrder = 0

  constructor(expected: PerEventTruth) {
    this.#results = expected.results
    this.#tenants = expected.tenants
    this.#seen = new Uint8Array(expected.results.length)
  }

  add(key: string, value: string): void {
    const { seq, tenant, result } = JSON.parse(value) as Output
    this.#outputs++
    this.#wrong += this.#results[seq] === result && this.#tenants[seq] === tenant ? 0 : 1
    this.#twice += this.#seen[seq] ?? 0
    this.#seen[seq] = 1
    this.#outOfOrder += (this.#last.get(key) ?? -1) < seq ? 0 : 1
    this.#last.set(key, seq)
  }

  problems(): string[] {
    const expected = this.#results.length
    return [
      ...(this.#outputs === expected ? [] : [`${this.#outputs} outputs instead of ${expected}`]),
      ...(this.#wrong === 0 ? [] : [`${this.#wrong} outputs with a wrong result`]),
      ...(this.#twice === 0 ? [] : [`${this.#twice} outputs twice`]),
      ...(this.#outOfOrder === 0 ? [] : [`${this.#outOfOrder} outputs not behind the one before of their key`]),
    ]
  }
}

export interface PerEventTruth {
  readonly results: Float64Array
  readonly tenants: readonly string[]
}

export function perEventTruth(records: number, keys: number, result: (event: DocumentEvent) => number): PerEventTruth {
  const events = new EventSequence(keys)
  const results = new Float64Array(records)
  const tenants: string[] = []
  for (let n = 0; n < records; n++) {
    const event = events.next(0)
    results[n] = result(event)
    tenants.push(event.tenant)
  }
  return { results, tenants }
}
