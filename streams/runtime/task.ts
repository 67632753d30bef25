/**
 * One task: a subtopology on one partition. Pure: no sockets and no timers of its own; what drives it (a stream thread,
 * the test driver) hands it records and asks it to process, punctuate and close generations (engine.md §1, §3).
 */
import type { InFlightCounts } from '../async/in-flight-table.ts'
import type { Entry } from '../async/entry.ts'
import { InFlightTable } from '../async/in-flight-table.ts'
import type { ParkedKey } from '../async/parked.ts'
import type { StoreClock } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { AnyRecord } from '../graph/topology.ts'
import type { CommittedOffset, FetchedRecords, TopicPartition } from '../kafka/contract.ts'
import { SerdeNotReady } from '../serdes.ts'
import { prepareContext, TaskProcessorContext } from './context.ts'
import type { StreamTask, TaskCommit, TaskConfig, TaskOptions } from './contract.ts'
import type { TaskCounters } from './core.ts'
import { SourceOrigin, TaskCore } from './core.ts'
import { PartitionGroup } from './partition-group.ts'
import type { RecordQueue } from './record-queue.ts'
import type { SourceRuntime } from './processor-node.ts'
import { recordSuspected } from './suspects.ts'
import type { TaskGraph } from './task-graph.ts'
import { compile } from './task-graph.ts'
import { lifeTransition, type TaskLife } from './task-life.ts'
import { measureTask, type TaskMeasurements } from './task-metrics.ts'
import { offsetsToCommit, startInputs } from './task-offsets.ts'
import { TaskStores } from './task-stores.ts'

const NONE: readonly never[] = []
const DEFAULT_BUFFERED_RECORDS = 1_000
const DEFAULT_BUFFERED_BYTES = 8 * 1024 * 1024
/** Records between two looks at the clock for latencies: the look itself would cost as much as all other metrics of a record. */
const CLOCK_EVERY = 16

export function createTask(options: TaskOptions): Task {
  return new Task(options)
}

export class Task implements StreamTask {
  readonly id: string
  readonly subtopology: string
  readonly partition: number
  readonly inputs: readonly TopicPartition[]
  readonly state: TaskOptions['state']
  onWake: (() => void) | undefined
  private life: TaskLife = 'created'
  private readonly core: TaskCore
  private readonly group: PartitionGroup
  private readonly graph: TaskGraph
  private readonly table: InFlightTable
  private readonly asynchronous: boolean
  private readonly options: TaskOptions
  private readonly stores: TaskStores
  private readonly origin = new SourceOrigin()
  private readonly maxRecords: number
  private readonly maxBytes: number

  constructor(options: TaskOptions) {
    const { subtopology, partition } = options
    const config: TaskConfig = options.config ?? {}
    this.options = options
    this.id = `${subtopology.name}_${partition}`
    this.subtopology = subtopology.name
    this.partition = partition
    this.state = options.state
    this.maxRecords = config.bufferedRecordsPerPartition ?? DEFAULT_BUFFERED_RECORDS
    this.maxBytes = config.bufferedBytesPerPartition ?? DEFAULT_BUFFERED_BYTES
    this.inputs = options.inputs ?? subtopology.sources.flatMap((source) => source.topics.map((topic) => ({ topic, partition })))
    this.core = new TaskCore(options, this.id)
    this.group = PartitionGroup.of(this.inputs, subtopology, config.maxTaskIdleMs ?? 0)
    this.core.group = this.group
    this.stores = new TaskStores(this.core, options)
    this.table = new InFlightTable(this.core, {
      random: options.random ?? Math.random,
      orphans: config.orphans ?? 'fail',
      wake: () => this.onWake?.(),
    })
    this.graph = compile(this.core, subtopology, config, this.table, this.stores.changelogs)
    this.asynchronous = this.graph.operators.length > 0
  }

  get counters(): Readonly<TaskCounters> {
    return this.core.counters
  }

  get commitNeeded(): boolean {
    return this.core.touched
  }

  get commitRequested(): boolean {
    return this.core.commitRequested
  }

  // --- life ----------------------------------------------------------------------------------------------------------

