/** Queries as a stream thread answers them: between two turns, from what its tasks and copies have committed. */
import { storeClock, type StoreClock, type TaskState } from 'millrace-state-stores'
import type { StreamsErrorCode } from '../errors.ts'
import { StreamsError } from '../errors.ts'
import type { GlobalTable, StoreDefinition } from '../graph/topology.ts'
import type { Task } from '../runtime/task.ts'
import type { TaskEntry } from '../runtime/task-entry.ts'
import type { ThreadCounters } from '../runtime/thread-counters.ts'
import type { PageAnswer, PageFailure, PageRequest, PlainPosition } from './page.ts'
import { encodeRows } from './rows-codec.ts'
import { readPage, SLICE_MS } from './store-reader.ts'

export interface ThreadQueriesOptions {
  /** Tasks and copies of the thread. */
  readonly entries: () => Iterable<TaskEntry>
  readonly globals: () => { readonly state: TaskState | undefined; readonly tables: readonly GlobalTable[] }
  readonly counters: Pick<ThreadCounters, 'queries' | 'queryErrors' | 'queryMs' | 'queryRows'>
}

interface Asked {
  readonly request: PageRequest
  readonly answer: (answer: PageAnswer) => void
}

interface Waiting extends Asked {
  readonly timer: NodeJS.Timeout
}

/** Queries of a thread that wait for a position at once; prevents that a client which never gets there fills the memory. */
const MAX_WAITING = 1_000
/** Copies know no time: they show what has not been deleted. Later than any date. */
const NO_TIME: StoreClock = { time: -1, highest: 8_640_000_000_000_000, advance: () => undefined }

export class ThreadQueries {
  readonly #options: ThreadQueriesOptions
  readonly #asked: Asked[] = []
  readonly #waiting = new Set<Waiting>()

  constructor(options: ThreadQueriesOptions) {
    this.#options = options
  }

  /** Never rejects; waits for its turn, and for a position bound. */
  page(request: PageRequest): Promise<PageAnswer> {
    const { counters } = this.#options
    return new Promise((resolve) => {
      const answer = (given: PageAnswer): void => {
        counters.queries++
        counters.queryErrors += given.kind === 'failure' ? 1 : 0
        resolve(given)
      }
      this.#asked.push({ request, answer })
      if (this.#asked.length === 1) {
        setImmediate(() => this.#turn())
      }
    })
  }

  /** One slice for all that have asked: however many there are, records have their turns in between (rule C10). */
  #turn(): void {
    const end = performance.now() + SLICE_MS
    let done = 0
    while (done < this.#asked.length && (done === 0 || performance.now() < end)) {
      this.#take(this.#asked[done++]!)
    }
    this.#asked.splice(0, done)
    if (this.#asked.length > 0) {
      setImmediate(() => this.#turn())
    }
  }

  #take(asked: Asked): void {
    const { request, answer } = asked
    const given = this.#answer(request)
    if (given.kind !== 'failure' || given.code !== 'QUERY_NOT_UP_TO_BOUND' || request.waitMs <= 0 || this.#waiting.size >= MAX_WAITING) {
      answer(given)
      return
    }
    const timer = setTimeout(() => {
      this.#waiting.delete(waiting)
      answer(this.#answer(request))
    }, request.waitMs)
    const waiting: Waiting = { request, answer, timer }
    this.#waiting.add(waiting)
  }

  /** A task has committed: who waited for it may have an answer now. */
  committed(): void {
    for (const waiting of this.#waiting) {
      const answer = this.#answer(waiting.request)
      if (answer.kind !== 'failure' || answer.code !== 'QUERY_NOT_UP_TO_BOUND') {
        this.#waiting.delete(waiting)
        clearTimeout(waiting.timer)
        waiting.answer(answer)
      }
    }
  }

  /** The thread stops: nobody waits any longer. */
  close(): void {
    for (const { answer, timer } of this.#waiting) {
      clearTimeout(timer)
      answer({ kind: 'absent' })
    }
    this.#waiting.clear()
    for (const { answer } of this.#asked.splice(0)) {
      answer({ kind: 'absent' })
    }
  }

  #answer(request: PageRequest): PageAnswer {
    const { counters } = this.#options
    const started = performance.now()
    const answer = this.#read(request)
    counters.queryMs += performance.now() - started
    return answer
  }

