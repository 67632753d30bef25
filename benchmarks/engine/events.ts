/**
 * The input of the benchmark and the truth about it: a fixed sequence of JSON events, the same on every machine, and what
 * a right stream processor makes of them.
 */
import { partitionFor } from 'millrace/kafka'

/** What a record says. Padded so that every record's value has the same number of bytes. */
export interface DocumentEvent {
  readonly id: string
  readonly seq: number
  readonly at: number
  readonly tenant: string
  readonly type: string
  readonly pages: number
  readonly currency: string
  readonly total: number
  readonly language: string
  readonly sha256: string
  readonly note: string
}

/** What the processor keeps per key, and writes for every record. */
export interface DocumentState {
  readonly count: number
  readonly pages: number
  readonly last: number
  readonly at: number
}

/** A row of the table that events are joined with. */
export interface DocumentFactor {
  readonly id: string
  readonly factor: number
}

export function factorOf(id: string): number {
  return 2 + (Number(id.slice(-6)) % 7)
}

/** Size of the windows that count events. */
export const WINDOW_MS = 10_000
/** Source partitions are worked off at different speeds: without it, events behind the repartition would come late and be dropped. */
export const GRACE_MS = 86_400_000
/** Bytes of every value. */
export const VALUE_BYTES = 300
export const PARTITIONS = 4
const SEED = 42

const TYPES = ['invoice', 'receipt', 'contract', 'letter', 'delivery-note'] as const
const CURRENCIES = ['EUR', 'USD', 'GBP', 'CHF'] as const
const LANGUAGES = ['de', 'en', 'fr', 'nl'] as const

/** Marsaglia's xorshift32: all its bits are good, where the low bits of a linear congruential generator pick partitions unevenly. */
export class XorShift32 {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }

  below(limit: number): number {
    return this.next() % limit
  }
}

/** Events one after the other; `at` is what the caller gives (µs since the epoch). Keys are uniform. */
export class EventSequence {
  readonly #random = new XorShift32(SEED)
  readonly #keys: number
  #seq = 0

  constructor(keys: number) {
    this.#keys = keys
  }

  next(at: number): DocumentEvent {
    const random = this.#random
    const key = random.below(this.#keys)
    return {
      id: keyOf(key),
      seq: this.#seq++,
      at,
      tenant: `tenant-${String(key % 97).padStart(3, '0')}`,
      type: TYPES[random.below(TYPES.length)]!,
      pages: 1 + random.below(40),
      currency: CURRENCIES[random.below(CURRENCIES.length)]!,
      total: random.below(10_000_000) / 100,
      language: LANGUAGES[random.below(LANGUAGES.length)]!,
      sha256: hex(random) + hex(random) + hex(random) + hex(random),
      note: '',
    }
  }
}

/** 16 bytes. */
export function keyOf(key: number): string {
  return `doc-${String(key).padStart(12, '0')}`
}

function hex(random: XorShift32): string {
  return random.next().toString(16).padStart(8, '0')
}

/** The event as JSON of exactly VALUE_BYTES bytes. */
export function encodeEvent(event: DocumentEvent): Buffer {
  const empty = JSON.stringify(event)
  const padding = VALUE_BYTES - empty.length
  if (padding < 0) {
    throw new RangeError(`An event has ${empty.length} bytes, more than ${VALUE_BYTES}.`)
  }
  return Buffer.from(`${empty.slice(0, -2)}${'x'.repeat(padding)}"}`, 'latin1')
}

export function partitionOf(id: string, partitions = PARTITIONS): number {
  return partitionFor(Buffer.from(id, 'latin1'), partitions)
}

/** The step that both engines run: read, change, write. */
export function nextState(state: DocumentState | undefined, event: DocumentEvent): DocumentState {
  return { count: (state?.count ?? 0) + 1, pages: (state?.pages ?? 0) + event.pages, last: event.seq, at: event.at }
}

/** What the outputs of the first `records` events must be. */
export interface Truth {
  readonly records: number
  readonly final: ReadonlyMap<string, DocumentState>
  /** Sum of `pages` over all outputs: wrong if any single output is, whatever the final states say. */
  readonly pagesOfAllOutputs: number
}

export function truth(records: number, keys: number): Truth {
  const events = new EventSequence(keys)
  const final = new Map<string, DocumentState>()
  let pagesOfAllOutputs = 0
  for (let i = 0; i < records; i++) {
    const event = events.next(0)
    const state = nextState(final.get(event.id), event)
    final.set(event.id, state)
    pagesOfAllOutputs += state.pages
  }
  return { records, final, pagesOfAllOutputs }
}
