/** What the live page shows of an application: its operators, stores and tasks, and who has which task. Pure. */
import type { Topology } from '../graph/topology.ts'
import { LATENCY_BOUNDS_MS, type LatencySnapshot } from '../metrics/latency-histogram.ts'
import type { StreamsMetadata } from '../queries/group-metadata.ts'
import { sumMeasurements } from '../runtime/task-metrics.ts'
import type { TaskSnapshot, ThreadSnapshot } from '../runtime/thread-counters.ts'

/** Counters since the application was started here; a page that asks again makes rates of them. */
export interface LiveNode {
  readonly processed: number
  /** Records it gave up for good. */
  readonly failed: number
  /** Records that ended there without a result. */
  readonly dropped: number
  /** Asynchronous operators only. */
  readonly inFlight?: { readonly pending: number; readonly running: number; readonly parked: number; readonly circuit?: string }
  /** From a record's timestamp to its end there, ms: upper bounds of powers of two. Only where a graph begins, ends or has awaited. */
  readonly latency?: { readonly p50: number; readonly p99: number }
}

export interface LiveStore {
  readonly gets: number
  readonly puts: number
  readonly deletes: number
  readonly ranges: number
}

export interface LiveTask extends Pick<TaskSnapshot, 'id' | 'status' | 'lag' | 'inFlight' | 'processed' | 'deadLettered' | 'restored' | 'remaining' | 'stateBytes'> {
  readonly thread: number
  /** Standbys and warm-ups: records behind; null: not known yet. */
  readonly copyLag?: number | null
}

export interface LiveInstance {
  readonly processId: string
  /** host:port of its connections to other instances. */
  readonly endpoint: string | undefined
  readonly tasks: readonly string[]
  readonly standbyTasks: readonly string[]
}

export interface LiveStatus {
  /** ms since the epoch */
  readonly at: number
  readonly state: string
  readonly threads: readonly { readonly thread: number; readonly state: string; readonly membership: string }[]
  /** By name; of this instance. */
  readonly nodes: { readonly [name: string]: LiveNode }
  readonly stores: { readonly [name: string]: LiveStore }
  readonly tasks: readonly LiveTask[]
  /** Of the whole group; undefined while it is rebalancing. */
  readonly instances: readonly LiveInstance[] | undefined
}

/** Objects without a prototype: a node may be called `__proto__`. */
const emptyMap = <T>(): { [name: string]: T } => Object.create(null) as { [name: string]: T }

export function liveStatus(at: number, state: string, topology: Topology, threads: readonly ThreadSnapshot[], instances: readonly StreamsMetadata[] | undefined): LiveStatus {
  const tasks = threads.flatMap(({ thread, tasks: own }) => own.map((task) => ({ thread, task })))
  const measured = sumMeasurements(threads.flatMap(({ left, tasks: own }) => [left, ...own.map((task) => task.measured)]).filter((each) => each !== undefined))
  const nodes = emptyMap<LiveNode>()
  for (const subtopology of topology.subtopologies) {
    for (const name of subtopology.nodes.keys()) {
      nodes[name] = { processed: 0, failed: 0, dropped: 0 }
    }
  }
  for (const { node, processed, failed, dropped, latency } of measured.nodes) {
    const ended = Object.values(dropped).reduce((sum, count) => sum + count, 0)
    nodes[node] = { processed, failed, dropped: ended, ...(latency === undefined || latency.count === 0 ? {} : { latency: { p50: percentile(latency, 0.5), p99: percentile(latency, 0.99) } }) }
  }
  for (const { operator, pending, running, parked, circuit } of tasks.flatMap(({ task }) => task.operators)) {
    const before = nodes[operator]?.inFlight ?? { pending: 0, running: 0, parked: 0 }
    // One task that sees its dependency fail is what an operator wants to know of.
    const worst = circuit === undefined || before.circuit === 'open' ? before.circuit : circuit.state
    nodes[operator] = {
      ...(nodes[operator] ?? { processed: 0, failed: 0, dropped: 0 }),
      inFlight: { pending: before.pending + pending, running: before.running + running, parked: before.parked + parked, ...(worst === undefined ? {} : { circuit: worst }) },
    }
  }
  const stores = emptyMap<LiveStore>()
  for (const { store, gets, puts, deletes, ranges } of measured.stores) {
    stores[store] = { gets, puts, deletes, ranges }
  }
  return {
    at,
    state,
    threads: threads.map(({ thread, state: own, membership }) => ({ thread, state: own, membership })),
    nodes,
    stores,
    tasks: tasks.map(({ thread, task }) => liveTask(thread, task)).sort((a, b) => (a.id < b.id ? -1 : 1)),
    instances: instances?.map(({ processId, endpoint, tasks: active, standbyTasks }) => ({
      processId, endpoint: endpoint === undefined ? undefined : `${endpoint.host}:${endpoint.port}`, tasks: active, standbyTasks,
    })),
  }
}

function liveTask(thread: number, { id, status, lag, inFlight, processed, deadLettered, restored, remaining, stateBytes, copy }: TaskSnapshot): LiveTask {
  return {
    id, thread, status, lag, inFlight, processed, deadLettered, restored,
    ...(remaining === undefined ? {} : { remaining }),
    ...(stateBytes === undefined ? {} : { stateBytes }),
    ...(copy === undefined ? {} : { copyLag: copy.lag ?? null }),
  }
}

/** The bound of the bucket that holds it; what is above the last bound counts as the last. */
function percentile({ count, buckets }: LatencySnapshot, part: number): number {
  let below = 0
  const at = buckets.findIndex((number) => (below += number) >= count * part)
  return LATENCY_BOUNDS_MS[Math.min(Math.max(at, 0), LATENCY_BOUNDS_MS.length - 1)]!
}
