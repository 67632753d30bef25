/**
 * The stores of one task: made anew with each of its lives, handed to the nodes that are connected to them, and written to
 * their changelogs when a generation closes.
 */
import type { ChangelogFormat, StoreChanges, StoreClock } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { StoreDefinition, Subtopology } from '../graph/topology.ts'
import { NO_HEADERS } from '../record.ts'
import type { TaskOptions } from './contract.ts'
import type { TaskCore } from './core.ts'
import type { StreamTimeHold } from './processor-node.ts'
import { StoreExpiry } from './store-expiry.ts'
import { changelogs, storeTime, taskStore } from './stores.ts'
import type { TaskGraph } from './task-graph.ts'
import { type AnyStore, readOnly } from './typed-stores.ts'

export class TaskStores {
  /** By store, those the task writes to. */
  readonly changelogs: ReturnType<typeof changelogs>
  private readonly core: TaskCore
  private readonly subtopology: Subtopology
  private readonly partition: number
  private readonly globalStores: TaskOptions['globalStores']
  private readonly definitions: ReadonlyMap<string, StoreDefinition>
  private stores = new Map<string, AnyStore>()
  private expiry: StoreExpiry | undefined
  /** Set by `open`. */
  private graph!: TaskGraph

  constructor(core: TaskCore, { applicationId, subtopology, partition, globalStores }: TaskOptions) {
    this.core = core
    this.subtopology = subtopology
    this.partition = partition
    this.globalStores = globalStores
    this.changelogs = changelogs(applicationId, subtopology)
    this.definitions = new Map(subtopology.stores.map((definition) => [definition.name, definition]))
  }

  /** As the last committed generation left them. In-flight tables are their operators' own. */
  open(graph: TaskGraph): void {
    const { core } = this
    this.graph = graph
    const definitions = [...this.definitions.values()].filter(({ name }) => !graph.operators.some(({ inFlightStore }) => inFlightStore === name))
    this.stores = new Map(definitions.map((definition) => [definition.name, taskStore(core, definition, this.holdsOf(definition.name))]))
    this.expiry = new StoreExpiry(core, definitions, (definition) => storeTime(core, definition, this.holdsOf(definition.name)))
  }

  /** Those connected to a node, its own and global ones. */
  of(name: string): ReadonlyMap<string, AnyStore> {
    const node = this.subtopology.nodes.get(name)!
    const connected = new Map<string, AnyStore>()
    for (const store of node.kind === 'processor' || node.kind === 'async' ? node.stores : []) {
      const found = this.stores.get(store) ?? this.globalStores?.get(store)
      if (found === undefined) {
        throw new StreamsError('TOPOLOGY_INVALID', `${name} is connected to store '${store}', which ${this.subtopology.name} does not have.`)
      }
      const { kind, writer = name } = this.definitions.get(store) ?? { kind: 'key-value' }
      connected.set(store, writer === name ? found : readOnly(kind, found))
    }
    return connected
  }

  readOnlyOf(name: string): ReadonlyMap<string, AnyStore> {
    const kind = (store: string) => this.definitions.get(store)?.kind ?? 'key-value'
    return new Map([...this.of(name)].map(([store, typed]) => [store, readOnly(kind(store), typed)]))
  }

  /** Time of a store, for who looks at the task's state: what has expired is not there any more. */
  timeOf(store: string): StoreClock {
    return storeTime(this.core, this.definitions.get(store)!, this.holdsOf(store))
  }

  private holdsOf(store: string): StreamTimeHold[] {
    const holds = new Set<StreamTimeHold>()
    for (const node of this.subtopology.nodes.values()) {
      if ((node.kind === 'processor' || node.kind === 'async') && node.stores.includes(store)) {
        for (const hold of this.graph.nodes.get(node.name)!.holds) {
          holds.add(hold)
        }
      }
    }
    return [...holds]
  }

  /** Wall-clock ms of the next entry that expires, Infinity for none. */
  get deadline(): number {
    return this.expiry?.deadline ?? Number.POSITIVE_INFINITY
  }

  /** Deletes what the wall clock has made due; false: nothing. */
  expire(now: number): boolean {
    return this.expiry?.atWallClock(now) ?? false
  }

  /** Step 1 of a commit: what has expired goes, the overlay is frozen, its changes go to the collector. */
  closeGeneration(): void {
    const { state } = this.core
    this.expiry?.beforeCommit()
    for (const store of this.stores.values()) {
      const expired = store.expiredRows?.()
      if (expired !== undefined) {
        state.expire(store.name, expired)
      }
    }
    for (const changes of state.freeze()) {
      const changelog = this.changelogs.get(changes.store)
      if (changelog !== undefined) {
        this.log(changes, changelog.topic, changelog.format)
      }
    }
  }

  private log(changes: StoreChanges, topic: string, format: ChangelogFormat): void {
    const { collector } = this.core
    const entries = format.byTime ? [...changes.entries()].sort((a, b) => a.timestamp - b.timestamp) : changes.entries()
    for (const { key, value, timestamp } of entries) {
      const recordKey = format.recordKey(key, value === null)
      if (recordKey !== undefined) {
        collector.send(topic, this.partition, recordKey, value === null ? null : format.recordValue(value), timestamp, format.headers ?? NO_HEADERS)
      }
    }
  }
}
