/**
 * Where a stream thread is, in shared memory: the supervisor can see it although the thread's loop stands still (rule
 * C10). A slice of a task begins with the time and ends with 0; within it the record in hand and the operator it is in
 * are kept. Plain stores on the record path; texts are written only when they change.
 */
import type { Subtopology, Topology } from '../graph/topology.ts'
import { matchesTopic } from '../graph/topic-patterns.ts'
import { type RunningCall, RunningCalls } from './running-calls.ts'
import { bytesOf, textOf } from './shared-text.ts'

export interface Place {
  readonly task: string
  /** Wall clock, ms, since when the task has the thread. */
  readonly since: number
  /** Index among the nodes of the task's subtopology, -1: in none. */
  readonly operator: number
  /** What the record in hand descends from; undefined in a punctuator. */
  readonly record: { readonly topic: string; readonly partition: number; readonly offset: number } | undefined
}

/** Kafka's limit for a topic's name; a task's id is shorter. */
const TEXT_BYTES = 256
const TIMES = 24
const NUMBERS = 16
const CALLS = TIMES + NUMBERS + 2 * TEXT_BYTES

export class Progress {
  readonly buffer: SharedArrayBuffer
  /** Calls that are running, between slices too. */
  readonly calls: RunningCalls
  /** Since when; offset of the record; when the thread was in its loop. */
  readonly #times: Float64Array
  /** Length of the task's id, length of the topic's name, partition, operator. */
  readonly #numbers: Int32Array
  readonly #task: Uint8Array
  readonly #topic: Uint8Array
  #lastTask = ''
  #lastTopic = ''

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(CALLS + RunningCalls.BYTES)) {
    this.buffer = buffer
    this.#times = new Float64Array(buffer, 0, 3)
    this.#numbers = new Int32Array(buffer, TIMES, 4)
    this.#task = new Uint8Array(buffer, TIMES + NUMBERS, TEXT_BYTES)
    this.#topic = new Uint8Array(buffer, TIMES + NUMBERS + TEXT_BYTES, TEXT_BYTES)
    this.calls = new RunningCalls(buffer, CALLS)
  }

  /** The thread begins a slice with this task. `now` on the wall clock, ms. */
  enter(task: string, now: number): void {
    if (task !== this.#lastTask) {
      this.#lastTask = task
      this.#numbers[0] = bytesOf(task, this.#task)
    }
    this.turn('', -1, -1)
    this.#times[0] = now
  }

  leave(): void {
    this.#times[0] = 0
  }

  /** A turn begins: the record it is for, or offset -1. */
  turn(topic: string, partition: number, offset: number): void {
    if (offset >= 0 && topic !== this.#lastTopic) {
      this.#lastTopic = topic
      this.#numbers[1] = bytesOf(topic, this.#topic)
    }
    this.#numbers[2] = partition
    this.#times[1] = offset
    this.#numbers[3] = -1
  }

  get operator(): number {
    return this.#numbers[3]!
  }

  set operator(index: number) {
    this.#numbers[3] = index
  }

  /** The thread is in its loop, `now` on the wall clock, ms. */
  tick(now: number): void {
    this.#times[2] = now
  }

  /** When it last was there; 0: never yet. */
  get ticked(): number {
    return this.#times[2]!
  }

  /** Where the thread is, or undefined between slices. */
  read(): Place | undefined {
    const since = this.#times[0]!
    if (since === 0) {
      return undefined
    }
    const offset = this.#times[1]!
    const record = offset < 0 ? undefined : { topic: textOf(this.#topic, this.#numbers[1]!), partition: this.#numbers[2]!, offset }
    return { task: textOf(this.#task, this.#numbers[0]!), since, operator: this.#numbers[3]!, record }
  }
}

/** The operator and the record, never its content: `in 'price' at orders-3@17`. */
export function placeName({ task, operator, record }: Place, topology: Topology | undefined): string {
  const subtopology = topology?.subtopologies.find(({ name }) => name === task.slice(0, task.lastIndexOf('_')))
  const where = record === undefined ? 'without a record (a punctuator, init)' : `at ${record.topic}-${record.partition}@${record.offset}`
  return operatorName(subtopology, operator, where)
}

/** The same of a call: `in 'price' at orders-3@17`. */
export function callName({ topic, partition, offset, operator }: RunningCall, topology: Topology | undefined): string {
  const subtopology = topology?.subtopologies.find(({ sources }) => sources.some(({ topics, pattern }) => topics.includes(topic) || (pattern !== undefined && matchesTopic(pattern, topic))))
  return operatorName(subtopology, operator, `at ${topic}-${partition}@${offset}`)
}

function operatorName(subtopology: Subtopology | undefined, operator: number, where: string): string {
  const name = subtopology === undefined ? undefined : [...subtopology.nodes.keys()][operator]
  return name === undefined ? where : `in '${name}' ${where}`
}
