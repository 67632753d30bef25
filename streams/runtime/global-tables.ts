/**
 * Global tables of one stream thread: a copy of its own (two threads cannot open one database), loaded to the high
 * watermark before any task runs (rule D4), then followed. Nobody writes to them but the topic.
 */
import type { ChangelogPosition, ReadOnlyKeyValueStore as Rows, SnapshotSource, StateFolder, TaskState } from 'millrace-state-stores'
import { createKeyValueStore, createTimestampedKeyValueStore, storageEngine } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { GlobalTable, Topology } from '../graph/topology.ts'
import type { FetchedRecords, Fetcher, KafkaCluster, TopicPartition } from '../kafka/contract.ts'
import type { ReadOnlyKeyValueStore } from '../processor.ts'
import { NO_HEADERS } from '../record.ts'
import { DAY_MS, readMarks } from './changelog-facts.ts'
import type { RuntimeConfig } from './config.ts'
import type { HitFailpoint } from './failpoints.ts'
import { GlobalSnapshots } from './global-snapshots.ts'
import { type ChangelogFacts, judgeCopy } from './local-copy.ts'
import { WHY } from './snapshot-fitness.ts'
import type { StateMemory } from './state-memory.ts'
import { restoreChunk } from './store-restore.ts'
import type { StoreChangelog } from './task-entry.ts'
import { changelogFormat } from './typed-stores.ts'
import type { TopicCatalog } from './topic-catalog.ts'

interface Followed {
  readonly changelog: StoreChangelog
  readonly partition: number
  readonly topicId: string
  readonly target: number
  readonly loaded: PromiseWithResolvers<void>
  tail: Promise<void>
  /** Chunks that wait to be applied, the one in hand included. */
  waiting: number
}

/** Chunks of one partition in memory; prevents that a table which is fetched faster than written fills it. */
const MAX_WAITING = 2

const FOLDER = 'global-'

/** Name of the folder a thread keeps its global tables in. */
function globalFolder(thread: number): string {
  return `${FOLDER}${thread}`
}

/** No task's id: those end with a partition behind an underscore. */
export function isGlobalFolder(name: string): boolean {
  return name.startsWith(FOLDER) && !name.includes('_')
}

export interface GlobalTablesOptions {
  readonly topology: Topology
  readonly cluster: KafkaCluster
  readonly topics: TopicCatalog
  readonly config: RuntimeConfig
  readonly thread: number
  /** Where their database has a folder of its own. */
  readonly folder: StateFolder
  readonly memory: StateMemory
  readonly failpoint: HitFailpoint
  readonly now: () => number
  onFailed(error: Error): void
  onWarning(message: string): void
}

export class GlobalTables {
  readonly #options: GlobalTablesOptions
  readonly #followed = new Map<string, Followed>()
  readonly stores = new Map<string, ReadOnlyKeyValueStore<unknown, unknown>>()
  readonly #source: SnapshotSource
  readonly #snapshots: GlobalSnapshots
  #state: TaskState | undefined
  #fetcher: Fetcher | undefined
  #loaded = false

