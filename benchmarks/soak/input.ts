/**
 * Input of the soak, as long as it lasts, and the truth about it: grows with the input, and what has come out of the joins
 * is forgotten, so that an hour fits into memory.
 */
import { type DocumentEvent, type DocumentState, EventSequence, nextState, WINDOW_MS } from '../engine/events.ts'
import { CountCheck } from '../engine/workloads/rekey-window-count.ts'
import { StateCheck } from '../engine/workloads/keyed-rmw.ts'

/** One for every fourth event, a second after it. */
export interface Approval {
  /** Number of the event it was made for. */
  readonly approval: number
}

/** An approval and an event of the same key, close in time: not only its own. */
export interface Approved extends Approval {
  readonly event: number
}

export const APPROVAL_WINDOW_MS = 2_000
/** Longer than any outage the soak makes: a record that comes too late would be dropped, which is right and would look wrong. */
export const GRACE_MS = 300_000
const APPROVED_EVERY = 4
const APPROVAL_DELAY_MS = 1_000

export interface OutputTopics {
  readonly states: string
  readonly counts: string
  readonly joined: string
}

export function outputs(prefix: string): OutputTopics {
  return { states: `${prefix}-states`, counts: `${prefix}-counts`, joined: `${prefix}-joined` }
}

export interface SoakRecord {
  readonly topic: 'events' | 'approvals'
  readonly id: string
  readonly value: DocumentEvent | Approval
  /** ms since the epoch */
  readonly timestamp: number
}

interface Timed {
  readonly at: number
  readonly seq: number
}

interface RunningTruth {
  records: number
  pagesOfAllOutputs: number
  readonly final: Map<string, DocumentState>
}

/** Makes the input one due record after the other, and checks the outputs. */
export class SoakInput {
  readonly #events: EventSequence
  readonly #truth: RunningTruth = { records: 0, pagesOfAllOutputs: 0, final: new Map() }
  readonly #windows = new Map<string, number>()
  /** Due, in order of time. */
  #approvals: { readonly id: string; readonly at: number; readonly seq: number }[] = []
  readonly #recentEvents = new Map<string, Timed[]>()
  readonly #recentApprovals = new Map<string, Timed[]>()
  /** Pairs that have not come out yet. */
  readonly #pairs = new Set<number>()
  readonly #states = new StateCheck(this.#truth)
  readonly #counts: CountCheck
  #wrongPairs = 0

  constructor(keys: number) {
    this.#events = new EventSequence(keys)
    const truth = this.#truth
    this.#counts = new CountCheck({ final: this.#windows, get records() { return truth.records } })
  }

  get events(): number {
    return this.#truth.records
  }

  /** Everything up to the event that is due at `at` (µs since the epoch), that one included. */
  next(at: number): SoakRecord[] {
    const timestamp = Math.floor(at / 1000)
    const records: SoakRecord[] = []
    for (; this.#approvals.length > 0 && this.#approvals[0]!.at <= timestamp; this.#approvals.shift()) {
      records.push(this.#approve(this.#approvals[0]!))
    }
    const event = this.#events.next(at)
    const { id, seq, tenant, type } = event
    const state = nextState(this.#truth.final.get(id), event)
    this.#truth.final.set(id, state)
    this.#truth.records++
    this.#truth.pagesOfAllOutputs += state.pages
    const window = `${tenant}|${type}@${timestamp - (timestamp % WINDOW_MS)}`
    this.#windows.set(window, (this.#windows.get(window) ?? 0) + 1)
    for (const approval of remember(this.#recentEvents, this.#recentApprovals, id, { at: timestamp, seq })) {
      this.#pairs.add(pair(approval.seq, seq))
    }
    if (seq % APPROVED_EVERY === 0) {
      this.#approvals.push({ id, at: timestamp + APPROVAL_DELAY_MS, seq })
    }
    records.push({ topic: 'events', id, value: event, timestamp })
    return records
  }

  #approve({ id, at, seq }: { readonly id: string; readonly at: number; readonly seq: number }): SoakRecord {
    for (const event of remember(this.#recentApprovals, this.#recentEvents, id, { at, seq })) {
      this.#pairs.add(pair(seq, event.seq))
    }
    return { topic: 'approvals', id, value: { approval: seq }, timestamp: at }
  }

  /** An output, as it was read. */
  add(topic: keyof OutputTopics, key: string, value: string): void {
    if (topic === 'states') {
      this.#states.add(key, value)
    } else if (topic === 'counts') {
      this.#counts.add(key, value)
    } else {
      const { approval, event } = JSON.parse(value) as Approved
      this.#wrongPairs += this.#pairs.delete(pair(approval, event)) ? 0 : 1
    }
  }

  /** Whether as much has come out as must. */
  get isComplete(): boolean {
    return this.#states.outputs >= this.events && this.#counts.outputs >= this.events && this.#pairs.size === 0
  }

  /** What is wrong, in words; empty if nothing is. */
  problems(): string[] {
    return [
      ...this.#states.problems().map((problem) => `states: ${problem}`),
      ...this.#counts.problems().map((problem) => `counts: ${problem}`),
      ...(this.#wrongPairs === 0 ? [] : [`joined: ${this.#wrongPairs} pairs twice, or that do not belong together`]),
      ...(this.#pairs.size === 0 ? [] : [`joined: ${this.#pairs.size} pairs are missing`]),
    ]
  }
}

/** Adds one of a key to its side; returns those of the other side that are close enough in time. */
function remember(own: Map<string, Timed[]>, other: Map<string, Timed[]>, id: string, timed: Timed): Timed[] {
  const fresh = (side: Map<string, Timed[]>): Timed[] => (side.get(id) ?? []).filter(({ at }) => at >= timed.at - APPROVAL_WINDOW_MS)
  own.set(id, [...fresh(own), timed])
  const partners = fresh(other)
  if (partners.length === 0) {
    other.delete(id)
  }
  return partners
}

/** Both numbers in one: exact up to 67 million events. */
function pair(approval: number, event: number): number {
  return approval * 2 ** 26 + event
}