  #read(request: PageRequest): PageAnswer {
    try {
      return this.#global(request) ?? this.#task(request)
    } catch (error) {
      const code = error instanceof StreamsError ? error.code : 'QUERY_FAILED'
      return failure(code, code === 'QUERY_FAILED' ? `The store '${request.store}' could not be read: ${(error as Error).message}` : (error as Error).message)
    }
  }

  #global(request: PageRequest): PageAnswer | undefined {
    const { state, tables } = this.#options.globals()
    const table = tables.find(({ storeName }) => storeName === request.store)
    if (table === undefined) {
      return undefined
    }
    if (state === undefined) {
      return failure('QUERY_REBALANCING', `The global table '${request.store}' is not loaded yet.`)
    }
    return this.#page(request, table.store, state, storeClock(), { position: {}, active: true, lag: 0 })
  }

  #task(request: PageRequest): PageAnswer {
    const { store, partition, maxLag, bound } = request
    const found = this.#find(store, partition)
    if (found === undefined) {
      return { kind: 'absent' }
    }
    const { entry, definition } = found
    const { state } = entry
    if (entry.status === 'running' && state !== undefined) {
      const position: PlainPosition = Object.fromEntries(entry.committed)
      const behind = Object.entries(bound ?? {}).find(([input, offset]) => entry.inputs.some(({ topic, partition }) => `${topic}-${partition}` === input) && !((position[input] ?? -1) > offset))
      if (behind !== undefined) {
        return failure('QUERY_NOT_UP_TO_BOUND', `The store '${store}' of task ${entry.id} has committed ${behind[0]} up to ${position[behind[0]] ?? 'nothing'}; asked for was offset ${behind[1]}.`)
      }
      return this.#page(request, definition, state, (entry.task as Task).timeOf(store), { position, active: true, lag: 0 })
    }
    if (entry.status !== 'standby') {
      return failure('QUERY_REBALANCING', `Task ${entry.id} is ${entry.status} on this instance: ask again in a moment.`)
    }
    const lag = entry.changelogLag
    if (maxLag === undefined || bound !== undefined) {
      return failure('QUERY_NOT_ACTIVE', `Task ${entry.id} is a copy on this instance${bound === undefined ? ': allow it with maxLag, or ask the instance that has the active task.' : ', which knows no positions of inputs: ask the active task.'}`)
    }
    if (state === undefined || entry.rebuilding.size > 0 || lag > maxLag) {
      const how = lag === Number.MAX_SAFE_INTEGER ? 'an unknown number of' : String(lag)
      return failure('QUERY_NOT_ACTIVE', `The copy of task ${entry.id} on this instance is ${how} records behind its changelogs, ${maxLag} are allowed.`)
    }
    const clock = definition.kind === 'key-value' && definition.ttlByWallClock === true ? storeClock(Date.now()) : NO_TIME
    return this.#page(request, definition, state, clock, { position: {}, active: false, lag })
  }

  #page({ query, maxRows, cursor, store }: PageRequest, definition: StoreDefinition, state: TaskState, clock: StoreClock, about: { readonly position: PlainPosition; readonly active: boolean; readonly lag: number }): PageAnswer {
    const { counters } = this.#options
    const read = readPage(definition, state.committed(store), clock, query, maxRows, cursor)
    counters.queryRows += read.rows.length
    return { kind: 'page', rows: encodeRows(read.rows), ...(read.cursor === undefined ? {} : { cursor: Uint8Array.from(read.cursor) }), ...about }
  }

  #find(store: string, partition: number): { readonly entry: TaskEntry; readonly definition: StoreDefinition } | undefined {
    for (const entry of this.#options.entries()) {
      const definition = entry.partition === partition && entry.status !== 'closed' ? entry.subtopology.stores.find(({ name }) => name === store) : undefined
      if (definition !== undefined) {
        return { entry, definition }
      }
    }
    return undefined
  }
}

function failure(code: StreamsErrorCode, message: string): PageFailure {
  return { kind: 'failure', code, message }
}
