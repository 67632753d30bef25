/**
 * One asynchronous operator of one task: admits records, starts calls lane by lane, and continues the graph when their
 * results are drained (engine.md §5). Everything here runs in the task's turns except `call` itself.
 */
import { randomUUID } from 'node:crypto'
import type { StreamsErrorCode } from '../errors.ts'
import { StreamsError } from '../errors.ts'
import type { AnyAsyncOperator, AnyRecord, AsyncNode } from '../graph/topology.ts'
import { NO_HEADERS } from '../record.ts'
import type { TaskProcessorContext } from '../runtime/context.ts'
import type { TaskCore } from '../runtime/core.ts'
import type { StreamTimeHold } from '../runtime/processor-node.ts'
import { RuntimeNode } from '../runtime/processor-node.ts'
import { recordSizeBound, recordTooLarge } from '../runtime/sizes.ts'
import { SerdeNotReady } from '../serdes.ts'
import { backoff } from './backoff.ts'
import type { Call, Payload } from './entry.ts'
import type { EntryState } from './entry.ts'
import { encodePayload, Entry } from './entry.ts'
import { Heap } from './heap.ts'
import type { InFlightTable } from './in-flight-table.ts'
import { Lanes } from './lanes.ts'
import type { ParkedKeys } from './parked.ts'
import type { PrepareContext } from './operator.ts'

/** One call at a time per key: the head is in a lane, running, waiting for its next try, or parked. */
interface KeyQueue {
  readonly entries: Entry[]
  parked: boolean
}

export interface InFlightCounts {
  readonly operator: string
  /** Admitted and not finished, parked ones and those behind them left out. */
  readonly pending: number
  readonly running: number
  readonly parked: number
}

