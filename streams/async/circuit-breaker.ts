/**
 * Stops calling a dependency that is down, so that an outage costs no record its tries (M. Nygard, "Release It!"; the states
 * are Resilience4j's). One per operator and task, in the task's turns and on its clock; begins closed after a restart.
 */
import { type Duration, milliseconds, wholeNumber } from '../duration.ts'
import { StreamsError } from '../errors.ts'

/**
 *   closed ── failures ──→ open ── waited ──→ half-open ── probes-succeeded ──→ closed
 *                           ↑──────── probes-failed ─────────┘
 */
export type CircuitState = 'closed' | 'open' | 'half-open'

export type CircuitEvent = 'failures' | 'waited' | 'probes-succeeded' | 'probes-failed'

const TRANSITIONS: { readonly [S in CircuitState]: { readonly [E in CircuitEvent]?: CircuitState } } = {
  closed: { failures: 'open' },
  open: { waited: 'half-open' },
  'half-open': { 'probes-succeeded': 'closed', 'probes-failed': 'open' },
}

/** The one transition function; an event out of turn is a defect and throws. */
export function circuitTransition(state: CircuitState, event: CircuitEvent): CircuitState {
  const next = TRANSITIONS[state][event]
  if (next === undefined) {
    throw new Error(`A circuit breaker that is ${state} can't go on ${event}.`)
  }
  return next
}

/** What the user may set; all of it has a default. */
export interface CircuitBreakerOptions {
  /** Opens when so large a share of the records called last has failed. Above 0, at most 1. Default 0.5. */
  readonly failureRate?: number
  /** Records the share is taken over, each with the outcome of its newest call. Default 20. */
  readonly window?: number
  /** Stays closed until so many records have been called. At most `window`. Default 5. */
  readonly minimumRecords?: number
  /** Nothing is called for so long; doubles each time the probes fail again. Default '10s'. */
  readonly openFor?: Duration
  /** Longest of these pauses. At least `openFor`. Default '2m'. */
  readonly maxOpenFor?: Duration
  /** Calls after a pause that decide, by the same `failureRate`, whether it closes. Default 3. */
  readonly probes?: number
}

/** All settings, durations in ms. */
export interface CircuitBreakerPolicy extends Required<CircuitBreakerOptions> {
  readonly openFor: number
  readonly maxOpenFor: number
}

const KNOWN: ReadonlySet<string> = new Set<keyof CircuitBreakerOptions>(['failureRate', 'window', 'minimumRecords', 'openFor', 'maxOpenFor', 'probes'])
/** Above this a window is a memory of yesterday. */
const MAX_WINDOW = 10_000

/** Checks every setting and fills in the defaults. Throws `CONFIG_INVALID` naming operator, setting, limit and fix. */
export function circuitBreakerPolicy(what: string, options: CircuitBreakerOptions): CircuitBreakerPolicy {
  const invalid = (setting: string, problem: string) => new StreamsError('CONFIG_INVALID', `${what}: circuitBreaker.${setting} ${problem}`)
  if (typeof options !== 'object' || options === null) {
    throw new StreamsError('CONFIG_INVALID', `${what}: circuitBreaker must be an object of settings; {} takes the defaults.`)
  }
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) {
      throw invalid(key, `is no setting: known are ${[...KNOWN].join(', ')}.`)
    }
  }
  const { failureRate = 0.5 } = options
  if (!(typeof failureRate === 'number' && failureRate > 0 && failureRate <= 1)) {
    throw invalid('failureRate', `is ${String(failureRate)}: give a share above 0 and up to 1 (default 0.5).`)
  }
  const whole = (setting: 'window' | 'minimumRecords' | 'probes', fallback: number) => wholeNumber(`${what}: circuitBreaker.${setting}`, options[setting] ?? fallback)
  const window = whole('window', Math.max(20, options.minimumRecords ?? 0))
  if (window > MAX_WINDOW) {
    throw invalid('window', `is ${window}: give at most ${MAX_WINDOW} (default 20).`)
  }
  const minimumRecords = whole('minimumRecords', Math.min(5, window))
  if (minimumRecords > window) {
    throw invalid('minimumRecords', `is ${minimumRecords}, more than the window of ${window} ever holds: give at most ${window}.`)
  }
  const openFor = milliseconds(`${what}: circuitBreaker.openFor`, options.openFor ?? '10s')
  const maxOpenFor = milliseconds(`${what}: circuitBreaker.maxOpenFor`, options.maxOpenFor ?? Math.max(openFor, 120_000))
  if (maxOpenFor < openFor) {
    throw invalid('maxOpenFor', `is ${maxOpenFor} ms, less than openFor (${openFor} ms): give at least that.`)
  }
  return { failureRate, window, minimumRecords, openFor, maxOpenFor, probes: whole('probes', 3) }
}

