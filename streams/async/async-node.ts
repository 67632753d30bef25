/**
 * One asynchronous operator of one task: admits records, starts calls lane by lane, and continues the graph when their
 * results are drained (engine.md §5). Everything here runs in the task's turns except `call` itself.
 */
import type { StreamsErrorCode } from '../errors.ts'
import { StreamsError } from '../errors.ts'
import type { AnyAsyncOperator, AnyRecord, AsyncNode } from '../graph/topology.ts'
import type { TaskProcessorContext } from '../runtime/context.ts'
import type { TaskCore } from '../runtime/core.ts'
import type { StreamTimeHold } from '../runtime/processor-node.ts'
import { RuntimeNode } from '../runtime/processor-node.ts'
import { recordSuspected } from '../runtime/suspects.ts'
import { SerdeNotReady } from '../serdes.ts'
import { Admission } from './admission.ts'
import { backoff } from './backoff.ts'
import { Calls } from './calls.ts'
import type { CircuitCounts, CircuitOutcome } from './circuit-breaker.ts'
import { CircuitBreaker, circuitBreakerPolicy } from './circuit-breaker.ts'
import type { Entry, Outcome } from './entry.ts'
import type { InFlightCounts, InFlightTable } from './in-flight-table.ts'
import type { PrepareContext } from './operator.ts'
import type { ParkedKeys } from './parked.ts'
import { PendingEntries } from './pending-entries.ts'
import { Retries } from './retries.ts'
import { validated } from './validate.ts'

export class AsyncRuntime extends RuntimeNode implements StreamTimeHold {
  readonly operator: AnyAsyncOperator
  readonly inFlightStore: string
  readonly nameBytes: Uint8Array
  readonly parked: ParkedKeys
  /** Set by the task when it (re)starts. */
  context!: TaskProcessorContext
  prepareContext!: PrepareContext
  private readonly table: InFlightTable
  private readonly admission: Admission
  private readonly pending: PendingEntries
  private readonly calls: Calls
  private readonly breaker: CircuitBreaker | undefined
  private readonly retries = new Retries()

  constructor(core: TaskCore, node: AsyncNode, table: InFlightTable, changelogTopic: string, parked: ParkedKeys) {
    super(core, node.name)
    const operator = validated(node)
    this.operator = operator
    this.inFlightStore = node.inFlightStore
    this.nameBytes = Buffer.from(node.name)
    this.table = table
    this.parked = parked
    this.admission = new Admission(core, operator, node.name, table, changelogTopic)
    this.pending = new PendingEntries(operator, parked)
    this.calls = new Calls({
      operator,
      name: node.name,
      incarnation: () => core.incarnation,
      fence: core.fence,
      index: () => this.index,
      place: core.place,
      suspects: core.suspects,
      tracing: core.tracing,
      onSettled: (entry, outcome) => this.settled(entry, outcome),
      onIgnored: () => {
        table.ignored++
      },
    })
    this.breaker = operator.circuitBreaker === undefined ? undefined : new CircuitBreaker(circuitBreakerPolicy(node.name, operator.circuitBreaker))
    if (operator.onFailure === 'dead-letter') {
      core.requireDeadLetterTopic(node.name)
    }
    this.holds = [this]
  }

  counts(): InFlightCounts {
    const counts = { operator: this.name, pending: this.pending.records, running: this.calls.size, parked: this.parked.records }
    return this.circuit === undefined ? counts : { ...counts, circuit: this.circuit }
  }

  override get circuit(): CircuitCounts | undefined {
    return this.breaker?.counts()
  }

  get running(): number {
    return this.calls.size
  }

  get full(): boolean {
    return this.pending.records >= this.operator.maxPending || this.pending.bytes >= this.operator.maxPendingBytes
  }

  /** Nothing is pending, parked or behind a parked key. */
  get empty(): boolean {
    return this.pending.records === 0 && this.parked.records === 0
  }

  lowestPending(): number {
    return this.pending.lowestTimestamp()
  }

  // --- admission -----------------------------------------------------------------------------------------------------

  /** A record of the task reaches the operator: it is always admitted (rule C8). */
  process(record: AnyRecord): void {
    const { core } = this
    this.processed++
    let entry: Entry
    try {
      entry = this.admission.entryOf(record)
      if (this.parked.full && this.pending.isBehindParked(entry)) {
        throw new StreamsError('CALL_FAILED', `${this.name}: the key is parked and the bound of parked records is reached.`)
      }
    } catch (error) {
      // There is nothing to park: the policy after it acts.
      core.giveUp(this.actionAfterPark(), error instanceof StreamsError ? error.code : 'PROCESSING_FAILED', this.name, error, 0)
      return
    }
    core.beforeEffect()
    core.touched = true
    this.table.admitted(this, entry)
    this.pending.insert(entry)
  }

