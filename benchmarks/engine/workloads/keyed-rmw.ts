import type { DocumentState, Truth } from '../events.ts'
import { truth } from '../events.ts'
import type { OutputCheck, ThroughputWorkload } from './contract.ts'

/** Read the state of the event's key, change it, write it, and write it out. */
export const keyedRmw: ThroughputWorkload = {
  async prepare(topics, prefix, { records, keys }) {
    const input = `${prefix}-input`
    await topics.create(input)
    await topics.load(input, records, keys)
    const expected = truth(records, keys)
    return () => ({ input, records, outputs: records, check: () => new StateCheck(expected) })
  },
}

/** Nothing lost, nothing twice, nothing out of order, every state right. */
export class StateCheck implements OutputCheck {
  readonly #truth: Truth
  readonly #last = new Map<string, DocumentState>()
  #outputs = 0
  #pages = 0
  #outOfOrder = 0

  constructor(truth: Truth) {
    this.#truth = truth
  }

  get outputs(): number {
    return this.#outputs
  }

  add(key: string, value: string): void {
    const state = JSON.parse(value) as DocumentState
    const before = this.#last.get(key)
    if (state.count !== (before?.count ?? 0) + 1 || state.last <= (before?.last ?? -1)) {
      this.#outOfOrder++
    }
    this.#last.set(key, state)
    this.#outputs++
    this.#pages += state.pages
  }

  /** What is wrong, in words; empty if nothing is. */
  problems(): string[] {
    const problems: string[] = []
    if (this.#outputs !== this.#truth.records) {
      problems.push(`${this.#outputs} outputs instead of ${this.#truth.records}`)
    }
    if (this.#outOfOrder > 0) {
      problems.push(`${this.#outOfOrder} outputs do not follow the one before of their key`)
    }
    if (this.#pages !== this.#truth.pagesOfAllOutputs) {
      problems.push(`the sum of pages over all outputs is ${this.#pages} instead of ${this.#truth.pagesOfAllOutputs}`)
    }
    const wrong = [...this.#truth.final].filter(([key, expected]) => {
      const found = this.#last.get(key)
      return found?.count !== expected.count || found.pages !== expected.pages || found.last !== expected.last
    })
    if (wrong.length > 0) {
      problems.push(`${wrong.length} of ${this.#truth.final.size} keys end with a wrong count, sum or last event`)
    }
    const unknown = [...this.#last.keys()].filter((key) => !this.#truth.final.has(key))
    if (unknown.length > 0) {
      problems.push(`${unknown.length} keys that were never sent`)
    }
    return problems
  }
}