/** `ignored`: it says nothing of the dependency (a bad record). */
export type CircuitOutcome = 'success' | 'failure' | 'ignored'

/** What the breaker keeps with a record that is called. */
export interface CircuitCall {
  /** Of the call under way; 0: none. */
  permit: number
  /** Where the record's outcome is in the window; -1: nowhere. */
  slot: number
}

export interface CircuitCounts {
  readonly state: CircuitState
  /** Times it went from closed or half-open to open. */
  readonly opened: number
}

export class CircuitBreaker {
  readonly #policy: CircuitBreakerPolicy
  #state: CircuitState = 'closed'
  #opened = 0
  /** Rises with every transition: how a call of before ends says nothing of now. */
  #epoch = 1
  #openFor: number
  #openUntil = Number.POSITIVE_INFINITY
  /** Newest outcome per record, 1: failed; slots from `#oldest` to before `#next`, each at its number modulo the length. */
  readonly #window: Uint8Array
  #oldest = 0
  #next = 0
  #failures = 0
  #probesBegun = 0
  #probesSucceeded = 0
  #probesFailed = 0

  constructor(policy: CircuitBreakerPolicy) {
    this.#policy = policy
    this.#openFor = policy.openFor
    this.#window = new Uint8Array(policy.window)
  }

  get state(): CircuitState {
    return this.#state
  }

  counts(): CircuitCounts {
    return { state: this.#state, opened: this.#opened }
  }

  /** When it is to be asked again while it is open, wall clock (ms); else Infinity. */
  get deadline(): number {
    return this.#openUntil
  }

  /** Whether a call may begin now. */
  permits(now: number): boolean {
    if (now >= this.#openUntil) {
      this.#move('waited', now)
    }
    return this.#state === 'closed' || (this.#state === 'half-open' && this.#probesBegun < this.#policy.probes)
  }

  /** After `permits`. */
  begin(call: CircuitCall): void {
    call.permit = this.#epoch
    if (this.#state === 'half-open') {
      this.#probesBegun++
    }
  }

  /** To be told once per call that has begun. */
  ended(call: CircuitCall, outcome: CircuitOutcome, now: number): void {
    const current = call.permit === this.#epoch
    call.permit = 0
    if (!current) {
      return
    }
    if (this.#state === 'half-open') {
      this.#probeEnded(outcome, now)
    } else if (outcome !== 'ignored') {
      this.#note(call, outcome === 'failure' ? 1 : 0)
      const known = this.#next - this.#oldest
      if (known >= this.#policy.minimumRecords && this.#failures >= known * this.#policy.failureRate) {
        this.#move('failures', now)
      }
    }
  }

  /** The calls under way are nobody's any more. What is known of the dependency stays. */
  forgetCalls(): void {
    this.#epoch++
    this.#clearProbes()
  }

  #probeEnded(outcome: CircuitOutcome, now: number): void {
    const { failureRate, probes } = this.#policy
    if (outcome === 'ignored') {
      this.#probesBegun--
      return
    }
    if (outcome === 'failure') {
      this.#probesFailed++
    } else {
      this.#probesSucceeded++
    }
    // Decided as soon as the probes that are still to end can't change it.
    if (this.#probesFailed >= probes * failureRate) {
      this.#move('probes-failed', now)
    } else if (probes - this.#probesSucceeded < probes * failureRate) {
      this.#move('probes-succeeded', now)
    }
  }

  /** A record that fails again and again is one failure, however often it is tried: a bad record is no outage. */
  #note(call: CircuitCall, failed: 0 | 1): void {
    const window = this.#window
    if (call.slot < this.#oldest) {
      if (this.#next - this.#oldest === window.length) {
        this.#failures -= window[this.#oldest % window.length]!
        this.#oldest++
      }
      call.slot = this.#next++
    } else {
      this.#failures -= window[call.slot % window.length]!
    }
    window[call.slot % window.length] = failed
    this.#failures += failed
  }

  #move(event: CircuitEvent, now: number): void {
    const before = this.#state
    this.#state = circuitTransition(before, event)
    this.#epoch++
    this.#clearProbes()
    if (this.#state === 'open') {
      this.#opened++
      this.#openFor = before === 'closed' ? this.#policy.openFor : Math.min(this.#openFor * 2, this.#policy.maxOpenFor)
      this.#openUntil = now + this.#openFor
    } else {
      this.#openUntil = Number.POSITIVE_INFINITY
      this.#oldest = this.#next
      this.#failures = 0
    }
  }

  #clearProbes(): void {
    this.#probesBegun = 0
    this.#probesSucceeded = 0
    this.#probesFailed = 0
  }
}
