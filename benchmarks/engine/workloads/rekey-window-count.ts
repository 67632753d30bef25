import { EventSequence, WINDOW_MS } from '../events.ts'
import type { OutputCheck, ThroughputWorkload } from './contract.ts'

/** Events 1 ms apart, counted by another key in windows: every update is written. */
export const rekeyWindowCount: ThroughputWorkload = {
  async prepare(topics, prefix, { records, keys }) {
    const input = `${prefix}-input`
    await topics.create(input)
    const start = Math.floor(Date.now() / WINDOW_MS) * WINDOW_MS - records
    await topics.load(input, records, keys, (n) => start + n)
    const final = new Map<string, number>()
    const events = new EventSequence(keys)
    for (let n = 0; n < records; n++) {
      const { tenant, type } = events.next(0)
      const at = start + n
      const key = `${tenant}|${type}@${at - (at % WINDOW_MS)}`
      final.set(key, (final.get(key) ?? 0) + 1)
    }
    return () => ({ input, records, outputs: records, check: () => new CountCheck({ final, records }) })
  },
}

/** What must come out: the last count by key and window, and how many counts there are. */
export interface CountTruth {
  readonly final: ReadonlyMap<string, number>
  readonly records: number
}

/** Counts of a key and window go 1, 2, 3 … to their total. */
export class CountCheck implements OutputCheck {
  readonly #truth: CountTruth
  readonly #last = new Map<string, number>()
  #outputs = 0
  #outOfOrder = 0

  constructor(truth: CountTruth) {
    this.#truth = truth
  }

  get outputs(): number {
    return this.#outputs
  }

  add(key: string, value: string): void {
    const { result } = JSON.parse(value) as { result: number }
    this.#outputs++
    this.#outOfOrder += result === (this.#last.get(key) ?? 0) + 1 ? 0 : 1
    this.#last.set(key, result)
  }

  problems(): string[] {
    const { final, records } = this.#truth
    const wrong = [...final].filter(([key, count]) => this.#last.get(key) !== count).length
    return [
      ...(this.#outputs === records ? [] : [`${this.#outputs} outputs instead of ${records}`]),
      ...(this.#outOfOrder === 0 ? [] : [`${this.#outOfOrder} counts do not follow the one before`]),
      ...(wrong === 0 && this.#last.size === final.size ? [] : [`${wrong} of ${final.size} windows end with a wrong count, ${this.#last.size} were written`]),
    ]
  }
}
