/**
 * Drives the production tasks of a topology as a stream thread does, one transaction for all of them, but synchronously,
 * in virtual time and without a broker.
 */
import type { ChangelogFormat, DatabaseTaskState } from 'millrace-state-stores'
import { openMemoryTaskState } from 'millrace-state-stores'
import type { Entry } from '../async/entry.ts'
import type { Subtopology, Topology } from '../graph/topology.ts'
import type { CommittedOffset, OffsetToCommit, TopicPartition } from '../kafka/contract.ts'
import type { ReadOnlyKeyValueStore } from '../processor.ts'
import type { TaskConfig } from '../runtime/contract.ts'
import { changelogs, storeSpecs } from '../runtime/stores.ts'
import type { Task } from '../runtime/task.ts'
import { createTask } from '../runtime/task.ts'
import { changelogFormat } from '../runtime/typed-stores.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import type { SimulatedTopics, Unstored } from './simulated-topics.ts'
import { SimulatedCollector } from './simulated-topics.ts'

export interface SimulatedThreadOptions {
  readonly topology: Topology
  readonly topics: SimulatedTopics
  readonly config: TaskConfig
  /** Records between two commits; Infinity: only when asked. */
  readonly commitEvery: number
  /** A closed generation is decided only when the next one closes, as in a stream thread. */
  readonly pipelined: boolean
  readonly maxMessageBytes: (topic: string) => number | undefined
  readonly globalStores: ReadonlyMap<string, ReadOnlyKeyValueStore<unknown, unknown>>
  readonly completionOrder: ((a: Entry, b: Entry) => number) | undefined
  readonly random: () => number
  readonly tracing: OpenTelemetry | undefined
  now(): number
}

interface ClosedGeneration {
  readonly closed: readonly RunningTask[]
  readonly offsets: readonly OffsetToCommit[]
  readonly outputs: readonly Unstored[]
}

interface RunningTask {
  readonly subtopology: Subtopology
  readonly partition: number
  readonly inputs: readonly TopicPartition[]
  state: DatabaseTaskState
  task: Task
}

const byAdmission = (a: Entry, b: Entry) => a.admission - b.admission

export class SimulatedThread {
  #options: SimulatedThreadOptions
  readonly #collector: SimulatedCollector
  #tasks: RunningTask[]
  readonly #committed = new Map<string, CommittedOffset>()
  readonly #positions = new Map<string, number>()
  #sinceCommit = 0
  #undecided: ClosedGeneration | undefined
  #wake: (() => void) | undefined

  constructor(options: SimulatedThreadOptions) {
    this.#options = options
    this.#collector = new SimulatedCollector(options.topics, options.maxMessageBytes)
    this.#tasks = this.#assign(new Map())
    this.#initialize()
  }

  get tasks(): readonly Task[] {
    return this.#tasks.map(({ task }) => task)
  }

  /** The tasks that have this store, by partition. */
  ownersOf(store: string): readonly { readonly task: Task; readonly state: DatabaseTaskState }[] {
    return this.#tasks.filter(({ subtopology }) => storeSpecs(subtopology).some(({ name }) => name === store))
  }

