/**
 * The compiled graph of a task: every node holds its children as an array and hands records on, depth first. A node with
 * an error policy runs inside a mark (rule B1).
 */
import type { CircuitCounts } from '../async/circuit-breaker.ts'
import { StreamsError } from '../errors.ts'
import type { AnyProcessor, AnyRecord, ProcessorNode, SinkNode, SourceNode, StreamPartitioner } from '../graph/topology.ts'
import type { LatencyHistogram } from '../metrics/latency-histogram.ts'
import { refusePromise } from '../not-awaited.ts'
import type { PunctuationType, Punctuator } from '../processor.ts'
import type { TaskProcessorContext } from './context.ts'
import type { ChoosePartition } from './contract.ts'
import type { ResolvedPolicy, TaskCore } from './core.ts'
import { checkedChoice, type PartitionChoice } from './partition-choice.ts'
import { ProductionError } from './production-error.ts'
import type { RecordQueue } from './record-queue.ts'
import { recordSuspected } from './suspects.ts'
import type { TimerOwner } from './timers.ts'

/** An operator upstream that may still emit earlier timestamps (rule A6). */
export interface StreamTimeHold {
  /** Lowest timestamp of what is pending and not parked, Infinity for none. */
  lowestPending(): number
}

export abstract class RuntimeNode implements TimerOwner {
  readonly name: string
  readonly core: TaskCore
  /** Position among the nodes of the subtopology. */
  index = -1
  /** Records it was given. */
  processed = 0
  /** From a record's timestamp to its end here; where a graph begins, ends or has awaited (KIP-613). */
  latency: LatencyHistogram | undefined
  children: readonly RuntimeNode[] = []
  /** Asynchronous operators upstream, within this task. */
  holds: readonly StreamTimeHold[] = []
  private heldTime = -1

  constructor(core: TaskCore, name: string) {
    this.core = core
    this.name = name
  }

  get circuit(): CircuitCounts | undefined {
    return undefined
  }

  abstract process(record: AnyRecord): void

  /** Stream time as this node sees it: the task's, but held at what is pending upstream; it never goes back. */
  streamTime(): number {
    const holds = this.holds
    let time = this.core.group.streamTime
    if (holds.length === 0) {
      return time
    }
    for (let i = 0; i < holds.length; i++) {
      time = Math.min(time, holds[i]!.lowestPending())
    }
    if (time > this.heldTime) {
      this.heldTime = time
    }
    return this.heldTime
  }

  resetStreamTime(): void {
    this.heldTime = -1
  }

  firePunctuator(_punctuator: Punctuator, _clock: PunctuationType, _timestamp: number): void {
    throw new StreamsError('TOPOLOGY_INVALID', `${this.name} has no punctuators.`)
  }

  child(name: string): RuntimeNode {
    for (let i = 0; i < this.children.length; i++) {
      if (this.children[i]!.name === name) {
        return this.children[i]!
      }
    }
    const children = this.children.map((child) => child.name).join(', ') || 'none'
    throw new StreamsError('TOPOLOGY_INVALID', `${this.name} forwards to '${name}', which is not a child of it; its children: ${children}.`)
  }

  protected forwardAll(record: AnyRecord): void {
    const children = this.children
    for (let i = 0; i < children.length; i++) {
      children[i]!.process(record)
    }
  }
}

export class SourceRuntime extends RuntimeNode {
  readonly policy: ResolvedPolicy

  constructor(core: TaskCore, node: SourceNode) {
    super(core, node.name)
    this.policy = core.policy(node.name, node.onError)
  }

  process(record: AnyRecord): void {
    this.processed++
    this.latency?.record(this.core.now - record.timestamp)
    this.forwardAll(record)
  }

  /** The head of `queue` can't become a record. */
  refuse(queue: RecordQueue, error: unknown): void {
    const code = error instanceof StreamsError && error.code === 'TIMESTAMP_INVALID' ? 'TIMESTAMP_INVALID' : 'DESERIALIZATION_FAILED'
    const why = this.policy.deserialization === 'fail' ? undeserialized(queue.unread, error) : error
    this.core.giveUp(this.policy.deserialization, code, queue.source.name, why, 1)
  }
}

/** For whoever reads why the application stopped: which serde it was. */
function undeserialized(part: 'key' | 'value' | undefined, cause: unknown): unknown {
  if (cause instanceof StreamsError || part === undefined) {
    return cause
  }
  return new StreamsError('DESERIALIZATION_FAILED', `its ${part} is not what the serde reads: a serde is that of whoever wrote the topic.`, { cause })
}

export class ProcessorRuntime extends RuntimeNode {
  readonly policy: ResolvedPolicy
  /** Set by the task before `init`. */
  context!: TaskProcessorContext
  private readonly supplier: ProcessorNode['supplier']
  private readonly guarded: boolean
  private processor!: AnyProcessor

  constructor(core: TaskCore, node: ProcessorNode) {
    super(core, node.name)
    this.supplier = node.supplier
    this.policy = core.policy(node.name, node.onError)
    const { processing, processingRetries } = this.policy
    this.guarded = processing === 'skip' || processing === 'dead-letter' || processingRetries > 0
  }

  init(): void {
    try {
      this.processor = this.supplier()
      refusePromise(this.processor.init?.(this.context), 'init')
    } catch (error) {
      throw this.core.failInit(this.name, error)
    }
  }

