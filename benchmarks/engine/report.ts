/** From runs to figures: medians, bars, and what is printed and written. */
import { cpus, release, totalmem } from 'node:os'
import process from 'node:process'
import type { Engine, EngineName } from './engines.ts'
import type { FailoverRun } from './failover.ts'
import type { LatencyRun } from './latency.ts'
import type { BenchmarkOptions, Workload } from './options.ts'
import { FULL_KEYS, FULL_RECORDS } from './options.ts'
import type { MeasuredRun, ThroughputRun } from './throughput.ts'

/** One line of the result: the medians of an engine's counted runs, or one run. */
export interface Row {
  readonly workload: Workload
  readonly engine: EngineName
  readonly threads: number
  readonly guarantee: 'exactly_once_v2'
  readonly recordsPerSecond: number
  readonly cpuMicrosPerRecord: number
  readonly rssMiB: number
  /** Of what is worked off, between a quarter and nine tenths of the outputs. */
  readonly steadyRecordsPerSecond: number | null
  readonly steadyCpuMicrosPerRecord: number | null
  /** Latencies are null where the workload has none. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
  /** From the SIGKILL of a process to new output in every partition. */
  readonly failoverMs: number | null
}

export interface RunRow extends Row {
  readonly run: number
  readonly outputs: 'right' | readonly string[]
  /** Processors kept busy by everything that was not the engine: broker, generator, other load. */
  readonly otherCores: number
}

export interface Bar {
  readonly name: string
  readonly limit: string
  readonly value: number
  readonly met: boolean
  /** Told, but not held against a run. */
  readonly aim?: true
}

/** What the figures were taken on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly linux: string
  readonly node: string
}

export interface Report {
  readonly machine: Machine
  readonly kafkaStreams: string | null
  readonly quixStreams: string | null
  readonly records: number
  readonly keys: number
  /** Medians, one row per workload, number of threads and engine. */
  readonly rows: readonly Row[]
  /** Every counted run. */
  readonly runs: readonly RunRow[]
  readonly bars: readonly Bar[]
}

const GUARANTEE = 'exactly_once_v2'

export function throughputRow(workload: Workload, run: MeasuredRun | ThroughputRun, number: number, threads: number): RunRow {
  // a run that is over in one commit has no middle
  const steady = 'steadyRecordsPerSecond' in run && Number.isFinite(run.steadyRecordsPerSecond) ? run : undefined
  return {
    workload,
    engine: run.engine,
    threads,
    guarantee: GUARANTEE,
    recordsPerSecond: run.recordsPerSecond,
    cpuMicrosPerRecord: round(run.cpuMicrosPerRecord, 2),
    rssMiB: run.rssMiB,
    steadyRecordsPerSecond: steady?.steadyRecordsPerSecond ?? null,
    steadyCpuMicrosPerRecord: steady === undefined ? null : round(steady.steadyCpuMicrosPerRecord, 2),
    p50Ms: null,
    p99Ms: null,
    maxMs: null,
    failoverMs: null,
    run: number,
    outputs: run.problems.length === 0 ? 'right' : run.problems,
    otherCores: round(run.otherCores, 2),
  }
}

export function failoverRow(run: FailoverRun, number: number, threads: number): RunRow {
  return { ...throughputRow('failover', run, number, threads), failoverMs: Math.round(run.failoverMs) }
}

export function latencyRow(workload: Workload, run: LatencyRun, number: number, threads: number): RunRow {
  return {
    workload,
    engine: run.engine,
    threads,
    guarantee: GUARANTEE,
    recordsPerSecond: run.recordsPerSecond,
    cpuMicrosPerRecord: round(run.cpuMicrosPerRecord, 2),
    rssMiB: run.rssMiB,
    steadyRecordsPerSecond: null,
    steadyCpuMicrosPerRecord: null,
    p50Ms: round(run.p50Ms, 1),
    p99Ms: round(run.p99Ms, 1),
    maxMs: round(run.maxMs, 1),
    failoverMs: null,
    run: number,
    outputs: run.problems.length === 0 ? 'right' : run.problems,
    otherCores: round(run.otherCores, 2),
  }
}

export function machine(): Machine {
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), linux: release().replace(/-.*/, ''), node: process.version }
}

