import type { ReadOnlySessionStore, ReadOnlyVersionedKeyValueStore, ReadOnlyWindowStore } from 'millrace-state-stores'
import type { InFlightCounts } from '../async/in-flight-table.ts'
import type { Entry } from '../async/entry.ts'
import type { ParkedKey } from '../async/parked.ts'
import type { TopologyFunction } from '../dsl/streams-builder.ts'
import { buildTopology } from '../dsl/streams-builder.ts'
import { StreamsError } from '../errors.ts'
import { resolvePartitions } from '../graph/partitions.ts'
import { externalSourceTopics } from '../graph/tasks.ts'
import { matchingTopics, matchTopics } from '../graph/topic-patterns.ts'
import type { StoreDefinition, Topology } from '../graph/topology.ts'
import { partitionFor } from '../kafka/partitioner.ts'
import type { ReadOnlyKeyValueStore, ValueAndTimestamp } from '../processor.ts'
import type { Headers } from '../record.ts'
import type { TaskConfig } from '../runtime/contract.ts'
import type { Task } from '../runtime/task.ts'
import type { Serde } from '../serdes.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import type { AnyStore } from '../runtime/typed-stores.ts'
import { SimulatedGlobalStores, storeToLookAt } from './global-stores.ts'
import { plain, plainWindows } from './plain-values.ts'
import { SimulatedThread } from './simulated-thread.ts'
import { SimulatedTopics } from './simulated-topics.ts'
import type { InputTarget } from './test-topics.ts'
import { TestInputTopic, TestOutputTopic } from './test-topics.ts'

export interface TopologyTestDriverOptions {
  /** Only for a topology function. Default `test`. */
  readonly applicationId?: string
  /** Virtual wall clock at the start, ms. Default 0. */
  readonly startTime?: number
  /** Settings of the tasks; the dead-letter topic is `<applicationId>-dead-letters` unless set. */
  readonly config?: TaskConfig
  /** Partitions of every source topic. Default 1. */
  readonly partitions?: number
  /** Records between two commits. Default 1; Infinity: only `commit()` does, and nothing is visible before. */
  readonly commitEvery?: number
  /**
   * As a stream thread does: a generation is decided only when the next one closes, so `abort` and `restart` lose both.
   * Default false.
   */
  readonly pipelined?: boolean
  /** `max.message.bytes` of topics. Default: no limit. */
  readonly maxMessageBytes?: (topic: string) => number | undefined
  /** Order in which calls that have settled are continued by `settle`. Default: as they were admitted. */
  readonly completionOrder?: (a: Entry, b: Entry) => number
  /** Jitter of back-off, in [0, 1). Default: always 0.5. */
  readonly random?: () => number
  /** `import * as api from '@opentelemetry/api'`: the tasks trace. */
  readonly tracing?: OpenTelemetry
}

export interface DeadLetter {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  /** Headers as text, the engine's `__streams.errors.*` included. */
  readonly headers: { readonly [name: string]: string }
}

/**
 * Runs a topology without a broker: the production tasks over the memory engine, in virtual time, committed after every
 * record. Internal topics are looped back. Synchronous until the topology has an asynchronous operator: then
 * `await driver.settle()` after piping.
 */
export class TopologyTestDriver {
  topology: Topology
  readonly #config: TaskConfig
  readonly #topics: SimulatedTopics
  readonly #globals: SimulatedGlobalStores
  readonly #thread: SimulatedThread
  readonly #deadLetterTopic: string
  readonly #partitions: number
  /** Topics of the test that patterns match. */
  readonly #matched = new Set<string>()
  #counts: ReadonlyMap<string, number>
  #time: number

