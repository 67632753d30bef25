/** An application without brokers: its stores are memory databases, its threads answer from them as real ones do. */
import { type DatabaseTaskState, openMemoryTaskState, storeClock, type StoreView } from 'millrace-state-stores'
import { buildTopology, type StreamsBuilder, type Topology } from '../../index.ts'
import type { StoreDefinition } from '../../graph/topology.ts'
import { partitionFor } from '../../kafka/partitioner.ts'
import { GroupMetadata, type StreamsMetadata } from '../../queries/group-metadata.ts'
import type { PageAnswer, PageRequest } from '../../queries/page.ts'
import { encodeRows } from '../../queries/rows-codec.ts'
import { readPage } from '../../queries/store-reader.ts'
import { StoreQueries } from '../../queries/store-queries.ts'
import { NO_HEADERS } from '../../record.ts'
import { storeSpecs } from '../../runtime/stores.ts'
import { typedStore } from '../../runtime/typed-stores.ts'

export class MemoryApp {
  readonly topology: Topology
  readonly queries: StoreQueries
  /** What was asked, in order. */
  readonly asked: PageRequest[] = []
  readonly #states: DatabaseTaskState[]

  constructor(describe: (b: StreamsBuilder) => void, partitions = 1, elsewhere?: (owner: StreamsMetadata, request: PageRequest) => Promise<PageAnswer>) {
    this.topology = buildTopology(describe, { applicationId: 'asked' })
    const [subtopology] = this.topology.subtopologies
    this.#states = Array.from({ length: partitions }, () => openMemoryTaskState(storeSpecs(subtopology!)))
    this.queries = new StoreQueries({
      processId: () => 'here',
      topology: () => this.topology,
      ready: () => Promise.resolve(),
      partitions: () => Promise.resolve(partitions),
      metadata: new GroupMetadata({ topology: () => this.topology, describe: () => Promise.reject(new Error('no group')) }),
      ask: (request) => Promise.resolve([this.#answer(request)]),
      call: (owner, request) => elsewhere!(owner, request),
    })
  }

  definition(name: string): StoreDefinition {
    return this.topology.subtopologies.flatMap(({ stores }) => stores).find((store) => store.name === name)!
  }

  /** Ranges of its databases that are still open; none may outlive its page. */
  get openIterators(): number {
    return this.#states.reduce((sum, { database }) => sum + database.openIterators, 0)
  }

  committed(name: string): StoreView {
    return this.#states[0]!.committed(name)
  }

  /** Writes into the store of a key's partition, and commits. */
  write(name: string, key: string, run: (store: never) => void): void {
    const state = this.#states[partitionFor(Buffer.from(key), this.#states.length)]!
    this.fill(state, name, run)
    state.freeze()
    state.applyFrozenNow(new Map())
  }

  /** Writes without a commit. */
  begin(name: string, key: string, run: (store: never) => void): void {
    this.fill(this.#states[partitionFor(Buffer.from(key), this.#states.length)]!, name, run)
  }

  private fill(state: DatabaseTaskState, name: string, run: (store: never) => void): void {
    const { key, value, ...rest } = this.definition(name)
    const format = {
      serializeKey: (each: unknown) => key.serialize('', each, NO_HEADERS),
      deserializeKey: (bytes: Uint8Array) => key.deserialize('', bytes, NO_HEADERS) as unknown,
      serializeValue: (each: unknown) => value.serialize('', each, NO_HEADERS),
      deserializeValue: (bytes: Uint8Array) => value.deserialize('', bytes, NO_HEADERS) as unknown,
    }
    run(typedStore({ key, value, ...rest }, state.store(name), format, { clock: storeClock(0), now: () => 0 }) as never)
  }

  #answer(request: PageRequest): PageAnswer {
    this.asked.push(request)
    const state = this.#states[request.partition]
    if (state === undefined) {
      return { kind: 'absent' }
    }
    const { rows, cursor } = readPage(this.definition(request.store), state.committed(request.store), { time: 0, highest: 1e15, advance: () => undefined }, request.query, request.maxRows, request.cursor)
    return { kind: 'page', rows: encodeRows(rows), ...(cursor === undefined ? {} : { cursor }), position: { 'in-0': 3 }, active: true, lag: 0 }
  }
}