/** In words. */
export function describeMachine(): string {
  const { cpu, cores, memoryGiB, linux, node } = machine()
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${linux}, Node.js ${node}`
}

/** `engines`: those that ran. */
export function makeReport(runs: readonly RunRow[], options: BenchmarkOptions, engines: readonly Pick<Engine, 'name' | 'version'>[]): Report {
  const rows = options.workloads.flatMap((workload) =>
    options.threads.flatMap((threads) =>
      engines.flatMap(({ name }) => {
        const own = runs.filter((run) => run.workload === workload && run.threads === threads && run.engine === name)
        return own.length === 0 ? [] : [medians(own)]
      }),
    ),
  )
  const version = (name: EngineName): string | null => engines.find((engine) => engine.name === name)?.version ?? null
  return {
    machine: machine(),
    kafkaStreams: version('java'),
    quixStreams: version('quix-streams'),
    records: options.records,
    keys: options.keys,
    rows,
    runs,
    bars: bars(rows),
  }
}

function medians(runs: readonly RunRow[]): Row {
  const { workload, engine, threads, guarantee } = runs[0]!
  const of = (field: 'recordsPerSecond' | 'cpuMicrosPerRecord' | 'rssMiB'): number => median(runs.map((run) => run[field]))
  const ofSome = (field: 'steadyRecordsPerSecond' | 'steadyCpuMicrosPerRecord' | 'p50Ms' | 'p99Ms' | 'maxMs' | 'failoverMs'): number | null => {
    const values = runs.flatMap((run) => run[field] ?? [])
    return values.length === 0 ? null : median(values)
  }
  return {
    workload,
    engine,
    threads,
    guarantee,
    recordsPerSecond: of('recordsPerSecond'),
    cpuMicrosPerRecord: of('cpuMicrosPerRecord'),
    rssMiB: of('rssMiB'),
    steadyRecordsPerSecond: ofSome('steadyRecordsPerSecond'),
    steadyCpuMicrosPerRecord: ofSome('steadyCpuMicrosPerRecord'),
    p50Ms: ofSome('p50Ms'),
    p99Ms: ofSome('p99Ms'),
    maxMs: ofSome('maxMs'),
    failoverMs: ofSome('failoverMs'),
  }
}

/** Bars of what is worked off: with one thread throughput, with any number CPU per record, as shares of Kafka Streams'. */
const WORK_OFF_BARS: { readonly [workload in Workload]?: { readonly throughput: number; readonly cpu: number } } = {
  'keyed-rmw': { throughput: 1, cpu: 0.7 },
  'stateless-map': { throughput: 1, cpu: 0.7 },
  'rekey-window-count': { throughput: 1, cpu: 0.7 },
  'stream-table-join': { throughput: 1, cpu: 0.7 },
  // CPU is not comparable where one engine sleeps most of the time, and a restore is over before compilers are
  restore: { throughput: 0.5, cpu: Number.POSITIVE_INFINITY },
}
/** With two threads each. */
const THROUGHPUT_OF_TWO_THREADS = 1.3
const ASYNC_RECORDS_PER_SECOND = 20_000
const P99_SHARE = 1 / 3
const MEMORY_SHARE = 1
const P99_AT_10K_MS = 100
const FAILOVER_SHARE = 0.2
/** Told, but not held against a run. */
const GOALS = { throughputOfTwoThreads: 1.5, restore: 1, cpu: 0.6, p99Ms: 40, memoryMiB: 300 }

function atLeast(name: string, value: number, limit: number, aim?: true): Bar {
  return { name, limit: `at least ${limit}`, value: round(value, 2), met: value >= limit, ...(aim && { aim }) }
}

function atMost(name: string, value: number, limit: number, aim?: true): Bar {
  return { name, limit: `at most ${round(limit, 2)}`, value: round(value, 3), met: value <= limit, ...(aim && { aim }) }
}

/** What Millrace has set itself against Kafka Streams; only what was measured for both is judged. */
export function bars(rows: readonly Row[]): Bar[] {
  const ours = rows.filter(({ engine }) => engine === 'millrace')
  return ours.flatMap((row) => barsOf(row, rows.find(({ engine, workload, threads }) => engine === 'java' && workload === row.workload && threads === row.threads)))
}

function barsOf(ours: Row, javas: Row | undefined): Bar[] {
  const { workload, threads } = ours
  const found: Bar[] = []
  const bar = WORK_OFF_BARS[workload]
  const name = threads === 1 ? workload : `${workload}, ${threads} threads`
  if (bar !== undefined && javas !== undefined) {
    const throughput = ours.recordsPerSecond / javas.recordsPerSecond
    const cpu = ours.cpuMicrosPerRecord / javas.cpuMicrosPerRecord
    const two = threads === 2 && workload !== 'restore'
    found.push(atLeast(`${name}: throughput / Java's`, throughput, two ? THROUGHPUT_OF_TWO_THREADS : bar.throughput))
    if (two || workload === 'restore') {
      found.push(atLeast(`${name}: throughput / Java's`, throughput, two ? GOALS.throughputOfTwoThreads : GOALS.restore, true))
    }
    if (Number.isFinite(bar.cpu)) {
      found.push(atMost(`${name}: CPU per record / Java's`, cpu, bar.cpu), atMost(`${name}: CPU per record / Java's`, cpu, GOALS.cpu, true))
    }
  }
  if (workload === 'async-10ms') {
    found.push(atLeast(`${name}: records/s`, ours.recordsPerSecond, ASYNC_RECORDS_PER_SECOND))
  }
  if (workload === 'latency-5k' && typeof ours.p99Ms === 'number' && typeof javas?.p99Ms === 'number') {
    found.push(atMost(`${name}: p99 / Java's`, ours.p99Ms / javas.p99Ms, P99_SHARE), atMost(`${name}: p99 ms`, ours.p99Ms, GOALS.p99Ms, true))
  }
  // the engines of async-10ms get unequal numbers of events
  if (javas !== undefined && workload !== 'async-10ms') {
    found.push(atMost(`${name}: memory / Java's`, ours.rssMiB / javas.rssMiB, MEMORY_SHARE), atMost(`${name}: memory, MiB`, ours.rssMiB, GOALS.memoryMiB, true))
  }
  if (workload === 'failover' && typeof ours.failoverMs === 'number' && typeof javas?.failoverMs === 'number') {
    found.push(atMost(`${name}: time / Java's`, ours.failoverMs / javas.failoverMs, FAILOVER_SHARE))
  }
  if (workload === 'latency-10k' && typeof ours.p99Ms === 'number') {
    found.push(atMost(`${name}: p99 ms`, ours.p99Ms, P99_AT_10K_MS))
  }
  return found
}

