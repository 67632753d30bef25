/**
 * Numbers of a task that only grow and must survive it: how far time has come for an operator or a store, how many rows
 * a store has numbered. They travel in the metadata of the committed offsets, in the same transaction as what they made.
 */
import { createHash } from 'node:crypto'
import type { StoreClock } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { OperatorNote, OperatorTime } from '../graph/operator-time.ts'
import type { StreamTimeHold } from './processor-node.ts'
import type { Undoable } from './undo.ts'

/** Kafka's default `offset.metadata.max.bytes`, less the partition time and the transactional id. */
const MAX_ENCODED = 2_600

interface Change {
  readonly number: TaskNumber
  readonly old: number
}

export class TaskNumber implements OperatorNote {
  value: number
  private readonly owner: TaskTimes

  constructor(owner: TaskTimes, value: number) {
    this.owner = owner
    this.value = value
  }

  raise(value: number): void {
    if (value > this.value) {
      this.owner.changing(this)
      this.value = value
    }
  }

  set(value: number): void {
    if (value !== this.value) {
      this.owner.changing(this)
      this.value = value
    }
  }

  /** The next whole number, from 0 on. */
  next(): number {
    this.raise(this.value + 1)
    return this.value
  }
}

export class TaskTimes implements Undoable {
  private readonly numbers = new Map<string, TaskNumber>()
  /** Not committed: what can be found out again from the stores. */
  private readonly notes = new Map<string, TaskNumber>()
  private readonly times = new Map<string, HeldTime>()
  /** By hash of the name, until somebody asks for it. */
  private readonly committed = new Map<string, number>()
  private readonly changes: Change[] = []
  private readonly beforeEffect: () => void
  private readonly taskId: string
  /** True while a mark exists: changes are recorded. */
  private recording = false

  constructor(taskId: string, beforeEffect: () => void) {
    this.taskId = taskId
    this.beforeEffect = beforeEffect
  }

  number(name: string): TaskNumber {
    let number = this.numbers.get(name)
    if (number === undefined) {
      number = new TaskNumber(this, this.committed.get(hashOf(name)) ?? -1)
      this.numbers.set(name, number)
    }
    return number
  }

  note(name: string): OperatorNote {
    let note = this.notes.get(name)
    if (note === undefined) {
      note = new TaskNumber(this, -1)
      this.notes.set(name, note)
    }
    return note
  }

  /** The time of all operators that ask for `name`, held by what is pending upstream of any of them. */
  time(name: string, holds: readonly StreamTimeHold[]): HeldTime {
    let time = this.times.get(name)
    if (time === undefined) {
      time = new HeldTime(this, `time ${name}`, [])
      this.times.set(name, time)
    }
    time.holdBy(holds)
    return time
  }

  /** Before a number changes: marks that are due are made, and remember it. */
  changing(number: TaskNumber): void {
    this.beforeEffect()
    if (this.recording) {
      this.changes.push({ number, old: number.value })
    }
  }

  mark(): number {
    this.recording = true
    return this.changes.length
  }

  rollback(mark: number): void {
    while (this.changes.length > mark) {
      const { number, old } = this.changes.pop()!
      number.value = old
    }
  }

  forget(): void {
    this.recording = false
    this.changes.length = 0
  }

  /** Forgets everything: what is committed comes back by `restore`. */
  reset(): void {
    this.forget()
    this.numbers.clear()
    this.notes.clear()
    this.times.clear()
    this.committed.clear()
  }

  /** `<hash>=<base 36>` by name; undefined when there is nothing to keep. */
  encode(): string | undefined {
    const known = [...this.numbers].filter(([, { value }]) => value >= 0)
    if (known.length === 0) {
      return undefined
    }
    const text = known.map(([name, { value }]) => `${hashOf(name)}=${value.toString(36)}`).join(',')
    if (text.length > MAX_ENCODED) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `Task ${this.taskId} keeps ${known.length} numbers in the metadata of its offsets, ${text.length} characters where ${MAX_ENCODED} fit: those of about 140 windowed operators and stores, ` +
          'or of 70 behind asynchronous calls, which take two each. Put a repartition() between them.',
      )
    }
    return text
  }

  /** What a committed offset brought, before anybody asks. Each may know a part: the highest counts. */
  restore(text: string): void {
    for (const pair of text.split(',')) {
      const hash = pair.slice(0, HASH_CHARACTERS)
      const value = Number.parseInt(pair.slice(HASH_CHARACTERS + 1), 36)
      if (Number.isSafeInteger(value) && value > (this.committed.get(hash) ?? -1)) {
        this.committed.set(hash, value)
      }
    }
  }
}

const HASH_CHARACTERS = 8
const hashes = new Map<string, string>()

/** Names can be long, and an offset's metadata cannot. */
function hashOf(name: string): string {
  let hash = hashes.get(name)
  if (hash === undefined) {
    hash = createHash('sha256').update(name).digest().subarray(0, 6).toString('base64url')
    hashes.set(name, hash)
  }
  return hash
}

/** A time of the task, held at what is pending upstream of those who use it. */
export class HeldTime implements OperatorTime, StoreClock {
  private readonly number: TaskNumber
  /** How far it has come while it was held: neither an older record that is pending later takes it back, nor a restart. */
  private readonly reached: TaskNumber
  private holds: readonly StreamTimeHold[]

  constructor(times: TaskTimes, name: string, holds: readonly StreamTimeHold[]) {
    this.number = times.number(name)
    this.reached = times.number(`held ${name}`)
    this.holds = holds
  }

  holdBy(holds: readonly StreamTimeHold[]): void {
    this.holds = [...new Set([...this.holds, ...holds])]
  }

  get highest(): number {
    return this.number.value
  }

  get holdable(): boolean {
    return this.holds.length > 0
  }

  get time(): number {
    let time = this.number.value
    const { holds } = this
    if (holds.length === 0) {
      return time
    }
    for (let i = 0; i < holds.length; i++) {
      time = Math.min(time, holds[i]!.lowestPending())
    }
    this.reached.raise(time)
    return Math.min(this.reached.value, this.number.value)
  }

  advance(timestamp: number): void {
    this.number.raise(timestamp)
  }
}