  /** Processes everything that is there and commits as it goes. */
  run(): void {
    do {
      while (this.#round()) {
        // Until no task has anything to do without new input.
      }
      // What one subtopology has committed is the next one's input.
    } while (this.#options.commitEvery === 1 && this.commit())
  }

  punctuate(): void {
    this.#report()
    for (const { task } of this.#tasks) {
      if (task.punctuate()) {
        this.#commitIfDue(1)
      }
    }
  }

  /** One transaction of all tasks; false when there was nothing to commit. */
  commit(): boolean {
    const decided = this.decide()
    const closed = this.#tasks.filter(({ task }) => task.commitNeeded)
    this.#sinceCommit = 0
    if (closed.length === 0) {
      return decided
    }
    const offsets = closed.flatMap(({ task }) => task.closeGeneration().offsets)
    this.#undecided = { closed, offsets, outputs: this.#collector.close() }
    if (!this.#options.pipelined) {
      this.decide()
    }
    return true
  }

  /** The closed generation's transaction has ended: its records are visible, its changes in the databases. */
  decide(): boolean {
    if (this.#undecided === undefined) {
      return false
    }
    const { closed, offsets, outputs } = this.#undecided
    this.#undecided = undefined
    this.#collector.commit(outputs)
    for (const offset of offsets) {
      this.#committed.set(`${offset.topic}-${offset.partition}`, { ...offset, leaderEpoch: 0 })
    }
    for (const { state, task } of closed) {
      state.applyFrozenNow(new Map())
      task.generationCommitted()
    }
    return true
  }

  /** The open generation is lost, as by an aborted transaction: the tasks start again from what is committed. */
  abort(): void {
    this.#lose()
    for (const { task } of this.#tasks) {
      task.drop()
    }
    this.#initialize()
  }

  /** The process is lost: new tasks over the databases (`database`), or over what the changelogs restore. */
  restart(from: 'database' | 'changelogs'): void {
    this.#lose()
    for (const running of this.#tasks) {
      running.task.drop()
      if (from === 'changelogs') {
        running.state = this.#restored(running)
      }
      running.task = this.#make(running.subtopology, running.partition, running.inputs, running.state)
    }
    this.#initialize()
  }

  /** Another version of the topology, over the databases of tasks with the same name. */
  redeploy(topology: Topology, config: TaskConfig): void {
    this.#lose()
    const states = new Map(this.#tasks.map(({ task, state }) => [task.id, state]))
    for (const { task } of this.#tasks) {
      task.drop()
    }
    this.#options = { ...this.#options, topology, config }
    this.#tasks = this.#assign(states)
    this.#initialize()
  }

  get runningCalls(): number {
    return this.#tasks.reduce((sum, { task }) => sum + task.runningCalls, 0)
  }

  get settledCalls(): number {
    return this.#tasks.reduce((sum, { task }) => sum + task.settledCalls, 0)
  }

  /** The settled calls in the order that the test wants; default by admission. */
  sortSettled(): void {
    for (const { task } of this.#tasks) {
      task.sortSettled(this.#options.completionOrder ?? byAdmission)
    }
  }

  /** Resolves at the next settled call or ready serde. */
  async woken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  nextDeadline(): number | undefined {
    const deadlines = this.#tasks.map(({ task }) => task.nextDeadline()).filter((deadline) => deadline !== undefined)
    return deadlines.length === 0 ? undefined : Math.min(...deadlines)
  }

  async close(): Promise<void> {
    for (const { task } of this.#tasks) {
      await task.close()
    }
  }

  #assign(states: ReadonlyMap<string, DatabaseTaskState>): RunningTask[] {
    const { topology, topics } = this.#options
    return topology.subtopologies.flatMap((subtopology) => {
      const sources = subtopology.sources.flatMap((source) => source.topics)
      const count = Math.max(0, ...sources.map((topic) => topics.partitions(topic)))
      return Array.from({ length: count }, (_, partition) => {
        const inputs = sources.filter((topic) => partition < topics.partitions(topic)).map((topic) => ({ topic, partition }))
        const state = states.get(`${subtopology.name}_${partition}`) ?? openMemoryTaskState(storeSpecs(subtopology))
        return { subtopology, partition, inputs, state, task: this.#make(subtopology, partition, inputs, state) }
      })
    })
  }

  #make(subtopology: Subtopology, partition: number, inputs: readonly TopicPartition[], state: DatabaseTaskState): Task {
    const { topology, config, globalStores, random, tracing } = this.#options
    const task = createTask({
      applicationId: topology.applicationId,
      subtopology,
      partition,
      inputs,
      state,
      collector: this.#collector,
      clock: { now: () => this.#options.now() },
      globalStores,
      config,
      random,
      tracing,
    })
    task.onWake = () => this.#wake?.()
    return task
  }

  /** Both generations: what was closed and not decided, and the open one. */
  #lose(): void {
    this.#undecided = undefined
    this.#collector.close()
  }

  #initialize(): void {
    this.#sinceCommit = 0
    this.#positions.clear()
    for (const { task, inputs } of this.#tasks) {
      const start = { offset: 0, metadata: '', leaderEpoch: 0 }
      task.initialize(inputs.map((input) => this.#committed.get(`${input.topic}-${input.partition}`) ?? { ...input, ...start }))
    }
  }

  #round(): boolean {
    let progress = false
    for (const { task, inputs } of this.#tasks) {
      for (const { topic, partition } of inputs) {
        this.#feed(task, topic, partition)
      }
      const done = task.process(1)
      if (done > 0) {
        progress = true
        this.#commitIfDue(done)
      }
    }
    return progress
  }

  /** As brokers do now and then although nothing has come: there is nothing more to read. */
  #report(): void {
    for (const { task, inputs } of this.#tasks) {
      for (const { topic, partition } of inputs) {
        task.enqueue(this.#options.topics.nothing(topic, partition, this.#options.now()))
      }
    }
  }

  #feed(task: Task, topic: string, partition: number): void {
    if (task.paused({ topic, partition })) {
      return
    }
    const key = `${topic}-${partition}`
    const position = this.#positions.get(key) ?? this.#committed.get(key)?.offset ?? 0
    const records = this.#options.topics.fetch(topic, partition, position, this.#options.now())
    if (records !== undefined) {
      this.#positions.set(key, records.nextOffset)
      task.enqueue(records)
    }
  }

  #commitDue(done: number): boolean {
    return this.#sinceCommit + done >= this.#options.commitEvery || this.#tasks.some(({ task }) => task.commitRequested)
  }

  #commitIfDue(done: number): void {
    if (this.#commitDue(done)) {
      this.commit()
    } else {
      this.#sinceCommit += done
    }
  }

  /** A new database with what the changelogs (and source topics that serve as such, as far as committed) hold. */
  #restored({ subtopology, partition }: RunningTask): DatabaseTaskState {
    const { topics, topology } = this.#options
    const state = openMemoryTaskState(storeSpecs(subtopology))
    const apply = (store: string, topic: string, format: ChangelogFormat, end: number) => {
      const view = state.store(store)
      for (const { key, value, timestamp } of topics.partition(topic, partition).slice(0, end)) {
        // A record of a source topic without a key can't be in a table.
        for (const row of key === null ? [] : format.rows(key, value, timestamp)) {
          view.put(row.key, row.value, timestamp)
        }
      }
    }
    for (const [store, { topic, format }] of changelogs(topology.applicationId, subtopology)) {
      apply(store, topic, format, Number.POSITIVE_INFINITY)
    }
    for (const store of subtopology.stores) {
      if (store.sourceIsChangelog && store.changelog !== undefined) {
        const end = this.#committed.get(`${store.changelog}-${partition}`)?.offset ?? 0
        apply(store.name, store.changelog, changelogFormat(store), end)
      }
    }
    state.freeze()
    state.applyFrozenNow(new Map())
    return state
  }
}