/** Bars are stated for the full size; a small run says nothing about them. */
export function isFullSize({ records, keys, latencySeconds }: BenchmarkOptions): boolean {
  return records >= FULL_RECORDS && keys >= FULL_KEYS && latencySeconds >= 30
}

/** Nearest rank; of what is sorted upwards, NaN of nothing. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function describeRow(row: Row): string {
  const throughput = `${String(row.recordsPerSecond).padStart(7)} records/s  ${row.cpuMicrosPerRecord.toFixed(1).padStart(5)} µs CPU  ${String(row.rssMiB).padStart(5)} MiB`
  const steady = row.steadyRecordsPerSecond === null ? '' : `  steady ${row.steadyRecordsPerSecond}/s ${row.steadyCpuMicrosPerRecord?.toFixed(1)} µs`
  const latency = row.p50Ms === null ? '' : `  p50 ${row.p50Ms.toFixed(1)}  p99 ${row.p99Ms?.toFixed(1)}  max ${row.maxMs?.toFixed(1)} ms`
  return `${row.workload.padEnd(18)}  ${row.engine.padEnd(12)}  ${row.threads} thread${row.threads === 1 ? ' ' : 's'}  ${throughput}${steady}${latency}${row.failoverMs === null ? '' : `  again after ${row.failoverMs} ms`}`
}

export function describeReport({ rows, bars: found }: Report): string {
  const medianLines = rows.map(describeRow)
  const barLines = found.map((bar) => `${bar.met ? 'met   ' : 'missed'}  ${bar.name}: ${bar.value} (${bar.aim ? 'aim: ' : ''}${bar.limit})`)
  return ['', 'medians', ...medianLines, '', ...barLines].join('\n')
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