export class AsyncRuntime extends RuntimeNode implements StreamTimeHold {
  readonly operator: AnyAsyncOperator
  readonly inFlightStore: string
  readonly nameBytes: Uint8Array
  readonly parked: ParkedKeys
  /** Set by the task when it (re)starts. */
  context!: TaskProcessorContext
  prepareContext!: PrepareContext
  running = 0
  pending = 0
  pendingBytes = 0
  private readonly table: InFlightTable
  private readonly lanes: Lanes
  private readonly entries = new Map<number, Entry>()
  private readonly keys = new Map<string, KeyQueue>()
  /** Order 'input': everything admitted, oldest first; results wait here for their turn. */
  private inputOrder: Entry[] = []
  private readonly retries = new Heap<Entry>((a, b) => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.admission < b.admission))
  private readonly calls = new Set<Entry>()
  private nextTimeout = Number.POSITIVE_INFINITY
  /** Made when somebody downstream first asks for stream time. */
  private timestamps: Heap<Entry> | undefined
  private readonly topic: string
  private maxBytes = -1

  constructor(core: TaskCore, node: AsyncNode, table: InFlightTable, changelogTopic: string, parked: ParkedKeys) {
    super(core, node.name)
    this.operator = validated(node)
    this.inFlightStore = node.inFlightStore
    this.nameBytes = Buffer.from(node.name)
    this.table = table
    this.topic = changelogTopic
    this.parked = parked
    this.lanes = new Lanes(this.operator.laneWeight)
    if (this.operator.onFailure === 'dead-letter') {
      core.requireDeadLetterTopic(node.name)
    }
    this.holds = [this]
  }

  counts(): InFlightCounts {
    return { operator: this.name, pending: this.pending, running: this.running, parked: this.parked.records }
  }

  get full(): boolean {
    return this.pending >= this.operator.maxPending || this.pendingBytes >= this.operator.maxPendingBytes
  }

  lowestPending(): number {
    let heap = this.timestamps
    if (heap === undefined) {
      heap = new Heap<Entry>((a, b) => a.timestamp < b.timestamp)
      this.timestamps = heap
      for (const entry of this.entries.values()) {
        if (!this.isParked(entry)) {
          heap.push(entry)
        }
      }
    }
    for (;;) {
      const lowest = heap.peek()
      if (lowest === undefined) {
        return Number.POSITIVE_INFINITY
      }
      if (lowest.state !== 'done' && lowest.state !== 'undone' && !this.isParked(lowest)) {
        return lowest.timestamp
      }
      heap.pop()
    }
  }

  // --- admission -----------------------------------------------------------------------------------------------------

  /** A record of the task reaches the operator: it is always admitted (rule C8). */
  process(record: AnyRecord): void {
    const { core, table } = this
    let entry: Entry
    try {
      entry = this.makeEntry(record)
    } catch (error) {
      this.refuse(error instanceof StreamsError ? error.code : 'PROCESSING_FAILED', error)
      return
    }
    const behindParked = entry.keyId !== undefined && this.keys.get(entry.keyId)?.parked === true
    if (behindParked && this.parked.full) {
      this.refuse('CALL_FAILED', new StreamsError('CALL_FAILED', `${this.name}: the key is parked and the bound of parked records is reached.`))
      return
    }
    core.beforeEffect()
    core.touched = true
    table.admitted(this, entry)
    this.insert(entry)
  }

  /** Puts a new or restored entry where it waits. */
  insert(entry: Entry): void {
    this.entries.set(entry.admission, entry)
    if (this.operator.order === 'input') {
      this.inputOrder.push(entry)
    }
    const parkedBefore = entry.parkedAt > 0
    if (this.operator.order === 'key' && entry.keyId !== undefined) {
      const queue = this.keys.get(entry.keyId)
      if (queue !== undefined) {
        queue.entries.push(entry)
        if (queue.parked) {
          this.parked.add(entry)
        } else {
          this.count(entry, 1)
        }
        this.holdTimestamp(entry, queue.parked)
        return
      }
      this.keys.set(entry.keyId, { entries: [entry], parked: parkedBefore })
    }
    if (parkedBefore) {
      entry.to('parked')
      this.parked.park(entry)
      return
    }
    this.count(entry, 1)
    this.holdTimestamp(entry, false)
    this.lanes.push(entry)
  }

  /** Takes back the admission of the entry that was admitted last. */
  undo(entry: Entry): void {
    const wasParked = this.isParked(entry)
    entry.to('undone')
    this.entries.delete(entry.admission)
    if (this.operator.order === 'input') {
      this.inputOrder.pop()
    }
    const queue = entry.keyId === undefined ? undefined : this.keys.get(entry.keyId)
    if (queue !== undefined) {
      queue.entries.pop()
      if (queue.entries.length === 0) {
        this.keys.delete(entry.keyId!)
      }
    }
    if (wasParked) {
      this.parked.remove(entry)
    } else {
      this.count(entry, -1)
    }
  }

  private makeEntry(record: AnyRecord): Entry {
    const { core, operator, table } = this
    const lane = operator.lane === undefined ? '' : operator.lane(record)
    const origin = core.origin
    const payload: Payload = {
      timestamp: record.timestamp,
      topic: origin?.topic ?? '',
      partition: origin?.partition ?? -1,
      offset: origin?.offset ?? -1,
      ordinal: this.ordinal(),
      lane,
      key: this.serialize('key', record),
      value: this.serialize('value', record),
      headers: record.headers,
    }
    const bytes = encodePayload(payload)
    if (this.maxBytes < 0) {
      this.maxBytes = core.collector.maxMessageBytes?.(this.topic) ?? -1
    }
    const size = recordSizeBound(11 + this.nameBytes.length, bytes.length, NO_HEADERS)
    if (this.maxBytes >= 0 && size > this.maxBytes) {
      throw recordTooLarge(`${this.name}: a pending entry`, size, this.maxBytes)
    }
    const entry = new Entry(table.nextAdmission, payload, bytes.length, table.readPayload)
    // The record itself is let go: it may hold views of a fetch buffer (rule D7), and what a call sees must not depend on
    // whether its entry was restored. It is deserialized from the payload when its turn comes.
    entry.payload = bytes
    return entry
  }

  /**
   * The path of ordinals (rule B3). What a punctuator makes has no offset to be counted from, and an admission number may
   * be given out again after an abort: it gets a random one, kept with the entry.
   */
  private ordinal(): string {
    const { origin } = this.core
    if (origin === undefined) {
      return randomUUID()
    }
    const birth = this.table.peekBirth()
    return origin.ordinal === '' ? String(birth) : `${origin.ordinal}.${birth}`
  }

  private serialize(part: 'key' | 'value', record: AnyRecord): Uint8Array | null {
    const value = record[part]
    if (value === null || value === undefined) {
      return null
    }
    try {
      return this.operator[part].serialize(this.topic, value, record.headers)
    } catch (cause) {
      throw new StreamsError('SERIALIZATION_FAILED', `${this.name}: the ${part} of a pending entry could not be serialized.`, { cause })
    }
  }

  /** A record that can't be admitted. There is nothing to park: the policy after it acts. */
  private refuse(code: StreamsErrorCode, error: unknown): void {
    this.core.giveUp(this.actionAfterPark(), code, this.name, error, 0)
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
    if (now >= this.nextTimeout) {
      this.endTimedOut(now)
    }
    let due = this.retries.peek()
    while (due !== undefined && (due.state !== 'backoff' || due.dueAt <= now)) {
      this.retries.pop()
      if (due.state === 'backoff') {
        due.to('queued')
        this.lanes.push(due)
      }
      due = this.retries.peek()
    }
    while (this.running < this.operator.concurrency) {
      const entry = this.lanes.take()
      if (entry === undefined) {
        return
      }
      this.start(entry, now)
    }
  }

  nextDeadline(): number {
    let due = this.retries.peek()
    while (due !== undefined && due.state !== 'backoff') {
      this.retries.pop()
      due = this.retries.peek()
    }
    return Math.min(this.nextTimeout, due === undefined ? Number.POSITIVE_INFINITY : due.dueAt)
  }

  private start(entry: Entry, now: number): void {
    const { core, operator } = this
    let record: AnyRecord
    let input: unknown
    core.beginTurn(entry, entry.timestamp)
    try {
      record = this.recordOf(entry)
      input = operator.prepare === undefined ? record.value : operator.prepare(record, this.prepareContext)
    } catch (error) {
      core.endTurn()
      if (error instanceof SerdeNotReady) {
        this.openSerde(entry, error)
        return
      }
      entry.attempts++
      if (entry.record === undefined) {
        this.exhausted(entry, 'DESERIALIZATION_FAILED', error)
      } else {
        this.failed(entry, 'PROCESSING_FAILED', error, now)
      }
      return
    }
    core.endTurn()
    entry.attempts++
    entry.to('running')
    const call: Call = { incarnation: core.incarnation, controller: new AbortController(), deadline: now + operator.timeoutMs }
    entry.call = call
    this.running++
    this.calls.add(entry)
    this.nextTimeout = Math.min(this.nextTimeout, call.deadline)
    const info = { signal: call.controller.signal, idempotencyKey: this.idempotencyKey(entry), attempt: entry.attempts }
    let promise: Promise<unknown>
    try {
      promise = Promise.resolve(operator.call(input, info, record))
    } catch (error) {
      promise = Promise.reject(error)
    }
    promise.then(
      (result) => this.settled(entry, call, { ok: true, result }),
      (error) => this.settled(entry, call, { ok: false, error }),
    )
  }

  private settled(entry: Entry, call: Call, outcome: Entry['outcome']): void {
    // After a drop, a time-out or a revocation the answer is nobody's (rule B5).
    if (call.incarnation !== this.core.incarnation || entry.call !== call) {
      this.table.ignored++
      return
    }
    this.endCall(entry)
    entry.outcome = outcome
    entry.to('settled')
    this.table.settled(this, entry)
  }

  private endCall(entry: Entry): void {
    entry.call = undefined
    this.calls.delete(entry)
    this.running--
  }

  private endTimedOut(now: number): void {
    this.nextTimeout = Number.POSITIVE_INFINITY
    for (const entry of [...this.calls]) {
      const call = entry.call!
      if (call.deadline > now) {
        this.nextTimeout = Math.min(this.nextTimeout, call.deadline)
        continue
      }
      const error = new StreamsError('CALL_TIMEOUT', `${this.name}: a call did not settle within ${this.operator.timeoutMs} ms.`)
      this.endCall(entry)
      call.controller.abort(error)
      this.failed(entry, 'CALL_TIMEOUT', error, now)
    }
  }

  private recordOf(entry: Entry): AnyRecord {
    if (entry.record === undefined) {
      const { key, value, headers } = entry.decode()
      const { operator, topic } = this
      entry.record = {
        key: key === null ? null : operator.key.deserialize(topic, key, headers),
        value: value === null ? null : operator.value.deserialize(topic, value, headers),
        timestamp: entry.timestamp,
        headers,
      }
    }
    return entry.record
  }

  private openSerde(entry: Entry, error: SerdeNotReady): void {
    const { incarnation } = this.core
    entry.to('opening')
    const mine = () => incarnation === this.core.incarnation && entry.state === 'opening'
    error.ready.then(
      () => {
        if (mine()) {
          entry.to('queued')
          this.lanes.push(entry)
          this.table.wake()
        }
      },
      (cause) => {
        if (mine()) {
          entry.attempts++
          entry.outcome = { ok: false, error: new StreamsError('DESERIALIZATION_FAILED', `${this.name}: a serde's dependency failed.`, { cause }) }
          entry.to('settled')
          this.table.settled(this, entry)
        }
      },
    )
  }

  private idempotencyKey(entry: Entry): string {
    const from = entry.offset < 0 ? 'punctuator' : `${entry.topic}/${entry.partition}/${entry.offset}`
    return `${this.core.applicationId}/${this.name}/${from}/${entry.ordinal}`
  }

  // --- results -------------------------------------------------------------------------------------------------------

  /** Continues with a settled entry, in its own turn; returns how many entries were dealt with. */
  drain(entry: Entry): number {
    if (entry.state !== 'settled') {
      return 0
    }
    const outcome = entry.outcome!
    if (!outcome.ok) {
      const code = outcome.error instanceof StreamsError && outcome.error.code === 'DESERIALIZATION_FAILED' ? 'DESERIALIZATION_FAILED' : 'CALL_FAILED'
      this.failed(entry, code, outcome.error, this.core.clock.now())
      return 1 + this.drainInOrder()
    }
    if (this.operator.order === 'input') {
      return this.drainInOrder()
    }
    this.complete(entry, outcome.result)
    return 1
  }

  /** Order 'input': completes from the oldest on, as far as results are there. */
  private drainInOrder(): number {
    let done = 0
    for (;;) {
      const head = this.inputOrder[0]
      if (head === undefined) {
        return done
      }
      if (head.state === 'done') {
        this.inputOrder.shift()
      } else if (head.state === 'settled' && head.outcome!.ok) {
        this.complete(head, head.outcome!.result)
        done++
        if ((head.state as EntryState) !== 'done') {
          return done
        }
      } else {
        return done
      }
    }
  }

  private complete(entry: Entry, result: unknown): void {
    const { core, operator } = this
    const guarded = operator.onFailure !== 'fail'
    core.touched = true
    core.counters.processed++
    core.beginTurn(entry, entry.timestamp)
    if (guarded) {
      core.frames.open()
    }
    try {
      operator.complete(result, entry.record!, this.context)
      if (core.fatal !== undefined) {
        throw core.fatal
      }
    } catch (error) {
      if (!guarded || core.fatal !== undefined) {
        throw core.fail('PROCESSING_FAILED', this.name, error)
      }
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
    this.finish(entry)
  }

  private failed(entry: Entry, code: StreamsErrorCode, error: unknown, now: number): void {
    const { operator } = this
    entry.outcome = undefined
    entry.failure = error instanceof StreamsError ? error.code : code
    this.table.attemptsChanged(entry)
    if (code === 'DESERIALIZATION_FAILED' || entry.attempts > operator.retry.attempts || operator.isPermanent?.(error) === true) {
      this.exhausted(entry, code, error)
      return
    }
    this.core.counters.retried++
    entry.dueAt = now + backoff(operator.retry, entry.attempts, this.table.random())
    entry.to('backoff')
    this.retries.push(entry)
  }

  /** The tries are used up: `fail`, `skip`, `dead-letter` or `park`. */
  private exhausted(entry: Entry, code: StreamsErrorCode, error: unknown): void {
    const { core } = this
    entry.outcome = undefined
    entry.failure = error instanceof StreamsError ? error.code : code
    core.beginTurn(entry, entry.timestamp)
    try {
      if (this.operator.onFailure === 'park' && !this.parked.full) {
        this.park(entry)
        return
      }
      core.giveUp(this.actionAfterPark(), code, this.name, error, entry.attempts)
    } finally {
      core.endTurn()
    }
    this.finish(entry)
  }

  private finish(entry: Entry): void {
    const wasParked = this.isParked(entry)
    entry.to('done')
    entry.record = undefined
    entry.payload = undefined
    entry.outcome = undefined
    this.entries.delete(entry.admission)
    if (wasParked) {
      this.parked.remove(entry)
    } else {
      this.count(entry, -1)
    }
    this.table.finished(this, entry)
    if (this.operator.order === 'input') {
      this.passTurnOn()
    }
    if (this.operator.order !== 'key' || entry.keyId === undefined) {
      return
    }
    const queue = this.keys.get(entry.keyId)!
    queue.entries.shift()
    const next = queue.entries[0]
    if (next === undefined) {
      this.keys.delete(entry.keyId)
    } else if (!queue.parked) {
      this.lanes.push(next)
    }
  }

  /** Order 'input': the entry that was waited for is gone; the result behind it may have come long ago. */
  private passTurnOn(): void {
    while (this.inputOrder[0]?.state === 'done') {
      this.inputOrder.shift()
    }
    const head = this.inputOrder[0]
    if (head !== undefined && head.state === 'settled') {
      this.table.settled(this, head)
    }
  }

  // --- parked keys (rule C7) -----------------------------------------------------------------------------------------

  private park(entry: Entry): void {
    entry.to('parked')
    entry.parkedAt = Math.max(1, this.core.clock.now())
    this.table.attemptsChanged(entry)
    this.core.touched = true
    this.count(entry, -1)
    this.parked.park(entry)
    const queue = this.queueOf(entry)
    if (queue !== undefined) {
      queue.parked = true
      for (let i = 1; i < queue.entries.length; i++) {
        this.count(queue.entries[i]!, -1)
        this.parked.add(queue.entries[i]!)
      }
    }
  }

  /** The head of a parked key is called again, with all its tries. */
  releaseParked(id: string): boolean {
    const entry = this.parked.head(id)
    if (entry === undefined) {
      return false
    }
    const queue = this.queueOf(entry)
    for (const each of queue?.entries ?? [entry]) {
      this.parked.remove(each)
      this.count(each, 1)
      this.timestamps?.push(each)
    }
    if (queue !== undefined) {
      queue.parked = false
    }
    entry.parkedAt = 0
    entry.attempts = 0
    entry.failure = ''
    this.table.attemptsChanged(entry)
    this.core.touched = true
    entry.to('queued')
    this.lanes.push(entry)
    return true
  }

  /** Drops the record that failed and lets the others of its key go on, or drops all of them. */
  dropParked(id: string, what: 'head' | 'key'): number {
    const entry = this.parked.head(id)
    if (entry === undefined) {
      return 0
    }
    this.core.touched = true
    const queue = this.queueOf(entry)
    const dropped = what === 'key' && queue !== undefined ? [...queue.entries] : [entry]
    if (what === 'head' && queue !== undefined) {
      queue.parked = false
      for (const each of queue.entries) {
        this.parked.remove(each)
        this.count(each, 1)
        this.timestamps?.push(each)
      }
    }
    for (const each of dropped) {
      this.finish(each)
    }
    return dropped.length
  }

  // -------------------------------------------------------------------------------------------------------------------

  /** Everything in memory goes; calls are signalled. */
  drop(reason: StreamsError): void {
    for (const entry of this.calls) {
      entry.call?.controller.abort(reason)
    }
    this.calls.clear()
    this.entries.clear()
    this.keys.clear()
    this.lanes.clear()
    this.retries.clear()
    this.inputOrder = []
    this.parked.clear()
    this.timestamps = undefined
    this.running = 0
    this.pending = 0
    this.pendingBytes = 0
    this.nextTimeout = Number.POSITIVE_INFINITY
    this.resetStreamTime()
  }

  private queueOf(entry: Entry): KeyQueue | undefined {
    return this.operator.order === 'key' && entry.keyId !== undefined ? this.keys.get(entry.keyId) : undefined
  }

  private isParked(entry: Entry): boolean {
    return this.parked.has(entry)
  }

  private count(entry: Entry, sign: 1 | -1): void {
    this.pending += sign
    this.pendingBytes += sign * entry.bytes
  }

  private holdTimestamp(entry: Entry, parked: boolean): void {
    if (!parked) {
      this.timestamps?.push(entry)
    }
  }
}

function validated(node: AsyncNode): AnyAsyncOperator {
  const { operator, name } = node
  const positive: readonly (readonly [string, number])[] = [
    ['concurrency', operator.concurrency],
    ['maxPending', operator.maxPending],
    ['maxPendingBytes', operator.maxPendingBytes],
    ['timeoutMs', operator.timeoutMs],
  ]
  for (const [field, value] of positive) {
    if (!(value >= 1)) {
      throw new StreamsError('CONFIG_INVALID', `${name}: ${field} is ${value}; it must be at least 1.`)
    }
  }
  if (!Number.isInteger(operator.retry.attempts) || operator.retry.attempts < 0) {
    throw new StreamsError('CONFIG_INVALID', `${name}: retry.attempts is ${operator.retry.attempts}; it must be a whole number ≥ 0.`)
  }
  if (operator.order === 'input' && operator.onFailure === 'park') {
    throw new StreamsError('CONFIG_INVALID', `${name}: order 'input' can't be combined with onFailure 'park': one parked record would stop all others. Use order 'key'.`)
  }
  return operator
}