  initialize(committed: readonly CommittedOffset[]): void {
    this.to('running')
    const { core } = this
    core.fatal = undefined
    core.raised = undefined
    core.touched = false
    core.commitRequested = false
    startInputs(core, committed)
    this.stores.open(this.graph)
    for (const node of this.graph.nodes.values()) {
      node.resetStreamTime()
    }
    for (const operator of this.graph.operators) {
      operator.context = new TaskProcessorContext(core, operator, this.stores.of(operator.name))
      operator.prepareContext = prepareContext(core, operator.name, this.stores.readOnlyOf(operator.name))
    }
    if (this.asynchronous) {
      this.table.restore()
    }
    for (const processor of this.graph.processors) {
      processor.context = new TaskProcessorContext(core, processor, this.stores.of(processor.name))
      core.beginTurn(undefined, core.clock.now())
      core.place.operator = processor.index
      try {
        processor.init()
      } finally {
        core.endTurn()
      }
    }
  }

  drop(): void {
    if (this.life === 'closed') {
      return
    }
    this.to('dropped')
    this.forget(new StreamsError('TRANSACTION_ABORTED', `Task ${this.id} was dropped.`))
    this.state.drop()
  }

  async close(): Promise<void> {
    if (this.life === 'closed') {
      return
    }
    this.to('closed')
    this.forget(new StreamsError('NOT_RUNNING', `Task ${this.id} is closed.`))
    await this.state.close()
  }

  private forget(reason: StreamsError): void {
    const { core } = this
    core.incarnation++
    core.turn = 0
    this.table.drop(reason)
    core.timers.clear()
    core.idle.clear()
    core.frames.clear()
    core.touched = false
    core.commitRequested = false
    this.group.clear()
    for (const processor of this.graph.processors) {
      try {
        processor.close()
      } catch {
        // Its state is thrown away: nothing it could not do any more changes what is committed.
      }
    }
  }

  private to(next: TaskLife): void {
    this.life = lifeTransition(this.life, next, this.id)
  }

  private assertRunning(): void {
    if (this.life !== 'running') {
      throw new StreamsError('NOT_RUNNING', `Task ${this.id} is ${this.life}.`)
    }
    if (this.core.fatal !== undefined) {
      throw this.core.fatal
    }
  }

  // --- records -------------------------------------------------------------------------------------------------------

  enqueue(records: FetchedRecords): void {
    if (this.life === 'running' && this.group.enqueue(records)) {
      // Committed, too: retention deletes up to here, and an offset before that would pass for records that are lost.
      this.core.touched = true
    }
  }

  paused(partition: TopicPartition): boolean {
    const queue = this.group.queue(partition)
    if (queue === undefined) {
      return false
    }
    // One chunk may wait behind the one in hand, however many records it has: the next fetch is under way early.
    const full = (queue.bufferedChunks > 1 && queue.bufferedRecords > this.maxRecords) || queue.bufferedBytes > this.maxBytes
    return full || (this.asynchronous && this.table.blocked(partition.topic))
  }

  process(maxRecords: number): number {
    this.assertRunning()
    try {
      return this.processSlice(maxRecords)
    } catch (error) {
      // What no operator has taken for its own (a lane's weight, a damaged batch): nothing goes on from here either.
      throw this.core.fail('PROCESSING_FAILED', this.id, error)
    }
  }

  private processSlice(maxRecords: number): number {
    const { core, group, table } = this
    let done = 0
    if (this.asynchronous) {
      // Settled calls and records have a slice each: neither starves the other (rule C10).
      core.now = core.clock.now()
      done = table.drain(maxRecords)
      if (done > 0) {
        if (core.timers.hasStreamTimers) {
          core.timers.punctuateStreamTime()
        }
        core.idle.released()
      }
      table.pump(core.clock.now())
    }
    const before = done
    for (let i = 0; i < maxRecords; i++) {
      if (i % CLOCK_EVERY === 0) {
        core.now = core.clock.now()
      }
      const queue = group.choose(core.clock)
      if (queue === undefined || (this.asynchronous && table.blocked(queue.topic))) {
        break
      }
      if (!this.processHead(queue)) {
        continue
      }
      done++
      if (core.timers.hasStreamTimers) {
        core.timers.punctuateStreamTime()
      }
      if (this.asynchronous) {
        table.pump(core.clock.now())
      }
    }
    core.idle.note(core.clock.now(), done > before)
    return done
  }