  close(): void {
    this.processor?.close?.()
  }

  process(record: AnyRecord): void {
    const core = this.core
    this.processed++
    const timestamp = core.timestamp
    const above = core.place.operator
    core.timestamp = record.timestamp
    core.place.operator = this.index
    if (this.guarded) {
      this.runGuarded(record, undefined, 0)
    } else {
      try {
        if (core.suspect === this.index) {
          throw recordSuspected(this.name, core.taskId)
        }
        refusePromise(this.processor.process(record), 'process')
      } catch (error) {
        throw core.passOn(this.policy.processing, this.name, error)
      }
      core.checkSwallowed()
    }
    this.latency?.record(core.now - record.timestamp)
    core.timestamp = timestamp
    core.place.operator = above
  }

  override firePunctuator(punctuator: Punctuator, clock: PunctuationType, timestamp: number): void {
    const core = this.core
    core.beginTurn(undefined, timestamp)
    core.place.operator = this.index
    core.touched = true
    core.counters.punctuated++
    try {
      if (core.tracing === undefined) {
        this.punctuate(punctuator, timestamp)
      } else {
        core.tracing.punctuate(this.name, clock, timestamp, () => this.punctuate(punctuator, timestamp))
      }
    } finally {
      core.endTurn()
    }
    if (core.fatal !== undefined) {
      throw core.fatal
    }
  }

  private punctuate(punctuator: Punctuator, timestamp: number): void {
    try {
      if (this.guarded) {
        this.runGuarded(undefined, punctuator, timestamp)
      } else {
        refusePromise(punctuator(timestamp), 'the punctuator')
        this.core.checkSwallowed()
      }
    } catch (error) {
      throw this.core.fail('PROCESSING_FAILED', this.name, error)
    }
  }

  private runGuarded(record: AnyRecord | undefined, punctuator: Punctuator | undefined, time: number): void {
    const { core, policy } = this
    for (let attempt = 1; ; attempt++) {
      core.place.operator = this.index
      core.frames.open()
      try {
        if (record === undefined) {
          refusePromise(punctuator!(time), 'the punctuator')
        } else if (core.suspect === this.index) {
          throw recordSuspected(this.name, core.taskId)
        } else {
          refusePromise(this.processor.process(record), 'process')
        }
        core.checkSwallowed()
        core.frames.commit()
        return
      } catch (thrown) {
        if (core.fatal !== undefined) {
          throw core.fatal
        }
        const error = core.take(thrown)
        core.frames.rollback()
        core.timestamp = record === undefined ? time : record.timestamp
        if (attempt <= policy.processingRetries) {
          core.counters.retried++
          continue
        }
        core.giveUp(policy.processing, 'PROCESSING_FAILED', this.name, error, attempt)
        return
      }
    }
  }
}

export class SinkRuntime extends RuntimeNode {
  private readonly node: SinkNode
  private readonly policy: ResolvedPolicy

  constructor(core: TaskCore, node: SinkNode) {
    super(core, node.name)
    this.node = node
    this.policy = core.policy(node.name, node.onError)
  }

  process(record: AnyRecord): void {
    const { core, node } = this
    this.processed++
    let topic: string | undefined
    // Nothing has happened until `send` returns, so no mark is needed for the policy.
    try {
      topic = typeof node.topic === 'string' ? node.topic : node.topic(record, core.metadata())
      if (!(record.timestamp >= 0)) {
        throw new StreamsError('TIMESTAMP_INVALID', `${this.name}: a record's timestamp must be ≥ 0.`)
      }
      const { headers } = record
      const sent = core.tracing === undefined ? headers : core.tracing.outgoing(headers)
      const key = record.key === null || record.key === undefined ? null : serialized(node, 'key', topic, record)
      const value = record.value === null || record.value === undefined ? null : serialized(node, 'value', topic, record)
      const choice = node.partitioner === undefined ? undefined : this.partition(node.partitioner, topic, record)
      core.beforeEffect()
      if (typeof choice !== 'object') {
        core.collector.send(topic, choice, key, value, record.timestamp, sent)
      } else if (choice.length === 0) {
        core.metrics.dropped(this.name, 'partitioner')
      } else {
        for (const partition of choice) {
          core.collector.send(topic, partition, key, value, record.timestamp, sent)
        }
      }
    } catch (error) {
      const failure = new ProductionError(this.name, topic, error)
      core.giveUp(this.policy.production, failure.code, this.name, failure, 1)
      return
    }
    this.latency?.record(core.now - record.timestamp)
    core.touched = true
  }

  /** Chosen at once if it can be, so that the policy strikes this record when the partitioner throws. */
  private partition(partitioner: StreamPartitioner, topic: string, record: AnyRecord): PartitionChoice | ChoosePartition {
    const known = this.core.collector.partitions(topic)
    return known === undefined ? (count) => partitioner(topic, record, count) : checkedChoice(topic, partitioner(topic, record, known), known)
  }
}

function serialized(node: SinkNode, part: 'key' | 'value', topic: string, record: AnyRecord): Uint8Array {
  try {
    return node[part].serialize(topic, record[part], record.headers)
  } catch (cause) {
    throw new StreamsError('SERIALIZATION_FAILED', `${node.name}: the ${part} for ${topic} could not be serialized.`, { cause })
  }
}
