/**
 * What all nodes, contexts and stores of one task share: the turn, the record in hand, the marks, the failures. One
 * object, so that the record path passes no arguments along and makes no closures.
 */
import type { TaskState } from 'millrace-state-stores'
import type { ErrorPolicy, OperatorErrorAction } from '../error-policy.ts'
import { FAIL_ALWAYS } from '../error-policy.ts'
import type { StreamsErrorCode } from '../errors.ts'
import { StreamsError } from '../errors.ts'
import type { DropReason, MeteredContext } from '../graph/dropped.ts'
import type { Headers, RecordMetadata } from '../record.ts'
import { NO_HEADERS } from '../record.ts'
import { TaskTracing } from '../tracing/task-tracing.ts'
import type { RecordCollector, TaskClock, TaskId, TaskOptions } from './contract.ts'
import { sendDeadLetter } from './dead-letter.ts'
import { IdleTime } from './idle-time.ts'
import { Progress } from './progress.ts'
import type { PartitionGroup } from './partition-group.ts'
import type { RecordQueue } from './record-queue.ts'
import { Suspects } from './suspects.ts'
import { TaskTimes } from './task-times.ts'
import { Timers } from './timers.ts'
import type { StoreCounters } from './task-metrics.ts'
import { UndoFrames } from './undo.ts'

export type ResolvedPolicy = Required<ErrorPolicy>

/** The record everything in this turn descends from: one of an input partition, or a pending entry. */
export interface Origin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  /** Path of ordinals among the records born of this offset; '' for the input record itself (rule B3). */
  readonly ordinal: string
  /** What the raw bytes are: the input record's, or the operator's serialized entry. */
  readonly raw: 'source' | 'operator'
  rawKey(): Uint8Array | null
  rawValue(): Uint8Array | null
  headers(): Headers
}

/** The head of a queue as origin; one per task, pointed at the record in hand. */
export class SourceOrigin implements Origin {
  queue!: RecordQueue
  topic = ''
  partition = -1
  offset = -1
  timestamp = -1
  readonly ordinal = ''
  readonly raw = 'source'

  point(queue: RecordQueue): this {
    this.queue = queue
    this.topic = queue.topic
    this.partition = queue.partition
    this.offset = queue.headOffset
    this.timestamp = queue.headTimestamp
    return this
  }

  rawKey(): Uint8Array | null {
    return this.queue.rawKey()
  }

  rawValue(): Uint8Array | null {
    return this.queue.rawValue()
  }

  headers(): Headers {
    return this.queue.headers()
  }
}

/** Counted per task, read by metrics. */
export interface TaskCounters {
  processed: number
  skipped: number
  /** Records that ended at an operator without a result: null keys and values, null join keys. */
  dropped: number
  deadLettered: number
  retried: number
  punctuated: number
}

/** A failure on its way up (policy `upstream`). */
interface Raised {
  readonly code: StreamsErrorCode
  /** Where it arose. */
  readonly node: string
  readonly error: unknown
}

/** The last of ours on the way to what was thrown: messages of ours hold no content, those of others may. */
function innermost(error: StreamsError): StreamsError {
  return error.cause instanceof StreamsError ? innermost(error.cause) : error
}

