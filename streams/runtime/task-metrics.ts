/** What a task measures per operator and store, as its thread hands it to whoever looks (`KafkaStreams.metrics`). */
import type { DropReason } from '../graph/dropped.ts'
import { type LatencySnapshot, sumLatencies } from '../metrics/latency-histogram.ts'
import type { TaskCore } from './core.ts'
import type { RuntimeNode } from './processor-node.ts'

/** Operations on the rows of a store by this task's processors; a put into a windowed or versioned store may be several. */
export interface StoreCounters {
  gets: number
  puts: number
  deletes: number
  ranges: number
}

export interface NodeSnapshot {
  /** Name in the topology; unique there. */
  readonly node: string
  /** Records it was given. */
  readonly processed: number
  /** Records it gave up for good: skipped, dead-lettered, or the end of the thread. */
  readonly failed: number
  /** Records that ended there without a result, by reason. */
  readonly dropped: { readonly [reason in DropReason]?: number }
  /** From a record's timestamp to its end there. Only where a graph begins, ends or has awaited. */
  readonly latency?: LatencySnapshot
  /** Times its circuit breaker has opened; absent without one. */
  readonly circuitOpened?: number
}

export interface StoreSnapshot extends Readonly<StoreCounters> {
  readonly store: string
  /** Records that came too late to be kept. */
  readonly expired: number
}

export interface TaskMeasurements {
  readonly nodes: readonly NodeSnapshot[]
  readonly stores: readonly StoreSnapshot[]
  readonly punctuated: number
  readonly retried: number
  /** By how much records were older than stream time, ms, in all. */
  readonly latenessMs: number
  /** Input partitions with records that wait, these records (at most), and their bytes. */
  readonly activeBuffers: number
  readonly bufferedRecords: number
  readonly bufferedBytes: number
}

/** The counters of a store; they outlive its incarnations. */
export function storeCounters(core: TaskCore, store: string): StoreCounters {
  let counters = core.storeCounters.get(store)
  if (counters === undefined) {
    counters = { gets: 0, puts: 0, deletes: 0, ranges: 0 }
    core.storeCounters.set(store, counters)
  }
  return counters
}

export function measureTask(core: TaskCore, nodes: ReadonlyMap<string, RuntimeNode>): TaskMeasurements {
  const { counters, drops, failures, group } = core
  const { queues } = group
  return {
    nodes: [...nodes.values()].map(({ name, processed, latency, circuit }) => ({
      node: name,
      processed,
      failed: failures.get(name) ?? 0,
      dropped: Object.fromEntries(drops.get(name) ?? []),
      ...(latency === undefined ? {} : { latency: latency.snapshot() }),
      ...(circuit === undefined ? {} : { circuitOpened: circuit.opened }),
    })),
    stores: [...core.storeCounters].map(([store, each]) => ({ store, ...each, expired: drops.get(store)?.get('expired') ?? 0 })),
    punctuated: counters.punctuated,
    retried: counters.retried,
    latenessMs: group.latenessMs,
    activeBuffers: queues.filter((queue) => queue.hasHead).length,
    bufferedRecords: queues.reduce((sum, queue) => sum + queue.bufferedRecords, 0),
    bufferedBytes: queues.reduce((sum, queue) => sum + queue.bufferedBytes, 0),
  }
}

/** Of several tasks as one: by node, by store. */
export function sumMeasurements(list: readonly TaskMeasurements[]): TaskMeasurements {
  const sum = (value: (each: TaskMeasurements) => number) => list.reduce((total, each) => total + value(each), 0)
  return {
    nodes: merged(list.flatMap(({ nodes }) => nodes), ({ node }) => node, addNodes),
    stores: merged(list.flatMap(({ stores }) => stores), ({ store }) => store, addStores),
    punctuated: sum((each) => each.punctuated),
    retried: sum((each) => each.retried),
    latenessMs: sum((each) => each.latenessMs),
    activeBuffers: sum((each) => each.activeBuffers),
    bufferedRecords: sum((each) => each.bufferedRecords),
    bufferedBytes: sum((each) => each.bufferedBytes),
  }
}

function merged<T>(list: readonly T[], name: (each: T) => string, add: (a: T, b: T) => T): T[] {
  const sums = new Map<string, T>()
  for (const each of list) {
    const sum = sums.get(name(each))
    sums.set(name(each), sum === undefined ? each : add(sum, each))
  }
  return [...sums.values()]
}

function addNodes(a: NodeSnapshot, b: NodeSnapshot): NodeSnapshot {
  const dropped: { [reason in DropReason]?: number } = { ...a.dropped }
  for (const [reason, count] of Object.entries(b.dropped) as [DropReason, number][]) {
    dropped[reason] = (dropped[reason] ?? 0) + count
  }
  const latencies = [a.latency, b.latency].filter((each) => each !== undefined)
  const opened = a.circuitOpened ?? b.circuitOpened
  return {
    node: a.node,
    processed: a.processed + b.processed,
    failed: a.failed + b.failed,
    dropped,
    ...(latencies.length === 0 ? {} : { latency: sumLatencies(latencies) }),
    ...(opened === undefined ? {} : { circuitOpened: (a.circuitOpened ?? 0) + (b.circuitOpened ?? 0) }),
  }
}

function addStores(a: StoreSnapshot, b: StoreSnapshot): StoreSnapshot {
  return { store: a.store, gets: a.gets + b.gets, puts: a.puts + b.puts, deletes: a.deletes + b.deletes, ranges: a.ranges + b.ranges, expired: a.expired + b.expired }
}
