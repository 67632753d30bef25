/** Input of the growth curves and what must come out: everything follows from an event's number, so that ten million need no truth in memory. */
import { keyOf } from '../engine/events.ts'
import type { InputRecord } from '../engine/topics.ts'
import type { OutputCheck } from '../engine/workloads/index.ts'

export interface GrowthEvent {
  readonly seq: number
  readonly amount: number
  /** Fills the value up to its size. */
  readonly note: string
}

export interface GrowthState {
  readonly count: number
  readonly sum: number
  readonly last: number
  readonly note: string
}

/** Coprime to every number of keys that is a product of 2, 3 and 5: the first events then give every key one each, in no order that a tree of files would like. */
const STRIDE = 7_368_787

export function amountOf(seq: number): number {
  return 1 + (seq % 97)
}

/** Of the event's key. The first `keys` events fill the state, all later ones hit it evenly. */
export function keyIndexOf(seq: number, keys: number): number {
  return seq < keys ? (seq * STRIDE) % keys : mixed(seq) % keys
}

/** The finalizer of MurmurHash3: neighbouring numbers become unrelated ones. */
function mixed(number: number): number {
  let x = number | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** The event as a record whose value has exactly `valueBytes` bytes. Throws RangeError if it cannot be that small. */
export function growthRecord(seq: number, keys: number, valueBytes: number, timestamp: number): InputRecord {
  const empty = `{"seq":${seq},"amount":${amountOf(seq)},"note":"`
  const padding = valueBytes - empty.length - 2
  if (padding < 0) {
    throw new RangeError(`An event has ${empty.length + 2} bytes, more than ${valueBytes}.`)
  }
  return { id: keyOf(keyIndexOf(seq, keys)), value: Buffer.from(`${empty}${'x'.repeat(padding)}"}`, 'latin1'), timestamp }
}

/** Every event's output once, of the right key, in order, its count and sum those before and the event. */
export class GrowthCheck implements OutputCheck {
  readonly #keys: number
  readonly #seen: Uint8Array
  readonly #counts: Uint32Array
  readonly #sums: Float64Array
  readonly #last: Int32Array
  #outputs = 0
  #wrong = 0

  constructor(keys: number, events: number) {
    this.#keys = keys
    this.#seen = new Uint8Array(events)
    this.#counts = new Uint32Array(keys)
    this.#sums = new Float64Array(keys)
    this.#last = new Int32Array(keys).fill(-1)
  }

  add(key: string, value: string): void {
    const { count, sum, last } = JSON.parse(value) as GrowthState
    const index = Number(key.slice(key.indexOf('-') + 1))
    this.#outputs++
    const right = last >= 0 && last < this.#seen.length && this.#seen[last] === 0 && keyIndexOf(last, this.#keys) === index &&
      last > this.#last[index]! && count === this.#counts[index]! + 1 && sum === this.#sums[index]! + amountOf(last)
    if (!right) {
      this.#wrong++
      return
    }
    this.#seen[last] = 1
    this.#counts[index] = count
    this.#sums[index] = sum
    this.#last[index] = last
  }

  problems(): string[] {
    return [
      ...(this.#outputs === this.#seen.length ? [] : [`${this.#outputs} outputs instead of ${this.#seen.length}`]),
      ...(this.#wrong === 0 ? [] : [`${this.#wrong} outputs that do not follow from the one before of their key`]),
    ]
  }
}