export class TaskCore {
  readonly applicationId: string
  readonly taskId: TaskId
  readonly state: TaskState
  readonly collector: RecordCollector
  readonly clock: TaskClock
  readonly deadLetterTopic: string | undefined
  readonly exactlyOnce: boolean
  /** The group's generation, for who is called (rule B3). */
  readonly fence: () => number
  readonly frames: UndoFrames
  readonly timers: Timers
  readonly times: TaskTimes
  readonly idle: IdleTime
  /** Undefined: nobody traces. */
  readonly tracing: TaskTracing | undefined
  /** Where this task is, for who watches the thread (rule C10). */
  readonly place: Progress
  /** Records and calls that ended their thread. */
  readonly suspects: Suspects
  readonly counters: TaskCounters = { processed: 0, skipped: 0, dropped: 0, deadLettered: 0, retried: 0, punctuated: 0 }
  /** What contexts give to operators (`graph/dropped.ts`). */
  readonly metrics: NonNullable<MeteredContext['metrics']> = {
    dropped: (node, reason) => {
      this.counters.dropped++
      let reasons = this.drops.get(node)
      if (reasons === undefined) {
        reasons = new Map()
        this.drops.set(node, reasons)
      }
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    },
  }
  /** `counters.dropped` by operator (or store) and reason. */
  readonly drops = new Map<string, Map<DropReason, number>>()
  /** Records that failed for good, by the operator that gave them up. */
  readonly failures = new Map<string, number>()
  readonly storeCounters = new Map<string, StoreCounters>()
  /** Wall clock (ms) as read a few records ago: good enough for latencies, too old for anything else. */
  now = 0
  group!: PartitionGroup
  /** Rises with every drop: what an earlier incarnation left behind (contexts, promises) no longer counts (rule B5). */
  incarnation = 1
  /** The incarnation while user code of this task runs, else 0. */
  turn = 0
  /** Rises with every turn: an iterator lives within one. */
  turnSerial = 0
  origin: Origin | undefined
  /** Timestamp of the record in hand (or of the punctuation); becomes that of plain store writes. */
  timestamp = -1
  /** Set by the first failure that no policy takes: from then on the task does nothing until it is dropped. */
  fatal: StreamsError | undefined
  /** Set until an operator above takes it. */
  raised: Raised | undefined
  /** Index of the operator that must not run the record in hand (rule C10), -1: none. */
  suspect = -1
  /** Something must be committed. */
  touched = false
  commitRequested = false
  private readonly defaults: ErrorPolicy

  constructor(options: TaskOptions, taskId: TaskId) {
    this.applicationId = options.applicationId
    this.taskId = taskId
    this.state = options.state
    this.collector = options.collector
    this.clock = options.clock
    this.tracing = options.tracing === undefined ? undefined : new TaskTracing(options.tracing, options.applicationId, taskId)
    this.place = options.progress ?? new Progress()
    this.suspects = options.suspects ?? new Suspects()
    this.deadLetterTopic = options.config?.deadLetterTopic
    this.exactlyOnce = options.config?.processingGuarantee !== 'at_least_once'
    this.fence = options.fence ?? (() => 0)
    this.defaults = options.config?.errors ?? {}
    this.frames = new UndoFrames(options.state, options.collector)
    this.timers = new Timers(() => this.beforeEffect())
    this.frames.register(this.timers)
    this.times = new TaskTimes(taskId, () => this.beforeEffect())
    this.frames.register(this.times)
    this.idle = new IdleTime(this, options.config?.sourceIdleTimeoutMs)
  }

  policy(name: string, own: ErrorPolicy | undefined): ResolvedPolicy {
    const policy = { ...FAIL_ALWAYS, ...this.defaults, ...own }
    if (!Number.isInteger(policy.processingRetries) || policy.processingRetries < 0) {
      throw new StreamsError('CONFIG_INVALID', `${name}: processingRetries is ${policy.processingRetries}; it must be a whole number ≥ 0.`)
    }
    if (policy.deserialization === 'dead-letter' || policy.processing === 'dead-letter' || policy.production === 'dead-letter') {
      this.requireDeadLetterTopic(name)
    }
    return policy
  }

  requireDeadLetterTopic(name: string): void {
    if (this.deadLetterTopic === undefined) {
      throw new StreamsError('CONFIG_INVALID', `${name}: its policy is 'dead-letter', but the application has no dead-letter topic. Configure one.`)
    }
  }

  beginTurn(origin: Origin | undefined, timestamp: number): void {
    this.turn = this.incarnation
    this.turnSerial++
    this.origin = origin
    this.timestamp = timestamp
    if (origin === undefined) {
      this.place.turn('', -1, -1)
    } else {
      this.place.turn(origin.topic, origin.partition, origin.offset)
      if (!this.suspects.none) {
        this.suspect = this.suspects.operatorAt(origin.topic, origin.partition, origin.offset)
      }
    }
  }

  endTurn(): void {
    this.turn = 0
    this.origin = undefined
    this.suspect = -1
  }

  /** To be called before anything that a mark takes back. */
  beforeEffect(): void {
    if (this.frames.unmarked !== 0) {
      this.frames.materialize()
    }
  }

