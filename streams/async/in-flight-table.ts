/**
 * The in-flight table of a task: all its asynchronous operators, the order of admission, what has settled, and the rows
 * that make pending records survive (engine.md §5). An entry that began and ended within one generation never touches
 * the store: rows are written when a generation closes.
 */
import type { StoreView } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { TaskCore } from '../runtime/core.ts'
import type { Undoable } from '../runtime/undo.ts'
import type { AsyncRuntime } from './async-node.ts'
import type { CircuitCounts } from './circuit-breaker.ts'
import { ATTEMPT_ROW, decodeAttemptRow, decodePayload, encodeAttemptRow, Entry, PAYLOAD_ROW, parseRowKey, rowKey } from './entry.ts'
import { orphanedEntries } from './orphans.ts'
import type { ParkedKey } from './parked.ts'

export interface InFlightCounts {
  readonly operator: string
  /** Admitted and not finished, parked ones and those behind them left out. */
  readonly pending: number
  readonly running: number
  readonly parked: number
  /** Absent without a circuit breaker. */
  readonly circuit?: CircuitCounts
}

interface Admission {
  readonly operator: AsyncRuntime
  readonly entry: Entry
  readonly births: number
}

interface Settled {
  readonly operator: AsyncRuntime
  readonly entry: Entry
}

export class InFlightTable implements Undoable {
  readonly operators: AsyncRuntime[] = []
  nextAdmission = 0
  /** Answers of calls that were nobody's any more. */
  ignored = 0
  readonly random: () => number
  private readonly core: TaskCore
  private readonly wakeTask: () => void
  private readonly orphans: 'fail' | 'dead-letter'
  private readonly owner = new Map<Entry, AsyncRuntime>()
  private readonly unwritten = new Set<Entry>()
  private readonly dirty = new Set<Entry>()
  private settledCalls: Settled[] = []
  private log: Admission[] = []
  private recording = false
  private births = 0
  private birthTurn = -1
  /** Operators by source topic that leads to them. */
  private readonly behind = new Map<string, AsyncRuntime[]>()

  constructor(core: TaskCore, options: { readonly random: () => number; readonly orphans: 'fail' | 'dead-letter'; wake(): void }) {
    this.core = core
    this.random = options.random
    this.orphans = options.orphans
    this.wakeTask = () => options.wake()
    core.frames.register(this)
  }

  /** `topics`: the sources whose records reach it. */
  add(operator: AsyncRuntime, topics: readonly string[]): void {
    this.operators.push(operator)
    for (const topic of topics) {
      const operators = this.behind.get(topic)
      if (operators === undefined) {
        this.behind.set(topic, [operator])
      } else {
        operators.push(operator)
      }
    }
  }

  /** True while a source must not bring more: some operator behind it is full (rule C8). */
  blocked(topic: string): boolean {
    const operators = this.behind.get(topic)
    if (operators !== undefined) {
      for (let i = 0; i < operators.length; i++) {
        if (operators[i]!.full) {
          return true
        }
      }
    }
    return false
  }

  pump(now: number): void {
    for (let i = 0; i < this.operators.length; i++) {
      this.operators[i]!.pump(now)
    }
  }

  nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.operators.length; i++) {
      next = Math.min(next, this.operators[i]!.nextDeadline())
    }
    return next
  }

  get settledCount(): number {
    return this.settledCalls.length
  }

  get running(): number {
    return this.operators.reduce((sum, operator) => sum + operator.running, 0)
  }

  /** Continues with at most `limit` settled calls, in the order in which they settled (rule C10). */
  drain(limit: number): number {
    const batch = this.settledCalls
    if (batch.length === 0) {
      return 0
    }
    let taken = 0
    let done = 0
    while (taken < batch.length && done < limit) {
      const { operator, entry } = batch[taken++]!
      done += operator.drain(entry)
    }
    this.settledCalls = taken === batch.length ? [] : batch.slice(taken)
    return done
  }

  /** For tests that want settled calls continued in another order. */
  sortSettled(compare: (a: Entry, b: Entry) => number): void {
    this.settledCalls.sort((a, b) => compare(a.entry, b.entry))
  }

  wake(): void {
    this.wakeTask()
  }

  // --- from the operators --------------------------------------------------------------------------------------------

  /** Number of the next record born of this turn's origin, over all operators of the task. */
  peekBirth(): number {
    return this.birthTurn === this.core.turnSerial ? this.births : 0
  }

  admitted(operator: AsyncRuntime, entry: Entry): void {
    const births = this.peekBirth()
    if (this.recording) {
      this.log.push({ operator, entry, births })
    }
    this.births = births + 1
    this.birthTurn = this.core.turnSerial
    this.nextAdmission++
    this.owner.set(entry, operator)
    this.unwritten.add(entry)
  }

  settled(operator: AsyncRuntime, entry: Entry): void {
    this.settledCalls.push({ operator, entry })
    this.wakeTask()
  }

  attemptsChanged(entry: Entry): void {
    this.dirty.add(entry)
    this.core.touched = true
  }

  finished(operator: AsyncRuntime, entry: Entry): void {
    this.unwritten.delete(entry)
    this.dirty.delete(entry)
    this.owner.delete(entry)
    if (entry.persisted) {
      this.view(operator).put(rowKey(PAYLOAD_ROW, operator.nameBytes, entry.admission), null, entry.timestamp)
    }
    if (entry.attemptRowPersisted) {
      this.view(operator).put(rowKey(ATTEMPT_ROW, operator.nameBytes, entry.admission), null, entry.timestamp)
    }
  }

  /** Payload row of an entry whose bytes are no longer in memory. */
  readonly readPayload = (entry: Entry): Uint8Array => {
    const operator = this.owner.get(entry)
    const row = operator === undefined ? undefined : this.view(operator).get(rowKey(PAYLOAD_ROW, operator.nameBytes, entry.admission))
    if (row === undefined) {
      throw new StreamsError('CHANGELOG_MISMATCH', `In-flight entry ${entry.admission} of task ${this.core.taskId} has no row.`)
    }
    return row
  }

  // --- generations ---------------------------------------------------------------------------------------------------

  /** Writes what outlives the generation that is being closed. */
  flush(): void {
    for (const entry of this.unwritten) {
      const operator = this.owner.get(entry)!
      this.view(operator).put(rowKey(PAYLOAD_ROW, operator.nameBytes, entry.admission), entry.payload!, entry.timestamp)
      entry.persisted = true
      entry.payload = undefined
    }
    this.unwritten.clear()
    for (const entry of this.dirty) {
      const operator = this.owner.get(entry)!
      const row = encodeAttemptRow({ attempts: entry.attempts, failure: entry.failure, parkedAt: entry.parkedAt })
      this.view(operator).put(rowKey(ATTEMPT_ROW, operator.nameBytes, entry.admission), row, entry.timestamp)
      entry.attemptRowPersisted = true
    }
    this.dirty.clear()
    // Parked entries and those behind them live on disk only.
    for (const operator of this.operators) {
      for (const entry of operator.parked.entries()) {
        entry.record = undefined
      }
    }
  }

  /** Stores of operators that have no entry, parked ones included. */
  emptyStores(): string[] {
    return this.operators.filter((operator) => operator.empty).map((operator) => operator.inFlightStore)
  }

  /** Reads the table as the last committed generation left it; entries re-enter their lanes in order of admission. */
  restore(): void {
    this.nextAdmission = 0
    const stores = new Set(this.operators.map((operator) => operator.inFlightStore))
    const orphans = new Map<string, Entry[]>()
    for (const store of stores) {
      this.restoreStore(store, orphans)
    }
    if (orphans.size > 0) {
      this.handleOrphans(orphans)
    }
  }

  private restoreStore(store: string, orphans: Map<string, Entry[]>): void {
    const view = this.core.state.store(store)
    const entries = new Map<string, Entry>()
    const found: { readonly name: string; readonly entry: Entry }[] = []
    for (const [key, row] of view.range({})) {
      const { kind, operator: name, admission } = parseRowKey(key)
      // Rows are sorted by kind: all payloads come before all tries.
      if (kind === PAYLOAD_ROW) {
        const entry = new Entry(admission, decodePayload(row), row.length, this.readPayload)
        entry.persisted = true
        entries.set(`${name}\0${admission}`, entry)
        found.push({ name, entry })
        this.nextAdmission = Math.max(this.nextAdmission, admission + 1)
      } else if (kind === ATTEMPT_ROW) {
        const entry = entries.get(`${name}\0${admission}`)
        if (entry !== undefined) {
          Object.assign(entry, decodeAttemptRow(row))
          entry.attemptRowPersisted = true
        }
      }
    }
    for (const { name, entry } of found) {
      const operator = this.operators.find((each) => each.name === name && each.inFlightStore === store)
      if (operator === undefined) {
        entry.payload = view.get(rowKey(PAYLOAD_ROW, Buffer.from(name), entry.admission))
        const of = orphans.get(`${store}\0${name}`)
        if (of === undefined) {
          orphans.set(`${store}\0${name}`, [entry])
        } else {
          of.push(entry)
        }
      } else {
        this.owner.set(entry, operator)
        operator.restore(entry)
      }
    }
  }

  /** Rule A5: a deploy that removes or renames an operator must not lose its pending records. */
  private handleOrphans(orphans: ReadonlyMap<string, readonly Entry[]>): void {
    const { core } = this
    if (this.orphans === 'fail') {
      throw orphanedEntries(`Task ${core.taskId}`, new Map([...orphans].map(([id, entries]) => [id.split('\0')[1]!, entries.length])))
    }
    for (const [id, entries] of orphans) {
      const [store, name] = id.split('\0') as [string, string]
      core.requireDeadLetterTopic(name)
      const view = core.state.store(store)
      for (const entry of entries) {
        core.beginTurn(entry, entry.timestamp)
        try {
          core.giveUp('dead-letter', 'ORPHANED_ENTRIES', name, new StreamsError('ORPHANED_ENTRIES', `${name} is gone.`), entry.attempts)
        } finally {
          core.endTurn()
        }
        view.put(rowKey(PAYLOAD_ROW, Buffer.from(name), entry.admission), null, entry.timestamp)
        if (entry.attemptRowPersisted) {
          view.put(rowKey(ATTEMPT_ROW, Buffer.from(name), entry.admission), null, entry.timestamp)
        }
      }
    }
  }

  drop(reason: StreamsError): void {
    for (const operator of this.operators) {
      operator.drop(reason)
    }
    this.owner.clear()
    this.unwritten.clear()
    this.dirty.clear()
    this.settledCalls = []
    this.forget()
  }

  // --- marks (rule B1) -----------------------------------------------------------------------------------------------

  mark(): number {
    this.recording = true
    return this.log.length
  }

  rollback(mark: number): void {
    while (this.log.length > mark) {
      const { operator, entry, births } = this.log.pop()!
      operator.undo(entry)
      this.unwritten.delete(entry)
      this.owner.delete(entry)
      this.births = births
      this.nextAdmission--
    }
  }

  forget(): void {
    this.recording = false
    this.log = []
  }

  // --- to look at ----------------------------------------------------------------------------------------------------

  counts(): InFlightCounts[] {
    return this.operators.map((operator) => operator.counts())
  }

  parkedKeys(): ParkedKey[] {
    return this.operators.flatMap((operator) => operator.parked.list(operator.name))
  }

  operator(name: string): AsyncRuntime {
    const found = this.operators.find((operator) => operator.name === name)
    if (found === undefined) {
      throw new StreamsError('TOPOLOGY_INVALID', `Task ${this.core.taskId} has no asynchronous operator '${name}'.`)
    }
    return found
  }

  private view(operator: AsyncRuntime): StoreView {
    return this.core.state.store(operator.inFlightStore)
  }
}
