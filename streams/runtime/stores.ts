/**
 * Typed stores of a task over the byte views of its state. A store is usable in a turn of its incarnation only; every
 * write makes the marks that are due (rule B1) and is held against the limit of its changelog topic (rule C5).
 */
import type { RangeOptions, StoreSpec, StoreView } from 'millrace-state-stores'
import { type ChangelogFormat, plainFormat, type StoreClock, storeClock } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { StoreDefinition, Subtopology } from '../graph/topology.ts'
import { NO_HEADERS } from '../record.ts'
import type { TaskCore } from './core.ts'
import type { StreamTimeHold } from './processor-node.ts'
import { recordSizeBound, recordTooLarge } from './sizes.ts'
import { type StoreCounters, storeCounters } from './task-metrics.ts'
import { HeldTime } from './task-times.ts'
import { type AnyStore, changelogFormat, storeLayout, typedStore } from './typed-stores.ts'

/** What the state of a task must be opened with: its stores and the in-flight tables of its asynchronous operators. */
export function storeSpecs(subtopology: Subtopology): StoreSpec[] {
  const specs = new Map<string, StoreSpec>()
  for (const store of subtopology.stores) {
    specs.set(store.name, {
      name: store.name,
      kind: store.kind,
      logged: store.changelog !== undefined,
      layout: storeLayout(store),
      changelog: store.changelog,
    })
  }
  for (const node of subtopology.nodes.values()) {
    if (node.kind === 'async') {
      specs.set(node.inFlightStore, { name: node.inFlightStore, kind: 'key-value', logged: true })
    }
  }
  return [...specs.values()]
}

export interface ChangelogOfStore {
  readonly topic: string
  readonly format: ChangelogFormat
}

/** The changelog topic of each logged store; a source topic that serves as changelog is none of ours to write. */
export function changelogs(applicationId: string, subtopology: Subtopology): ReadonlyMap<string, ChangelogOfStore> {
  const topics = new Map<string, ChangelogOfStore>()
  for (const store of subtopology.stores) {
    if (store.changelog !== undefined && !store.sourceIsChangelog) {
      topics.set(store.name, { topic: store.changelog, format: changelogFormat(store) })
    }
  }
  for (const node of subtopology.nodes.values()) {
    if (node.kind === 'async' && !topics.has(node.inFlightStore)) {
      topics.set(node.inFlightStore, { topic: `${applicationId}-${node.inFlightStore}-changelog`, format: plainFormat })
    }
  }
  return topics
}

/**
 * The byte view of a store as processors may use it: in a turn of this incarnation, with the marks that are due, and
 * within the size limit of its changelog.
 */
class GuardedStoreView implements StoreView {
  readonly name: string
  private readonly core: TaskCore
  private readonly view: StoreView
  private readonly incarnation: number
  private readonly topic: string | undefined
  private readonly counters: StoreCounters
  /** -1 until the collector knows the topic. */
  private maxBytes = -1

  constructor(core: TaskCore, view: StoreView, topic: string | undefined) {
    this.core = core
    this.view = view
    this.name = view.name
    this.topic = topic
    this.incarnation = core.incarnation
    this.counters = storeCounters(core, view.name)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.core.turn !== this.incarnation) {
      this.expired()
    }
    this.counters.gets++
    this.core.tracing?.read(this.name, key)
    return this.view.get(key)
  }

  put(key: Uint8Array, value: Uint8Array | null, timestamp: number): void {
    const { core } = this
    if (core.turn !== this.incarnation) {
      this.expired()
    }
    if (this.topic !== undefined) {
      this.checkSize(this.topic, key.length, value === null ? 0 : value.length)
    }
    core.beforeEffect()
    core.touched = true
    if (value === null) {
      this.counters.deletes++
    } else {
      this.counters.puts++
    }
    core.tracing?.wrote(this.name, key)
    this.view.put(key, value, timestamp)
  }

  range(options: RangeOptions): IterableIterator<readonly [Uint8Array, Uint8Array]> {
    if (this.core.turn !== this.incarnation) {
      this.expired()
    }
    this.counters.ranges++
    const rows = this.view.range(options)
    return this.core.tracing === undefined ? rows : this.core.tracing.readRange(this.name, rows)
  }

  approximateEntries(): number {
    return this.view.approximateEntries()
  }

  private checkSize(topic: string, keyBytes: number, valueBytes: number): void {
    if (this.maxBytes < 0) {
      this.maxBytes = this.core.collector.maxMessageBytes?.(topic) ?? -1
    }
    const size = recordSizeBound(keyBytes, valueBytes, NO_HEADERS)
    if (this.maxBytes >= 0 && size > this.maxBytes) {
      throw recordTooLarge(`Store ${this.name}`, size, this.maxBytes)
    }
  }

  private expired(): void {
    this.core.checkTurn(this.incarnation, `Store ${this.name}`)
  }
}

/**
 * The store a processor gets; its plain writes carry the timestamp of the record in hand. `holds`: asynchronous operators
 * upstream of those that use it, whose pending records must not find their windows expired.
 */
export function taskStore(core: TaskCore, definition: StoreDefinition, holds: readonly StreamTimeHold[]): AnyStore {
  const topic = definition.changelog ?? definition.name
  const view = new GuardedStoreView(core, core.state.store(definition.name), definition.changelog)
  const format = {
    serializeKey: (key: unknown) => serialized(definition, 'key', topic, key),
    serializeValue: (value: unknown) => serialized(definition, 'value', topic, value),
    deserializeKey: (bytes: Uint8Array) => definition.key.deserialize(topic, bytes, NO_HEADERS) as unknown,
    deserializeValue: (bytes: Uint8Array) => definition.value.deserialize(topic, bytes, NO_HEADERS) as unknown,
  }
  return typedStore(definition, view, format, {
    now: () => Math.max(core.timestamp, 0),
    clock: storeTime(core, definition, holds),
    sequence: sequenceOf(core, definition),
    onExpired: () => core.metrics.dropped(definition.name, 'expired'),
  })
}

/** What expiry of a store goes by; for readers of its state, too. Key-value stores have none, and cost nothing. */
export function storeTime(core: TaskCore, definition: StoreDefinition, holds: readonly StreamTimeHold[]): StoreClock {
  if (definition.kind === 'key-value' && definition.ttlMs === undefined) {
    return NO_CLOCK
  }
  if (definition.kind === 'key-value' && definition.ttlByWallClock === true) {
    return wallClock(core)
  }
  return new HeldTime(core.times, `store ${definition.name}`, holds)
}

function wallClock(core: TaskCore): StoreClock {
  return {
    get time() {
      return core.clock.now()
    },
    get highest() {
      return core.clock.now()
    },
    advance: () => undefined,
  }
}

const NO_CLOCK: StoreClock = storeClock()

function sequenceOf(core: TaskCore, definition: StoreDefinition): (() => number) | undefined {
  if (definition.kind !== 'window' || !definition.retainDuplicates) {
    return undefined
  }
  const number = core.times.number(`rows of ${definition.name}`)
  return () => number.next()
}

function serialized(definition: StoreDefinition, part: 'key' | 'value', topic: string, value: unknown): Uint8Array {
  try {
    return definition[part].serialize(topic, value, NO_HEADERS)
  } catch (cause) {
    throw new StreamsError('SERIALIZATION_FAILED', `Store ${definition.name}: a ${part} could not be serialized.`, { cause })
  }
}