  /** False when the record waits for its serde. */
  private processHead(queue: RecordQueue): boolean {
    const { core } = this
    const source = this.graph.sourceOf.get(queue.topic)!
    core.beginTurn(this.origin.point(queue), queue.headTimestamp)
    core.place.operator = source.index
    try {
      let record: AnyRecord | undefined
      try {
        if (queue.headError !== undefined) {
          throw queue.headError
        }
        if (core.suspect === source.index) {
          throw recordSuspected(source.name, this.id)
        }
        record = queue.record()
      } catch (error) {
        if (error instanceof SerdeNotReady) {
          this.hold(queue, error)
          return false
        }
        this.refuse(source, queue, error)
      }
      core.touched = true
      if (record !== undefined) {
        this.group.chosen(queue)
        core.counters.processed++
        if (core.tracing === undefined) {
          source.process(record)
        } else {
          const traced = record
          core.tracing.process(queue.topic, 'consumer', this.origin, () => source.process(traced))
        }
      }
      queue.advance()
      return true
    } catch (error) {
      throw core.fail('PROCESSING_FAILED', source.name, error)
    } finally {
      core.endTurn()
    }
  }

  private refuse(source: SourceRuntime, queue: RecordQueue, error: unknown): void {
    const { tracing } = this.core
    if (tracing === undefined) {
      source.refuse(queue, error)
    } else {
      tracing.process(queue.topic, 'consumer', this.origin, () => source.refuse(queue, error))
    }
  }

  private hold(queue: RecordQueue, error: SerdeNotReady): void {
    const { incarnation } = this.core
    queue.holdHead(
      error.ready,
      () => incarnation === this.core.incarnation,
      () => this.onWake?.(),
    )
  }

  // --- time ----------------------------------------------------------------------------------------------------------

  punctuate(): boolean {
    this.assertRunning()
    const { core } = this
    const now = core.clock.now()
    core.now = now
    const byWall = core.timers.punctuateWallClock(now)
    const byStream = core.timers.punctuateStreamTime()
    let released = false
    if (this.asynchronous) {
      this.table.pump(now)
      released = core.idle.released()
    }
    const expired = this.stores.expire(now)
    const idle = core.idle.run(now)
    return byWall || byStream || released || expired || idle
  }

  nextDeadline(): number | undefined {
    if (this.life !== 'running') {
      return undefined
    }
    const { core } = this
    let next = Math.min(core.timers.nextWallTime(), this.stores.deadline)
    if (this.asynchronous) {
      next = Math.min(next, this.table.nextDeadline())
    }
    next = Math.min(next, this.group.idleDeadline(core.clock.now()) ?? Number.POSITIVE_INFINITY)
    return next === Number.POSITIVE_INFINITY ? undefined : next
  }

  // --- generations ---------------------------------------------------------------------------------------------------

  closeGeneration(): TaskCommit {
    this.assertRunning()
    const { core } = this
    if (this.asynchronous) {
      this.table.flush()
    }
    this.stores.closeGeneration()
    core.touched = false
    core.commitRequested = false
    return { task: this.id, offsets: offsetsToCommit(core, this.options.committer?.()), emptyInFlight: this.asynchronous ? this.emptyInFlight() : NONE }
  }

  private emptyInFlight(): string[] {
    return this.table.emptyStores().flatMap((store) => this.stores.changelogs.get(store)?.topic ?? [])
  }

  generationCommitted(): void {
    // Nothing in memory waits for it: what an abort takes back goes with `drop`, all of it.
  }

  // --- asynchronous operators, to look at and to operate --------------------------------------------------------------

  inFlight(): InFlightCounts[] {
    return this.table.counts()
  }

  /** Calls whose result waits for the next `process`. */
  get settledCalls(): number {
    return this.table.settledCount
  }

  get runningCalls(): number {
    return this.table.running
  }

  /** For tests: the order in which settled calls are continued. */
  sortSettled(compare: (a: Entry, b: Entry) => number): void {
    this.table.sortSettled(compare)
  }

  measure(): TaskMeasurements {
    return measureTask(this.core, this.graph.nodes)
  }

  parkedKeys(): ParkedKey[] {
    return this.table.parkedKeys()
  }

  /** Calls the head of a parked key again, with all its tries; the others of the key follow. False: no such key. */
  releaseParked(operator: string, id: string): boolean {
    this.assertRunning()
    const released = this.table.operator(operator).releaseParked(id)
    this.onWake?.()
    return released
  }

  /** Drops the failed record of a parked key (`head`; the others go on) or all of them (`key`). Returns how many. */
  dropParked(operator: string, id: string, what: 'head' | 'key'): number {
    this.assertRunning()
    const dropped = this.table.operator(operator).dropParked(id, what)
    this.onWake?.()
    return dropped
  }

  /** Time of a store, for who looks at the task's state: what has expired is not there any more. */
  timeOf(store: string): StoreClock {
    return this.stores.timeOf(store)
  }
}