  constructor(options: GlobalTablesOptions) {
    const { topology, config } = options
    this.#options = options
    const tables = topology.globalTables
    this.#source = {
      engine: storageEngine(tables[0]?.store.engine ?? config.engine),
      // Their topics are their changelogs: a copy of the database is brought up to them.
      stores: tables.map(({ storeName, source }) => ({ name: storeName, kind: 'key-value', logged: true, changelog: source.topics[0] })),
    }
    this.#snapshots = new GlobalSnapshots({ ...options, source: this.#source, keys: () => this.#keys(), judge: (positions) => this.#whyUnfit(positions) })
  }

  /** Their database, once every table is loaded. */
  get state(): TaskState | undefined {
    return this.#loaded ? this.#state : undefined
  }

  get #topics(): readonly string[] {
    return this.#options.topology.globalTables.flatMap((table) => table.source.topics)
  }

  /** Resolves when every table has reached the high watermark it had at the call. */
  async load(): Promise<void> {
    const { topology, cluster, topics, thread, folder, memory } = this.#options
    const tables = topology.globalTables
    if (tables.length === 0) {
      return
    }
    const missing = await topics.load(this.#topics)
    if (missing.length > 0) {
      throw new StreamsError('SOURCE_TOPIC_MISSING', `The topic of a global table does not exist: ${missing.join(', ')}. Create it before the application starts.`)
    }
    const location = await folder.taskLocation(globalFolder(thread))
    this.#state = await this.#snapshots.open({ ...this.#source, location, ...memory.share(this.#source.engine.name, { opening: 1, open: 0 }) })
    for (const table of tables) {
      this.stores.set(table.storeName, reader(this.#state, table))
    }
    this.#fetcher = cluster.fetcher({
      isolation: 'read_committed',
      onRecords: (records) => this.#onRecords(records),
      onError: (partition, error) => this.#fail(partition, error),
    })
    await Promise.all(tables.flatMap((table) => table.source.topics.map((topic) => this.#follow(table, topic, 0))))
    this.#loaded = true
    this.#snapshots.loaded()
  }

  /** Follows partitions that have come, too, where the catalog of topics knows of any. Resolves when they are loaded. */
  async grow(): Promise<void> {
    const { topology, topics } = this.#options
    const growing = topology.globalTables.flatMap((table) => table.source.topics.map((topic) => ({ table, topic, followed: [...this.#followed.values()].filter(({ changelog }) => changelog.topic === topic).length })))
    await Promise.all(growing.map(({ table, topic, followed }) => (followed < topics.require(topic).partitions ? this.#follow(table, topic, followed) : undefined)))
  }

  async close(): Promise<void> {
    this.#loaded = false
    await this.#snapshots.close()
    await this.#fetcher?.close()
    await Promise.all([...this.#followed.values()].map((followed) => followed.tail))
    await this.#state?.close()
  }

  #keys(): readonly { readonly key: string }[] {
    return this.#topics.flatMap((topic) => Array.from({ length: this.#options.topics.require(topic).partitions }, (_, partition) => ({ key: `${topic}-${partition}` })))
  }

  /** What the brokers say of a topic's partitions, in their order. */
  async #facts(topic: string): Promise<readonly (readonly [string, ChangelogFacts])[]> {
    const { cluster, topics, now } = this.#options
    const { partitions, topicId } = topics.require(topic)
    const [marks, config] = await Promise.all([
      readMarks(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })), { cluster }),
      topics.config(topic),
    ])
    return Array.from({ length: partitions }, (_, partition) => {
      const key = `${topic}-${partition}`
      const tombstonesMs = Number(config['delete.retention.ms'] ?? DAY_MS)
      const marked = { logStart: marks.logStarts.get(key) ?? 0, highWatermark: marks.highWatermarks.get(key) ?? 0 }
      return [key, { topicId, ...marked, epochEnd: undefined, tombstonesMs, own: false, forgets: true, now: now() }] as const
    })
  }

  /** Partitions that are not in it yet are read from their beginning. */
  async #whyUnfit(positions: ReadonlyMap<string, ChangelogPosition>): Promise<string | undefined> {
    for (const [key, facts] of (await Promise.all(this.#topics.map((topic) => this.#facts(topic)))).flat()) {
      const verdict = judgeCopy(positions.get(key), facts)
      if (verdict !== 'use' && verdict !== 'fresh') {
        return `${key}: ${WHY[verdict]}`
      }
    }
    return undefined
  }

  /** From the partition `first` on. */
  async #follow(table: GlobalTable, topic: string, first: number): Promise<void> {
    const partitions = (await this.#facts(topic)).slice(first)
    const state = this.#state!
    const source = { node: table.source, definition: table.store }
    const verdicts = partitions.map(([key, facts]) => judgeCopy(state.position(key), facts))
    // The topic is the only truth here: a copy that cannot be used is made anew, whole.
    const rebuild = verdicts.some((verdict) => verdict !== 'use' && verdict !== 'fresh')
    if (rebuild) {
      await state.beginRebuild(table.storeName)
    }
    await Promise.all(
      partitions.map(([key, { topicId, logStart, highWatermark }], index) => {
        const partition = first + index
        const changelog: StoreChangelog = { store: table.storeName, topic, key, format: changelogFormat(table.store), source }
        const from = rebuild ? logStart : (state.position(key)?.offset ?? logStart)
        const loaded = Promise.withResolvers<void>()
        this.#followed.set(key, { changelog, partition, topicId, target: highWatermark, loaded, waiting: 0, tail: Promise.resolve() })
        if (from >= highWatermark) {
          loaded.resolve()
        }
        this.#fetcher!.seek({ topic, partition }, from)
        return loaded.promise
      }),
    )
    if (rebuild) {
      await state.finishRebuild(table.storeName)
    }
  }

  #onRecords(records: FetchedRecords): void {
    const followed = this.#followed.get(`${records.topic}-${records.partition}`)
    if (followed === undefined) {
      return
    }
    const { config, now } = this.#options
    const action = followed.changelog.source!.node.onError?.deserialization ?? config.errors.deserialization ?? 'fail'
    followed.waiting++
    if (followed.waiting === MAX_WAITING) {
      this.#fetcher!.pause(records)
    }
    followed.tail = followed.tail
      .then(() => restoreChunk(this.#state!, followed.changelog, records, Number.MAX_SAFE_INTEGER, followed.topicId, action, now()))
      .then(
        () => {
          if (followed.waiting-- === MAX_WAITING) {
            this.#fetcher!.resume(records)
          }
          if (records.nextOffset >= followed.target) {
            followed.loaded.resolve()
          }
        },
        (error) => this.#fail(records, error as Error),
      )
  }

  #fail({ topic, partition }: TopicPartition, error: Error): void {
    this.#followed.get(`${topic}-${partition}`)?.loaded.reject(error)
    this.#options.onFailed(error)
  }
}

function reader(state: TaskState, { storeName, store, source }: GlobalTable): ReadOnlyKeyValueStore<unknown, unknown> {
  const topic = source.topics[0]!
  const format = {
    serializeKey: (key: unknown) => store.key.serialize(topic, key, NO_HEADERS),
    serializeValue: (value: unknown) => store.value.serialize(topic, value, NO_HEADERS),
    deserializeKey: (bytes: Uint8Array): unknown => store.key.deserialize(topic, bytes, NO_HEADERS),
    deserializeValue: (bytes: Uint8Array): unknown => store.value.deserialize(topic, bytes, NO_HEADERS),
  }
  const view = state.store(storeName)
  const rows: Rows<unknown, unknown> = store.timestamped ? createTimestampedKeyValueStore(view, format, () => 0) : createKeyValueStore(view, format, () => 0)
  return {
    name: storeName,
    get: (key) => rows.get(key),
    range: (from, to) => rows.range(from, to),
    reverseRange: (from, to) => rows.reverseRange(from, to),
    all: () => rows.all(),
    prefixScan: (prefix) => rows.prefixScan(prefix),
    approximateNumEntries: () => rows.approximateNumEntries(),
  }
}