  constructor(topology: Topology | TopologyFunction, options: TopologyTestDriverOptions = {}) {
    this.topology = typeof topology === 'function' ? buildTopology(topology, { applicationId: options.applicationId ?? 'test' }) : topology
    this.#time = options.startTime ?? 0
    this.#deadLetterTopic = options.config?.deadLetterTopic ?? `${this.topology.applicationId}-dead-letters`
    this.#config = { maxTaskIdleMs: -1, ...options.config, deadLetterTopic: this.#deadLetterTopic }
    this.#partitions = options.partitions ?? 1
    this.#counts = partitionCounts(this.topology, this.#partitions)
    const globals = new SimulatedGlobalStores(this.topology.globalTables)
    this.#globals = globals
    this.#topics = new SimulatedTopics((topic) => this.#counts.get(topic) ?? 1, (record) => globals.has(record.topic) && globals.apply(record))
    this.#thread = new SimulatedThread({
      topology: this.topology,
      topics: this.#topics,
      config: this.#config,
      commitEvery: options.commitEvery ?? 1,
      pipelined: options.pipelined ?? false,
      maxMessageBytes: options.maxMessageBytes ?? (() => undefined),
      globalStores: this.#globals.stores,
      completionOrder: options.completionOrder,
      random: options.random ?? (() => 0.5),
      now: () => this.#time,
      tracing: options.tracing,
    })
  }

  /** For topologies whose serdes have something to open (a schema registry): opens them first. */
  static async open(topology: Topology | TopologyFunction, options: TopologyTestDriverOptions = {}): Promise<TopologyTestDriver> {
    const driver = new TopologyTestDriver(topology, options)
    await Promise.all([...serdesOf(driver.topology)].map((serde) => serde.open?.()))
    return driver
  }

  /** Of a source topic, or one that a pattern matches: which comes as it does while an application runs. */
  createInputTopic<K, V>(topic: string, key: Serde<K>, value: Serde<V>): TestInputTopic<K, V> {
    const known = this.topology.subtopologies.some(({ sources }) => sources.some(({ topics }) => topics.includes(topic)))
    if (!known && matchingTopics(this.topology, [topic]).length > 0) {
      this.#matched.add(topic)
      this.commit()
      this.redeploy(this.topology)
    } else if (!known && !this.#globals.has(topic)) {
      throw new StreamsError('SOURCE_TOPIC_MISSING', `The topology does not read the topic '${topic}'; it reads ${externalSourceTopics(this.topology).join(', ')}.`)
    }
    const target: InputTarget = { now: () => this.#time, pipe: (...record) => this.#pipe(...record) }
    return new TestInputTopic(target, topic, key, value)
  }

  /** Any topic the topology writes, changelogs and repartition topics included. */
  createOutputTopic<K, V>(topic: string, key: Serde<K>, value: Serde<V>): TestOutputTopic<K, V> {
    return new TestOutputTopic(topic, key, value, () => this.#topics.records(topic))
  }

  /** Values without their timestamps. Of a task's store: what its partition holds, uncommitted writes included. */
  getKeyValueStore<K, V>(name: string, partition = 0): ReadOnlyKeyValueStore<K, V> {
    const { definition, store } = this.#store('key-value', name, partition)
    const found = store as ReadOnlyKeyValueStore<unknown, unknown>
    const values = definition.timestamped ? plain(found as ReadOnlyKeyValueStore<unknown, ValueAndTimestamp<unknown>>) : found
    return values as ReadOnlyKeyValueStore<K, V>
  }

  getTimestampedKeyValueStore<K, V>(name: string, partition = 0): ReadOnlyKeyValueStore<K, ValueAndTimestamp<V>> {
    const { definition, store } = this.#store('key-value', name, partition)
    if (!definition.timestamped) {
      throw new StreamsError('CONFIG_INVALID', `Store '${name}' keeps no timestamps; use getKeyValueStore.`)
    }
    return store as ReadOnlyKeyValueStore<K, ValueAndTimestamp<V>>
  }

  /** Values without their timestamps, of windows that have not expired by the time of the records so far. */
  getWindowStore<K, V>(name: string, partition = 0): ReadOnlyWindowStore<K, V> {
    const { definition, store } = this.#store('window', name, partition)
    const found = store as ReadOnlyWindowStore<unknown, unknown>
    const values = definition.timestamped ? plainWindows(found as ReadOnlyWindowStore<unknown, ValueAndTimestamp<unknown>>) : found
    return values as ReadOnlyWindowStore<K, V>
  }

  getTimestampedWindowStore<K, V>(name: string, partition = 0): ReadOnlyWindowStore<K, ValueAndTimestamp<V>> {
    const { definition, store } = this.#store('window', name, partition)
    if (!definition.timestamped) {
      throw new StreamsError('CONFIG_INVALID', `Store '${name}' keeps no timestamps; use getWindowStore.`)
    }
    return store as ReadOnlyWindowStore<K, ValueAndTimestamp<V>>
  }

  getSessionStore<K, V>(name: string, partition = 0): ReadOnlySessionStore<K, V> {
    return this.#store('session', name, partition).store as unknown as ReadOnlySessionStore<K, V>
  }

  getVersionedKeyValueStore<K, V>(name: string, partition = 0): ReadOnlyVersionedKeyValueStore<K, V> {
    return this.#store('versioned', name, partition).store as unknown as ReadOnlyVersionedKeyValueStore<K, V>
  }

  /** Moves the virtual wall clock: fires punctuators, ends calls that have timed out, makes retries due. */
  advanceWallClockTime(ms: number): void {
    if (!(ms >= 0)) {
      throw new RangeError(`advanceWallClockTime: ${ms} ms; time does not go back.`)
    }
    this.#time += ms
    this.#thread.punctuate()
    this.#thread.run()
  }

  get currentTime(): number {
    return this.#time
  }

  /**
   * Waits until nothing is in flight: calls run for real, their results continue in order of admission, back-off and the
   * pauses of circuit breakers pass in virtual time (`retries: false` leaves what waits for them). Never resolves while a call
   * never settles: let it time out by `advanceWallClockTime`; nor behind a circuit breaker while every call fails.
   */
  async settle(options: { readonly retries?: boolean } = {}): Promise<void> {
    for (;;) {
      this.#thread.run()
      if (this.#thread.runningCalls > 0) {
        // All calls that run together settle before the first continues, so that their timing decides nothing.
        while (this.#thread.runningCalls > 0) {
          await this.#thread.woken()
        }
        this.#thread.sortSettled()
        continue
      }
      if (this.#thread.settledCalls > 0) {
        this.#thread.sortSettled()
        continue
      }
      if (options.retries === false || !this.#retryPending()) {
        return
      }
      const deadline = this.#thread.nextDeadline()
      this.advanceWallClockTime(Math.max(0, (deadline ?? this.#time) - this.#time))
    }
  }

  /** Lets promises run once and continues with what has settled, the rest goes on. */
  async tick(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#thread.sortSettled()
    this.#thread.run()
  }

  /** Commits the open generation (with `commitEvery` above 1). */
  commit(): void {
    this.#thread.commit()
    this.#thread.decide()
    this.#thread.run()
  }

  /** The open generation is aborted: the same tasks start again from what is committed (rule B6). */
  abort(): void {
    this.#thread.abort()
    this.#thread.run()
  }

  /** The process is killed and started again: new tasks over their databases. */
  restart(): void {
    this.#thread.restart('database')
    this.#thread.run()
  }

  /** The process is killed and its disk lost: new tasks, state from the changelogs only. */
  restore(): void {
    this.#thread.restart('changelogs')
    this.#thread.run()
  }

  /**
   * A new version of the topology takes over: its tasks find the state and the offsets of those with the same name, as
   * after a deploy. The driver's topics stay as they are; new ones begin empty. If its tasks refuse to start the old
   * version is gone, as it would be.
   */
  redeploy(topology: Topology | TopologyFunction, options: Pick<TopologyTestDriverOptions, 'config'> = {}): void {
    const built = typeof topology === 'function' ? buildTopology(topology, { applicationId: this.topology.applicationId }) : topology
    this.topology = matchTopics(built, this.#matched)
    this.#counts = new Map([...partitionCounts(this.topology, this.#partitions), ...[...this.#counts].filter(([, count]) => count > 0)])
    this.#thread.redeploy(this.topology, { ...this.#config, ...options.config })
    this.#thread.run()
  }

  producedTopicNames(): ReadonlySet<string> {
    return this.#topics.names
  }

  deadLetters(): readonly DeadLetter[] {
    return this.#topics.records(this.#deadLetterTopic).map(({ key, value, timestamp, headers }) => ({
      key,
      value,
      timestamp,
      headers: Object.fromEntries(headers.map((header) => [header.key, header.value === null ? '' : Buffer.from(header.value).toString()])),
    }))
  }

  /** Of all tasks, by operator. */
  inFlight(): readonly InFlightCounts[] {
    const sums = new Map<string, InFlightCounts>()
    for (const each of this.#thread.tasks.flatMap((task) => task.inFlight())) {
      const sum = sums.get(each.operator)
      sums.set(each.operator, sum === undefined ? each : addCounts(sum, each))
    }
    return [...sums.values()]
  }

  parkedKeys(): readonly ParkedKey[] {
    return this.#thread.tasks.flatMap((task) => task.parkedKeys())
  }

  releaseParked(operator: string, id: string): boolean {
    const released = this.#parkedIn(operator, id)?.releaseParked(operator, id) ?? false
    this.#thread.run()
    return released
  }

  dropParked(operator: string, id: string, what: 'head' | 'key'): number {
    const dropped = this.#parkedIn(operator, id)?.dropParked(operator, id, what) ?? 0
    this.#thread.run()
    return dropped
  }

  /** The production tasks, to look at. */
  get tasks(): readonly Task[] {
    return this.#thread.tasks
  }

  async close(): Promise<void> {
    await this.#thread.close()
  }

  #pipe(topic: string, key: Uint8Array | null, value: Uint8Array | null, timestamp: number, headers: Headers, partition: number | undefined): void {
    const chosen = partition ?? (key === null ? 0 : partitionFor(key, this.#topics.partitions(topic)))
    const record = { topic, partition: chosen, key, value, timestamp, headers }
    this.#topics.append(record)
    if (this.#globals.has(topic)) {
      this.#globals.apply(record)
    }
    this.#thread.run()
  }

  #retryPending(): boolean {
    return this.#thread.tasks.some((task) => task.inFlight().some(({ pending }) => pending > 0))
  }

  #parkedIn(operator: string, id: string): Task | undefined {
    return this.#thread.tasks.find((task) => task.parkedKeys().some((key) => key.operator === operator && key.id === id))
  }

  #store(kind: StoreDefinition['kind'], name: string, partition: number): { readonly definition: StoreDefinition; readonly store: AnyStore } {
    for (const { stores } of this.topology.subtopologies) {
      const definition = stores.find((store) => store.name === name)
      const owner = definition === undefined ? undefined : this.#thread.ownersOf(name)[partition]
      if (definition !== undefined && owner !== undefined) {
        return { definition: ofKind(kind, definition), store: storeToLookAt(definition, owner.state, owner.task.timeOf(name)) }
      }
    }
    const global = this.topology.globalTables.find(({ storeName }) => storeName === name)
    if (global === undefined) {
      throw new StreamsError('CONFIG_INVALID', `The topology has no store '${name}' with partition ${partition}.`)
    }
    return { definition: ofKind(kind, global.store), store: this.#globals.stores.get(name)! }
  }
}

/** The breaker that lets least through speaks for all. */
function addCounts(a: InFlightCounts, b: InFlightCounts): InFlightCounts {
  const sum = { operator: a.operator, pending: a.pending + b.pending, running: a.running + b.running, parked: a.parked + b.parked }
  if (a.circuit === undefined || b.circuit === undefined) {
    return sum
  }
  const state = (['open', 'half-open', 'closed'] as const).find((each) => each === a.circuit!.state || each === b.circuit!.state)!
  return { ...sum, circuit: { state, opened: a.circuit.opened + b.circuit.opened } }
}

function ofKind(kind: StoreDefinition['kind'], definition: StoreDefinition): StoreDefinition {
  if (definition.kind !== kind) {
    throw new StreamsError('CONFIG_INVALID', `Store '${definition.name}' is a ${definition.kind} store, not a ${kind} store.`)
  }
  return definition
}

function partitionCounts(topology: Topology, partitions: number): ReadonlyMap<string, number> {
  const existing = new Map<string, number>()
  for (const { sources } of topology.subtopologies) {
    for (const source of sources) {
      if (!source.repartition) {
        for (const topic of source.topics) {
          existing.set(topic, partitions)
        }
      }
    }
  }
  for (const { source } of topology.globalTables) {
    for (const topic of source.topics) {
      existing.set(topic, 1)
    }
  }
  return resolvePartitions(topology, existing)
}

function serdesOf(topology: Topology): ReadonlySet<Serde<unknown>> {
  const serdes = new Set<Serde<unknown>>()
  const add = (of: { readonly key: Serde<unknown>; readonly value: Serde<unknown> }) => serdes.add(of.key).add(of.value)
  for (const { nodes, stores } of topology.subtopologies) {
    stores.forEach(add)
    for (const node of nodes.values()) {
      if (node.kind === 'source' || node.kind === 'sink') {
        add(node)
      } else if (node.kind === 'async') {
        add(node.operator)
      }
    }
  }
  for (const { source } of topology.globalTables) {
    add(source)
  }
  return serdes
}
