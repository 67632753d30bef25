/** Queries as an application asks them: finds who has the store's partition, here or elsewhere, and reads page after page. */
import { setTimeout as delay } from 'node:timers/promises'
import { StreamsError, type StreamsErrorCode } from '../errors.ts'
import { matchesTopic } from '../graph/topic-patterns.ts'
import type { StoreDefinition, Subtopology, Topology } from '../graph/topology.ts'
import { partitionFor } from '../kafka/partitioner.ts'
import type { GroupMetadata, KeyQueryMetadata, StreamsMetadata } from './group-metadata.ts'
import { whoHas } from './group-metadata.ts'
import type { Bytes, Page, PageAnswer, PageRequest, PlainPosition, PlainQuery } from './page.ts'
import { keyBytes, keyOf, plainQuery, typedRow, type TypedRow } from './plain.ts'
import type { Query } from './query.ts'
import { decodeRows } from './rows-codec.ts'
import { MAX_WAIT_MS } from './wire.ts'

/** Offsets of input records by topic and partition. As a result: the next offset of each input, as committed. */
export type Position = { readonly [topic: string]: { readonly [partition: number]: number } }

export interface QueryOptions {
  /** Asks the instance that has the key or partition, if it is not this one. Default false: `QUERY_NOT_PRESENT`. */
  readonly routed?: boolean
  /** This partition only. Default: that of the key by Kafka's default partitioner, or every partition. */
  readonly partition?: number
  /** A standby may answer if it is at most so many records behind its changelogs. Default: only the active task. */
  readonly maxLag?: number
  /**
   * Offsets of records this application has produced to the inputs of the store's subtopology: the answer has taken them in
   * (read your own write). Only active tasks can know.
   */
  readonly position?: Position
  /** Longest wait for `position`, and of a routed query for an owner while tasks move, ms. Default 5 000. */
  readonly timeoutMs?: number
}

/** Where an answer comes from. */
export interface QuerySource {
  readonly partition: number
  /** Next offset of each input of the task, as committed with what was answered; empty for a standby. */
  readonly position: Position
  /** False: a standby answered. */
  readonly active: boolean
  /** Records by which a standby was behind its changelogs. */
  readonly lag: number
}

export interface QueryResult<V> extends QuerySource {
  readonly value: V | undefined
  readonly timestamp?: number
}

/** Rows as they come, partition by partition; each partition in the order the query says. Every page is a state of its own. */
export interface QueryRows<R> extends AsyncIterable<R> {
  /** Of the pages read so far, by partition. */
  readonly sources: ReadonlyMap<number, QuerySource>
}

export interface StoreQueriesOptions {
  readonly processId: () => string
  /** Throws `NOT_RUNNING`. */
  readonly topology: () => Topology
  /** Opens the serdes of this side once. */
  readonly ready: () => Promise<void>
  /** Partition count of the topic that has most. */
  readonly partitions: (topics: readonly string[]) => Promise<number>
  readonly metadata: GroupMetadata
  /** Asks the threads of this process. */
  readonly ask: (request: PageRequest) => Promise<readonly PageAnswer[]>
  /** Asks another instance. */
  readonly call: (owner: StreamsMetadata, request: PageRequest) => Promise<PageAnswer>
}

export interface QueriedStore {
  readonly definition: StoreDefinition
  /** Undefined: a global table, whole on every instance. */
  readonly subtopology: Subtopology | undefined
}

const TIMEOUT_MS = 5_000
/** Between two tries while tasks move; an assignment takes a heartbeat. Prevents a busy loop. */
const RETRY_MS = 50
const PAGE_ROWS = 1_000
/** What an owner that is moving, or dead, says. */
const PASSING: ReadonlySet<StreamsErrorCode> = new Set(['QUERY_REBALANCING', 'QUERY_NOT_PRESENT', 'QUERY_NOT_ACTIVE', 'QUERY_OWNER_UNREACHABLE'])

export class StoreQueries {
  readonly #options: StoreQueriesOptions
  readonly #counts = new Map<string, number>()

  constructor(options: StoreQueriesOptions) {
    this.#options = options
  }

  /** Of this process, as the metadata of the group names it. */
  get processId(): string {
    return this.#options.processId()
  }

  /** Every store that can be asked. Throws `NOT_RUNNING`. */
  stores(): readonly QueriedStore[] {
    const { subtopologies, globalTables } = this.#options.topology()
    return [
      ...subtopologies.flatMap((subtopology) => {
        // What the engine keeps for itself is nobody's answer: what is held back, what waits for a call.
        const pending = new Set([...subtopology.nodes.values()].flatMap((node) => (node.kind === 'async' ? [node.inFlightStore] : [])))
        return subtopology.stores.filter(({ kind, name }) => kind !== 'buffer' && !pending.has(name)).map((definition) => ({ definition, subtopology }))
      }),
      ...globalTables.map(({ store, storeName }) => ({ definition: { ...store, name: storeName }, subtopology: undefined })),
    ]
  }