  /** An entry of the table as the last committed generation left it. */
  restore(entry: Entry): void {
    this.pending.insert(entry)
  }

  /** Takes back the admission of the entry that was admitted last. */
  undo(entry: Entry): void {
    this.pending.undo(entry)
  }

  private actionAfterPark(): 'fail' | 'skip' | 'dead-letter' {
    const action = this.operator.onFailure
    if (action !== 'park') {
      return action
    }
    return this.core.deadLetterTopic === undefined ? 'fail' : 'dead-letter'
  }

  // --- calls ---------------------------------------------------------------------------------------------------------

  /** Ends what has timed out, lets due retries in, and starts calls while there is room. */
  pump(now: number): void {
    if (now >= this.calls.nextTimeout) {
      for (const { entry, error } of this.calls.endTimedOut(now)) {
        this.failed(entry, 'CALL_TIMEOUT', error, now)
      }
    }
    for (let due = this.retries.takeDue(now); due !== undefined; due = this.retries.takeDue(now)) {
      this.pending.requeue(due)
    }
    let held: Entry[] | undefined
    while (this.calls.size < this.operator.concurrency && this.breaker?.permits(now) !== false) {
      const entry = this.core.suspects.closed ? undefined : this.pending.take()
      if (entry === undefined) {
        break
      }
      if (this.calls.mayBegin(entry)) {
        this.start(entry, now)
        this.calls.passed()
      } else {
        held ??= []
        held.push(entry)
      }
    }
    if (held !== undefined) {
      for (const entry of held) {
        this.pending.putBack(entry)
      }
    }
  }

  nextDeadline(): number {
    return Math.min(this.calls.nextTimeout, this.retries.nextDeadline(), this.breaker?.deadline ?? Number.POSITIVE_INFINITY)
  }

  private start(entry: Entry, now: number): void {
    const { admission, core, operator } = this
    let record: AnyRecord
    let input: unknown
    core.beginTurn(entry, entry.timestamp)
    core.place.operator = this.index
    if (core.suspect === this.index) {
      core.endTurn()
      this.exhausted(entry, 'RECORD_ENDED_THREAD', recordSuspected(this.name, core.taskId))
      return
    }
    try {
      record = admission.recordOf(entry)
      input = operator.prepare === undefined ? record.value : operator.prepare(record, this.prepareContext)
    } catch (error) {
      core.endTurn()
      if (error instanceof SerdeNotReady) {
        this.openSerde(entry, error)
        return
      }
      entry.attempts++
      this.failed(entry, entry.record === undefined ? 'DESERIALIZATION_FAILED' : 'PROCESSING_FAILED', error, now)
      return
    }
    core.endTurn()
    this.breaker?.begin(entry)
    this.calls.begin(entry, input, record, admission.idempotencyKey(entry), now)
  }

  private settled(entry: Entry, outcome: Outcome): void {
    entry.outcome = outcome
    entry.to('settled')
    this.table.settled(this, entry)
  }

  private openSerde(entry: Entry, error: SerdeNotReady): void {
    const { incarnation } = this.core
    entry.to('opening')
    const mine = () => incarnation === this.core.incarnation && entry.state === 'opening'
    error.ready.then(
      () => {
        if (mine()) {
          this.pending.requeue(entry)
          this.table.wake()
        }
      },
      (cause) => {
        if (mine()) {
          entry.attempts++
          const failure = new StreamsError('DESERIALIZATION_FAILED', `${this.name}: a serde's dependency failed.`, { cause })
          this.settled(entry, { ok: false, error: failure })
        }
      },
    )
  }

  // --- results -------------------------------------------------------------------------------------------------------

  /** Continues with a settled entry, in its own turn; returns how many entries were dealt with. */
  drain(entry: Entry): number {
    if (entry.state !== 'settled') {
      return 0
    }
    const outcome = entry.outcome!
    if (!outcome.ok) {
      const { error } = outcome
      const undecodable = error instanceof StreamsError && error.code === 'DESERIALIZATION_FAILED'
      this.failed(entry, undecodable ? 'DESERIALIZATION_FAILED' : 'CALL_FAILED', error, this.core.clock.now())
      return 1
    }
    this.judge(entry, 'success', this.core.clock.now())
    if (this.operator.order === 'input' && this.pending.oldest() !== entry) {
      return 0
    }
    this.complete(entry, outcome.result)
    return 1
  }

