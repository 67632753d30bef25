/**
 * What the smoke topology must have written, computed from what lies in its input topic. Memory goes with keys and small
 * windows, not with records: sequences are compared by count, hash and last value.
 */
import { END, FLUSH, SMALL_ADVANCE_MS, SMALL_WINDOW_MS, SMOKE_TOPICS, type SmokeTopic, windowName } from './topology.ts'

/** Sequences: of each key every record, in order, with its time. */
const SEQUENCES = ['echo', 'min', 'min-raw', 'max', 'sum', 'cnt', 'sws-raw'] as const satisfies readonly SmokeTopic[]
/** Of each key one record. */
const ONCE = ['min-suppressed', 'sws-suppressed'] as const satisfies readonly SmokeTopic[]
/** Behind topics that run beside each other: only where each key ends is fixed. */
const LAST = ['dif', 'avg', 'tagg'] as const satisfies readonly SmokeTopic[]

const OUTPUTS = SMOKE_TOPICS.filter((topic) => topic !== 'data')

interface Trace {
  count: number
  hash: number
  last: number
}

class Traces {
  readonly byKey = new Map<string, Trace>()

  add(key: string, value: number, timestamp: number): void {
    const trace = this.byKey.get(key) ?? { count: 0, hash: 0, last: 0 }
    this.byKey.set(key, trace)
    trace.count++
    trace.hash = mixed(mixed(trace.hash, value), timestamp)
    trace.last = value
  }
}

/** One step of a hash that depends on the order. */
function mixed(hash: number, number: number): number {
  const low = Math.trunc(number) | 0
  const high = Math.floor(number / 2 ** 32) | 0
  return Math.imul(Math.imul(hash ^ low, 0x01000193) ^ high, 0x01000193)
}

interface Window {
  value: number
  timestamp: number
}

interface Totals {
  min: number
  max: number
  sum: number
  cnt: number
  timestamp: number
}

export class SmokeCheck {
  readonly #windowMs: number
  readonly #expected = new Map<SmokeTopic, Traces>(OUTPUTS.map((topic) => [topic, new Traces()]))
  readonly #found = new Map<SmokeTopic, Traces>(OUTPUTS.map((topic) => [topic, new Traces()]))
  readonly #totals = new Map<string, Totals>()
  /** Sums of small windows by their names. */
  readonly #small = new Map<string, Window>()

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** A record of the input topic; those of a key in their order. */
  input(key: string, value: number, timestamp: number): void {
    if (key === FLUSH) {
      return
    }
    this.#expect('echo', key, value, timestamp)
    if (value === END) {
      return
    }
    const totals = this.#totals.get(key) ?? { min: END, max: -END, sum: 0, cnt: 0, timestamp: 0 }
    this.#totals.set(key, totals)
    totals.min = Math.min(totals.min, value)
    totals.max = Math.max(totals.max, value)
    totals.sum += value
    totals.cnt++
    // The time of an aggregate is that of the latest record in it.
    totals.timestamp = Math.max(totals.timestamp, timestamp)
    for (const topic of ['min', 'max', 'sum', 'cnt'] as const) {
      this.#expect(topic, key, totals[topic], totals.timestamp)
    }
    this.#expect('min-raw', this.#windowOf(key, timestamp), totals.min, totals.timestamp)
    const newest = Math.floor(timestamp / SMALL_ADVANCE_MS) * SMALL_ADVANCE_MS
    for (let start = newest - SMALL_WINDOW_MS + SMALL_ADVANCE_MS; start <= newest; start += SMALL_ADVANCE_MS) {
      const name = windowName(key, start, start + SMALL_WINDOW_MS)
      const window = this.#small.get(name) ?? { value: 0, timestamp: 0 }
      this.#small.set(name, window)
      window.value += value
      window.timestamp = Math.max(window.timestamp, timestamp)
      this.#expect('sws-raw', name, window.value, window.timestamp)
    }
  }

  #windowOf(key: string, timestamp: number): string {
    const start = Math.floor(timestamp / this.#windowMs) * this.#windowMs
    return windowName(key, start, start + this.#windowMs)
  }

  #expect(topic: SmokeTopic, key: string, value: number, timestamp: number): void {
    this.#expected.get(topic)!.add(key, value, timestamp)
  }

  /** A committed record of an output topic; those of a key in their order. */
  output(topic: SmokeTopic, key: string, value: number, timestamp: number): void {
    this.#found.get(topic)!.add(key, value, timestamp)
  }

  /** What is wrong, a line each; none: everything is as it must be. To be asked once everything has been read. */
  problems(): string[] {
    for (const [key, { min, max, sum, cnt, timestamp }] of this.#totals) {
      this.#expect('min-suppressed', this.#windowOf(key, timestamp), min, 0)
      this.#expect('dif', key, max - min, 0)
      this.#expect('avg', key, sum / cnt, 0)
    }
    for (const [name, { value }] of this.#small) {
      this.#expect('sws-suppressed', name, value, 0)
    }
    const counts = Map.groupBy(this.#totals.values(), ({ cnt }) => String(cnt))
    for (const { cnt } of this.#totals.values()) {
      for (let before = 1; before <= cnt; before++) {
        const group = this.#expected.get('tagg')!
        if (!group.byKey.has(String(before))) {
          group.add(String(before), counts.get(String(before))?.length ?? 0, 0)
        }
      }
    }
    return [
      ...SEQUENCES.flatMap((topic) => this.#differences(topic, (a, b) => a.count === b.count && a.hash === b.hash)),
      ...ONCE.flatMap((topic) => this.#differences(topic, (a, b) => a.count === b.count && a.last === b.last)),
      ...LAST.flatMap((topic) => this.#differences(topic, (a, b) => a.last === b.last)),
    ]
  }

  /** Records read of each output. */
  get counts(): ReadonlyMap<SmokeTopic, number> {
    return new Map([...this.#found].map(([topic, { byKey }]) => [topic, byKey.values().reduce((sum, { count }) => sum + count, 0)]))
  }

  #differences(topic: SmokeTopic, equal: (expected: Trace, found: Trace) => boolean): string[] {
    const expected = this.#expected.get(topic)!.byKey
    const found = this.#found.get(topic)!.byKey
    const problems: string[] = []
    for (const key of new Set([...expected.keys(), ...found.keys()])) {
      const [wanted, seen] = [expected.get(key), found.get(key)]
      if (wanted === undefined || seen === undefined || !equal(wanted, seen)) {
        problems.push(`${topic} ${key}: ${shown(seen)}, expected ${shown(wanted)}`)
      }
    }
    return problems
  }
}

function shown(trace: Trace | undefined): string {
  return trace === undefined ? 'nothing' : `${trace.count} records that end with ${trace.last}`
}
