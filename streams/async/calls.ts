/**
 * The calls of one operator that are running: each is matched by its own object when it settles (rule B5), aborted when
 * its time is up, and forgotten with the task's incarnation.
 */
import { StreamsError } from '../errors.ts'
import type { AnyAsyncOperator, AnyRecord } from '../graph/topology.ts'
import { codeOf } from '../runtime/dead-letter.ts'
import type { Progress } from '../runtime/progress.ts'
import type { Suspects } from '../runtime/suspects.ts'
import type { TaskTracing } from '../tracing/task-tracing.ts'
import type { Call, Entry, Outcome } from './entry.ts'

export interface CallsOptions {
  readonly operator: AnyAsyncOperator
  /** Of the operator. */
  readonly name: string
  incarnation(): number
  /** The group's generation. */
  fence(): number
  readonly tracing: TaskTracing | undefined
  onSettled(entry: Entry, outcome: Outcome): void
  /** An answer came that nobody waits for any more. */
  onIgnored(): void
  /** Index of the operator in its subtopology. */
  index(): number
  /** Where the thread says what it does, and what it must not do any more (rule C10). */
  readonly place: Progress
  readonly suspects: Suspects
}

export class Calls {
  /** Earliest time-out, wall clock; Infinity for none. */
  nextTimeout = Number.POSITIVE_INFINITY
  private readonly options: CallsOptions
  private readonly running = new Set<Entry>()

  constructor(options: CallsOptions) {
    this.options = options
  }

  get size(): number {
    return this.running.size
  }

  /** False while it, or another one, has to be the only one that runs. */
  mayBegin({ topic, partition, offset }: Entry): boolean {
    return this.options.suspects.mayBegin({ topic, partition, offset, operator: this.options.index(), owner: this })
  }

  /** One that was allowed to begin has, or could not. */
  passed(): void {
    this.options.suspects.passed(this)
  }

  /** Outside every turn: what `call` touches of the task throws (rule B2). */
  begin(entry: Entry, input: unknown, record: AnyRecord, idempotencyKey: string, now: number): void {
    const { operator, place } = this.options
    entry.attempts++
    const span = this.options.tracing?.call(this.options.name, entry.attempts, record.headers)
    const call: Call = { incarnation: this.options.incarnation(), controller: new AbortController(), deadline: now + operator.timeoutMs, span, place: place.calls.begun(entry.topic, entry.partition, entry.offset, this.options.index()) }
    entry.to('running')
    entry.call = call
    this.running.add(entry)
    this.options.suspects.begun({ topic: entry.topic, partition: entry.partition, offset: entry.offset, operator: this.options.index(), owner: this })
    this.nextTimeout = Math.min(this.nextTimeout, call.deadline)
    let promise: Promise<unknown>
    try {
      const info = { signal: call.controller.signal, idempotencyKey, fence: this.options.fence(), attempt: entry.attempts }
      promise = Promise.resolve(span === undefined ? operator.call(input, info, record) : span.run(() => operator.call(input, info, record)))
    } catch (error) {
      promise = Promise.reject(error)
    }
    // From here on it runs between turns.
    place.operator = -1
    promise.then(
      (result) => this.settled(entry, call, { ok: true, result }),
      (error) => this.settled(entry, call, { ok: false, error }),
    )
  }

  /** Aborts what has run too long, and gives it back. */
  endTimedOut(now: number): readonly { readonly entry: Entry; readonly error: StreamsError }[] {
    const ended: { readonly entry: Entry; readonly error: StreamsError }[] = []
    this.nextTimeout = Number.POSITIVE_INFINITY
    for (const entry of [...this.running]) {
      const call = entry.call!
      if (call.deadline > now) {
        this.nextTimeout = Math.min(this.nextTimeout, call.deadline)
        continue
      }
      const { name, operator } = this.options
      const error = new StreamsError('CALL_TIMEOUT', `${name}: a call did not settle within ${operator.timeoutMs} ms.`)
      this.end(entry, error)
      call.controller.abort(error)
      ended.push({ entry, error })
    }
    return ended
  }

  abortAll(reason: StreamsError): void {
    for (const entry of this.running) {
      entry.call?.span?.end(reason.code)
      entry.call?.controller.abort(reason)
      this.options.place.calls.ended(entry.call!.place)
    }
    this.running.clear()
    this.options.suspects.forget(this)
    this.nextTimeout = Number.POSITIVE_INFINITY
  }

  private settled(entry: Entry, call: Call, outcome: Outcome): void {
    if (call.incarnation !== this.options.incarnation() || entry.call !== call) {
      this.options.onIgnored()
      return
    }
    this.end(entry, outcome.ok ? undefined : outcome.error)
    this.options.onSettled(entry, outcome)
  }

  private end(entry: Entry, error: unknown): void {
    entry.call?.span?.end(error === undefined ? undefined : (codeOf(error) ?? 'CALL_FAILED'))
    this.options.place.calls.ended(entry.call!.place)
    this.options.suspects.ended(this)
    entry.call = undefined
    this.running.delete(entry)
  }
}
