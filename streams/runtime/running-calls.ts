/**
 * The calls of asynchronous operators that a thread is making, in shared memory: what a call does after its first `await`
 * runs outside every turn, and when the thread ends there one of these has ended it (rule C10). Plain stores; a topic's name
 * is written only where another one was before.
 */
import { bytesOf, textOf } from './shared-text.ts'

export interface RunningCall {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Index among the nodes of the subtopology that makes it. */
  readonly operator: number
}

/** Calls beyond so many at once are not kept: nobody could be told from them which one it was. */
const SLOTS = 64
const TOPIC_BYTES = 256
/** Offset of a slot's first number: used or not, partition, operator, length of the topic's name. */
const NUMBERS = 4
const NONE = -1

export class RunningCalls {
  static readonly BYTES = SLOTS * (8 + 4 * NUMBERS + TOPIC_BYTES)
  readonly #offsets: Float64Array
  readonly #numbers: Int32Array
  readonly #topics: Uint8Array
  /** As last written, by slot. */
  readonly #names: string[] = new Array<string>(SLOTS).fill('')
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, slot) => SLOTS - 1 - slot)

  /** `at`: a multiple of 8. */
  constructor(buffer: SharedArrayBuffer, at: number) {
    this.#offsets = new Float64Array(buffer, at, SLOTS)
    this.#numbers = new Int32Array(buffer, at + SLOTS * 8, SLOTS * NUMBERS)
    this.#topics = new Uint8Array(buffer, at + SLOTS * (8 + 4 * NUMBERS), SLOTS * TOPIC_BYTES)
  }

  /** A call begins. Returns what `ended` wants to know of it. */
  begun(topic: string, partition: number, offset: number, operator: number): number {
    const slot = this.#free.pop()
    if (slot === undefined) {
      return NONE
    }
    const at = slot * NUMBERS
    if (topic !== this.#names[slot]) {
      this.#names[slot] = topic
      this.#numbers[at + 3] = bytesOf(topic, this.#topics.subarray(slot * TOPIC_BYTES, (slot + 1) * TOPIC_BYTES))
    }
    this.#offsets[slot] = offset
    this.#numbers[at + 1] = partition
    this.#numbers[at + 2] = operator
    this.#numbers[at] = 1
    return slot
  }

  ended(slot: number): void {
    if (slot !== NONE) {
      this.#numbers[slot * NUMBERS] = 0
      this.#free.push(slot)
    }
  }

  /** Those that are running, as the thread's supervisor sees them. */
  read(): readonly RunningCall[] {
    const calls: RunningCall[] = []
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = slot * NUMBERS
      if (this.#numbers[at] === 1) {
        const topic = textOf(this.#topics.subarray(slot * TOPIC_BYTES, (slot + 1) * TOPIC_BYTES), this.#numbers[at + 3]!)
        calls.push({ topic, partition: this.#numbers[at + 1]!, offset: this.#offsets[slot]!, operator: this.#numbers[at + 2]! })
      }
    }
    return calls
  }
}