  private complete(entry: Entry, result: unknown): void {
    const { core, operator } = this
    const guarded = operator.onFailure !== 'fail'
    core.touched = true
    core.counters.processed++
    core.now = core.clock.now()
    core.beginTurn(entry, entry.timestamp)
    core.place.operator = this.index
    if (guarded) {
      core.frames.open()
    }
    try {
      if (core.tracing === undefined) {
        operator.complete(result, entry.record!, this.context)
      } else {
        core.tracing.process(this.name, 'internal', entry, () => operator.complete(result, entry.record!, this.context))
      }
      core.checkSwallowed()
    } catch (thrown) {
      if (!guarded || core.fatal !== undefined) {
        throw core.fail('PROCESSING_FAILED', this.name, thrown)
      }
      const error = core.take(thrown)
      core.frames.rollback()
      core.endTurn()
      // The same result would fail again, and the call has had its effect: no further try.
      this.exhausted(entry, 'PROCESSING_FAILED', error)
      return
    }
    if (guarded) {
      core.frames.commit()
    }
    core.endTurn()
    this.latency?.record(core.now - entry.timestamp)
    this.finish(entry)
  }

  private failed(entry: Entry, code: StreamsErrorCode, error: unknown, now: number): void {
    const { operator } = this
    const permanent = code === 'DESERIALIZATION_FAILED' || operator.isPermanent?.(error) === true
    if (this.judge(entry, permanent ? 'ignored' : 'failure', now) && !permanent && this.breaker?.state !== 'closed') {
      // The dependency is down, which is not the record's fault.
      entry.attempts--
    }
    if (permanent || entry.attempts > operator.retry.attempts) {
      this.exhausted(entry, code, error)
      return
    }
    this.note(entry, code, error)
    this.core.counters.retried++
    entry.dueAt = now + backoff(operator.retry, Math.max(1, entry.attempts), this.table.random())
    entry.to('backoff')
    this.retries.push(entry)
  }

  /** Tells the circuit breaker how a call ended, once; false when there was none, or no breaker. */
  private judge(entry: Entry, outcome: CircuitOutcome, now: number): boolean {
    if (this.breaker === undefined || entry.permit === 0) {
      return false
    }
    this.breaker.ended(entry, outcome, now)
    return true
  }

  /** The tries are used up: `fail`, `skip`, `dead-letter` or `park`. */
  private exhausted(entry: Entry, code: StreamsErrorCode, error: unknown): void {
    const { core } = this
    this.note(entry, code, error)
    if (this.operator.onFailure === 'park' && !this.parked.full) {
      entry.parkedAt = Math.max(1, core.clock.now())
      this.pending.park(entry)
      return
    }
    core.beginTurn(entry, entry.timestamp)
    try {
      core.giveUp(this.actionAfterPark(), code, this.name, error, entry.attempts)
    } finally {
      core.endTurn()
    }
    this.finish(entry)
  }

  /** Remembers a failed try, in the table too. */
  private note(entry: Entry, code: StreamsErrorCode, error: unknown): void {
    entry.outcome = undefined
    entry.failure = error instanceof StreamsError ? error.code : code
    this.table.attemptsChanged(entry)
  }

  private finish(entry: Entry): void {
    this.pending.finish(entry)
    this.table.finished(this, entry)
    entry.record = undefined
    entry.payload = undefined
    entry.outcome = undefined
    if (this.operator.order === 'input') {
      // The result behind it may have come long ago.
      const oldest = this.pending.oldest()
      if (oldest?.state === 'settled') {
        this.table.settled(this, oldest)
      }
    }
  }

  // --- parked keys (rule C7) -----------------------------------------------------------------------------------------

  /** The head of a parked key is called again, with all its tries. False: no such key. */
  releaseParked(id: string): boolean {
    const entry = this.parked.head(id)
    if (entry === undefined) {
      return false
    }
    this.pending.unpark(entry)
    entry.parkedAt = 0
    entry.attempts = 0
    entry.failure = ''
    this.table.attemptsChanged(entry)
    this.pending.requeue(entry)
    return true
  }

  /** Drops the record that failed and lets the others of its key go on (`head`), or drops all of them (`key`). */
  dropParked(id: string, what: 'head' | 'key'): number {
    const head = this.parked.head(id)
    if (head === undefined) {
      return 0
    }
    this.core.touched = true
    const entries = this.pending.unpark(head)
    const dropped = what === 'key' ? entries : [head]
    for (const entry of dropped) {
      this.finish(entry)
    }
    return dropped.length
  }

  // -------------------------------------------------------------------------------------------------------------------

  /** Everything in memory goes; calls are signalled. */
  drop(reason: StreamsError): void {
    this.calls.abortAll(reason)
    this.breaker?.forgetCalls()
    this.pending.clear()
    this.retries.clear()
    this.resetStreamTime()
  }
}