  /** Throws `QUERY_STORE_UNKNOWN`. */
  store(name: string): QueriedStore {
    const stores = this.stores()
    const found = stores.find(({ definition }) => definition.name === name)
    if (found === undefined) {
      throw new StreamsError('QUERY_STORE_UNKNOWN', `There is no store ${JSON.stringify(String(name).slice(0, 100))}; there are: ${stores.map(({ definition }) => definition.name).join(', ') || 'none'}.`)
    }
    return found
  }

  async partitions({ definition, subtopology }: QueriedStore): Promise<number> {
    if (subtopology === undefined) {
      return 1
    }
    let count = this.#counts.get(subtopology.name)
    if (count === undefined) {
      // A changelog has a partition for each task, whatever a pattern matches.
      const byPattern = definition.changelog !== undefined && subtopology.sources.some(({ pattern }) => pattern !== undefined)
      count = await this.#options.partitions(byPattern ? [definition.changelog] : subtopology.sources.flatMap(({ topics }) => topics))
      this.#counts.set(subtopology.name, count)
    }
    return count
  }

  async partitionOf(store: QueriedStore, key: Bytes): Promise<number> {
    return store.subtopology === undefined ? 0 : partitionFor(key, await this.partitions(store))
  }

  async metadataForKey(name: string, key: Bytes | number): Promise<KeyQueryMetadata> {
    const store = this.store(name)
    return whoHas(await this.#options.metadata.view(), name, typeof key === 'number' ? key : await this.partitionOf(store, key))
  }

  async metadataForStore(name: string): Promise<readonly StreamsMetadata[]> {
    this.store(name)
    const { processes } = await this.#options.metadata.view()
    return processes.filter(({ stores, standbyStores }) => stores.has(name) || standbyStores.has(name))
  }

  async metadataForAll(): Promise<readonly StreamsMetadata[]> {
    return (await this.#options.metadata.view()).processes
  }

  keyBytes(name: string, key: unknown): Bytes {
    return keyBytes(this.store(name).definition, key)
  }

  /** One value. Rejects with a `QUERY_…` code. */
  async single(name: string, query: Query, options: QueryOptions = {}): Promise<QueryResult<unknown>> {
    await this.#options.ready()
    const store = this.store(name)
    const plain = plainQuery(store.definition, query)
    const partition = options.partition ?? (await this.partitionOf(store, keyOf(plain)!))
    const page = await this.#page(store, plain, partition, options, 1)
    const row = decodeRows(page.rows)[0]
    return { value: undefined, ...(row === undefined ? {} : typedRow(store.definition, plain, row, undefined)), ...sourceOf(page, partition) }
  }

  /** Rows. Iterating rejects with a `QUERY_…` code. `wanted`: nobody reads more than so many. */
  rows(name: string, query: Query, options: QueryOptions = {}, wanted = PAGE_ROWS): QueryRows<TypedRow> {
    const sources = new Map<number, QuerySource>()
    return { sources, [Symbol.asyncIterator]: () => this.#rows(name, query, options, Math.min(Math.max(wanted, 1), PAGE_ROWS), sources) }
  }

  async *#rows(name: string, query: Query, options: QueryOptions, maxRows: number, sources: Map<number, QuerySource>): AsyncGenerator<TypedRow, undefined> {
    await this.#options.ready()
    const store = this.store(name)
    const plain = plainQuery(store.definition, query)
    const key = keyOf(plain)
    const one = options.partition ?? (key === undefined ? undefined : await this.partitionOf(store, key))
    const partitions = one === undefined ? Array.from({ length: await this.partitions(store) }, (_, partition) => partition) : [one]
    let found = 0
    for (const partition of partitions) {
      let cursor: Bytes | undefined
      do {
        let page: Page
        try {
          page = await this.#page(store, plain, partition, options, maxRows, cursor)
        } catch (error) {
          // Of a store that is spread over instances this one answers what it has.
          if (one === undefined && options.routed !== true && (error as StreamsError).code === 'QUERY_NOT_PRESENT') {
            break
          }
          throw error
        }
        found++
        sources.set(partition, sourceOf(page, partition))
        for (const row of decodeRows(page.rows)) {
          yield typedRow(store.definition, plain, row, 'key' in query ? query.key : undefined)
        }
        cursor = page.cursor
      } while (cursor !== undefined)
    }
    if (found === 0) {
      throw notPresent(name, undefined)
    }
    return undefined
  }

  /** A page from whoever has it. */
  async #page(store: QueriedStore, query: PlainQuery, partition: number, options: QueryOptions, maxRows: number, cursor?: Bytes): Promise<Page> {
    const { timeoutMs = TIMEOUT_MS, maxLag, routed = false } = checked(options)
    const { name } = store.definition
    const bound = boundOf(store, options.position)
    const until = performance.now() + timeoutMs
    let notBefore: number | undefined
    for (;;) {
      const asked = performance.now()
      const request: PageRequest = {
        store: name,
        partition,
        query,
        ...(cursor === undefined ? {} : { cursor }),
        maxRows,
        ...(maxLag === undefined ? {} : { maxLag }),
        ...(bound === undefined ? {} : { bound }),
        waitMs: Math.max(0, Math.floor(until - asked)),
      }
      const answer = await this.#try(store, request, routed, notBefore)
      if (answer.kind === 'page') {
        return answer
      }
      const error = answer.kind === 'absent' ? notPresent(name, partition) : new StreamsError(answer.code, answer.message)
      if (!routed || !PASSING.has(error.code) || performance.now() + RETRY_MS >= until) {
        throw error
      }
      // What the group said before is what did not help.
      notBefore = performance.now()
      await delay(RETRY_MS)
    }
  }

  async #try(store: QueriedStore, request: PageRequest, routed: boolean, notBefore: number | undefined): Promise<PageAnswer> {
    const here = best(await this.#options.ask(request))
    if (here.kind === 'page' || !routed || store.subtopology === undefined || (here.kind === 'failure' && !PASSING.has(here.code))) {
      return here
    }
    try {
      const { active, standbys } = whoHas(await this.#options.metadata.view(notBefore), request.store, request.partition)
      const owners = [active, ...(request.maxLag === undefined ? [] : standbys)].filter((owner) => owner !== undefined && owner.processId !== this.#options.processId()) as StreamsMetadata[]
      let answer: PageAnswer = here.kind === 'failure' ? here : { kind: 'failure', code: 'QUERY_REBALANCING', message: `Nobody has partition ${request.partition} of the store '${request.store}' at the moment.` }
      for (const owner of owners) {
        answer = best([await this.#options.call(owner, request).catch((error: StreamsError): PageAnswer => ({ kind: 'failure', code: error.code ?? 'QUERY_OWNER_UNREACHABLE', message: error.message }))])
        if (answer.kind === 'page') {
          return answer
        }
      }
      return answer
    } catch (error) {
      if (error instanceof StreamsError && error.code === 'QUERY_REBALANCING') {
        return { kind: 'failure', code: error.code, message: error.message }
      }
      throw error
    }
  }
}

function best(answers: readonly PageAnswer[]): PageAnswer {
  return answers.find(({ kind }) => kind === 'page') ?? answers.find(({ kind }) => kind === 'failure') ?? { kind: 'absent' }
}

function notPresent(store: string, partition: number | undefined): StreamsError {
  const what = partition === undefined ? 'No partition' : `Partition ${partition}`
  return new StreamsError('QUERY_NOT_PRESENT', `${what} of the store '${store}' is on this instance: ask with routed: true, or the instance that queryMetadataForKey names.`)
}

function checked(options: QueryOptions): QueryOptions {
  for (const [name, most] of [['partition', 2 ** 31], ['maxLag', Number.MAX_SAFE_INTEGER], ['timeoutMs', MAX_WAIT_MS]] as const) {
    const value = options[name]
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0 || value > most)) {
      throw new StreamsError('QUERY_INVALID', `${name} must be a whole number from 0 to ${most}.`)
    }
  }
  return options
}

/** Throws `QUERY_INVALID` for a topic the store's task does not read: nothing would ever come from there. */
function boundOf({ definition, subtopology }: QueriedStore, position: Position | undefined): PlainPosition | undefined {
  if (position === undefined) {
    return undefined
  }
  const inputs = new Set(subtopology?.sources.flatMap(({ topics }) => topics))
  const bound: { [topicPartition: string]: number } = {}
  for (const [topic, offsets] of Object.entries(position)) {
    if (!inputs.has(topic) && subtopology?.sources.some(({ pattern }) => pattern !== undefined && matchesTopic(pattern, topic)) !== true) {
      throw new StreamsError('QUERY_INVALID', `position names a topic that does not feed the store '${definition.name}'; its task reads: ${[...inputs].join(', ') || 'none'}.`)
    }
    for (const [partition, offset] of Object.entries(offsets)) {
      if (!Number.isSafeInteger(offset) || offset < 0 || !/^\d{1,10}$/.test(partition)) {
        throw new StreamsError('QUERY_INVALID', 'position must be { topic: { partition: offset } } with whole numbers.')
      }
      bound[`${topic}-${partition}`] = offset
    }
  }
  return bound
}

function sourceOf({ position, active, lag }: Page, partition: number): QuerySource {
  const byTopic: { [topic: string]: { [partition: number]: number } } = Object.create(null)
  for (const [input, offset] of Object.entries(position)) {
    const at = input.lastIndexOf('-')
    const topic = input.slice(0, at)
    byTopic[topic] ??= {}
    byTopic[topic][Number(input.slice(at + 1))] = offset
  }
  return { partition, position: byTopic, active, lag }
}