  checkTurn(incarnation: number, what: string): void {
    if (this.turn !== incarnation) {
      throw new StreamsError(
        'CONTEXT_OUT_OF_TURN',
        `${what} was used outside its turn in task ${this.taskId}: contexts and stores are valid only while process, init, ` +
          'complete or a punctuator runs, never after an await.',
      )
    }
  }

  metadata(): RecordMetadata | undefined {
    const origin = this.origin
    if (origin === undefined || origin.offset < 0) {
      return undefined
    }
    return { topic: origin.topic, partition: origin.partition, offset: origin.offset }
  }

  /** Names what failed and where; the cause carries the rest. Never the record's content. */
  failure(code: StreamsErrorCode, node: string, cause: unknown): StreamsError {
    const origin = this.origin
    const where = origin === undefined ? 'in a punctuator' : `at ${origin.topic}-${origin.partition}@${origin.offset}`
    const why = cause instanceof StreamsError ? `: ${innermost(cause).message.replace(/\.$/, '')} (${cause.code})` : ''
    return new StreamsError(code, `${node} failed ${where} in task ${this.taskId}${why}.`, { cause })
  }

  /** No policy takes this failure: the whole generation is thrown away by whoever drives the task. */
  fail(code: StreamsErrorCode, node: string, cause: unknown): StreamsError {
    if (this.fatal === undefined) {
      const first = this.raised ?? { code, node, error: cause }
      this.fatal = this.failure(first.code, first.node, first.error)
      this.tracing?.failed(code)
    }
    return this.fatal
  }

  /** Leaves a failure to the operators above. @returns what to throw: a failure that is on its way already stays the one it is */
  raise(code: StreamsErrorCode, node: string, error: unknown): unknown {
    this.raised ??= { code, node, error }
    return this.raised.error
  }

  /** What an operator without a mark of its own throws on. */
  passOn(action: OperatorErrorAction, node: string, error: unknown): unknown {
    const goesUp = this.fatal === undefined && (this.raised !== undefined || action === 'upstream')
    return goesUp ? this.raise('PROCESSING_FAILED', node, error) : this.fail('PROCESSING_FAILED', node, error)
  }

  /** An operator takes a failure, its own or one from below, and answers for it. */
  take(thrown: unknown): unknown {
    const error = this.raised === undefined ? thrown : this.raised.error
    this.raised = undefined
    return error
  }

  /** After user code has returned: a failure below that it caught must not pass for a success. */
  checkSwallowed(): void {
    if (this.fatal !== undefined) {
      throw this.fatal
    }
    if (this.raised !== undefined) {
      throw this.raised.error
    }
  }

  /** As `fail`, for a processor that could not begin: an error of ours (STORE_NOT_CONNECTED) keeps its code. */
  failInit(node: string, cause: unknown): StreamsError {
    const own = cause instanceof StreamsError ? cause.code : undefined
    const message = `${node} failed in init in task ${this.taskId}${cause instanceof StreamsError ? `: ${cause.message}` : '.'}`
    this.fatal ??= new StreamsError(own ?? 'PROCESSING_FAILED', message, { cause })
    return this.fatal
  }

  /** What is left to do for a record that failed for good and has had no effect. Throws for `fail` and `upstream`. */
  giveUp(action: OperatorErrorAction, code: StreamsErrorCode, node: string, error: unknown, attempts: number): void {
    if (action === 'upstream') {
      throw this.raise(code, node, error)
    }
    this.failures.set(node, (this.failures.get(node) ?? 0) + 1)
    this.tracing?.failed(error instanceof StreamsError ? error.code : code)
    if (action === 'fail') {
      throw this.fail(code, node, error)
    }
    this.touched = true
    if (action === 'skip') {
      this.counters.skipped++
      return
    }
    try {
      sendDeadLetter(this, { node, code: error instanceof StreamsError ? error.code : code, error, attempts })
    } catch (cause) {
      throw this.fail('PRODUCTION_FAILED', node, cause)
    }
    this.counters.deadLettered++
  }

  originHeaders(): Headers {
    return this.origin === undefined ? NO_HEADERS : this.origin.headers()
  }
}
