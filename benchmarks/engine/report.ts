/** From runs to figures: medians, bars, and what is printed and written. */
import { cpus, release, totalmem } from 'node:os'
import process from 'node:process'
import type { EngineName } from './engines.ts'
import type { LatencyRun } from './latency.ts'
import type { BenchmarkOptions, Workload } from './options.ts'
import { FULL_KEYS, FULL_RECORDS } from './options.ts'
import type { ThroughputRun } from './throughput.ts'

/** One line of the result: the medians of an engine's counted runs, or one run. */
export interface Row {
  readonly workload: Workload
  readonly engine: EngineName
  readonly threads: number
  readonly guarantee: 'exactly_once_v2'
  readonly recordsPerSecond: number
  readonly cpuMicrosPerRecord: number
  readonly rssMiB: number
  /** Of keyed-rmw, between a quarter and nine tenths of the outputs. */
  readonly steadyRecordsPerSecond: number | null
  readonly steadyCpuMicrosPerRecord: number | null
  /** Latencies are null where the workload has none. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
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
}

export interface Report {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly linux: string; readonly node: string }
  readonly kafkaStreams: string
  readonly records: number
  readonly keys: number
  /** Medians, one row per workload and engine. */
  readonly rows: readonly Row[]
  /** Every counted run. */
  readonly runs: readonly RunRow[]
  readonly bars: readonly Bar[]
}

const GUARANTEE = 'exactly_once_v2'

export function throughputRow(run: ThroughputRun, number: number, threads: number): RunRow {
  return {
    workload: 'keyed-rmw',
    engine: run.engine,
    threads,
    guarantee: GUARANTEE,
    recordsPerSecond: run.recordsPerSecond,
    cpuMicrosPerRecord: round(run.cpuMicrosPerRecord, 2),
    rssMiB: run.rssMiB,
    steadyRecordsPerSecond: run.steadyRecordsPerSecond,
    steadyCpuMicrosPerRecord: round(run.steadyCpuMicrosPerRecord, 2),
    p50Ms: null,
    p99Ms: null,
    maxMs: null,
    run: number,
    outputs: run.problems.length === 0 ? 'right' : run.problems,
    otherCores: round(run.otherCores, 2),
  }
}

export function latencyRow(run: LatencyRun, number: number, threads: number): RunRow {
  return {
    workload: 'latency-5k',
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
    run: number,
    outputs: run.problems.length === 0 ? 'right' : run.problems,
    otherCores: round(run.otherCores, 2),
  }
}

export function makeReport(runs: readonly RunRow[], options: BenchmarkOptions, kafkaStreams: string): Report {
  const rows = options.workloads.flatMap((workload) =>
    options.engines.flatMap((engine) => {
      const own = runs.filter((run) => run.workload === workload && run.engine === engine)
      return own.length === 0 ? [] : [medians(own)]
    }),
  )
  return {
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), linux: release(), node: process.version },
    kafkaStreams,
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
  const ofSome = (field: 'steadyRecordsPerSecond' | 'steadyCpuMicrosPerRecord' | 'p50Ms' | 'p99Ms' | 'maxMs'): number | null => {
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
  }
}

/** What Millrace has set itself against Kafka Streams; only what was measured for both is judged. */
export function bars(rows: readonly Row[]): Bar[] {
  const row = (workload: Workload, engine: EngineName): Row | undefined => rows.find((candidate) => candidate.workload === workload && candidate.engine === engine)
  const found: Bar[] = []
  const [ours, javas] = [row('keyed-rmw', 'millrace'), row('keyed-rmw', 'java')]
  if (ours !== undefined && javas !== undefined) {
    const throughput = ours.recordsPerSecond / javas.recordsPerSecond
    const cpu = ours.cpuMicrosPerRecord / javas.cpuMicrosPerRecord
    found.push({ name: "throughput / Java's", limit: 'at least 0.8', value: round(throughput, 2), met: throughput >= 0.8 })
    found.push({ name: "CPU per record / Java's", limit: 'below 1', value: round(cpu, 2), met: cpu < 1 })
  }
  const [ourLatency, javasLatency] = [row('latency-5k', 'millrace')?.p99Ms, row('latency-5k', 'java')?.p99Ms]
  if (typeof ourLatency === 'number' && typeof javasLatency === 'number') {
    const p99 = ourLatency / javasLatency
    found.push({ name: "p99 / Java's", limit: 'at most 0.5', value: round(p99, 2), met: p99 <= 0.5 })
  }
  return found
}

/** Bars are stated for the full size; a small run says nothing about them. */
export function isFullSize({ records, keys, latencySeconds }: BenchmarkOptions): boolean {
  return records >= FULL_RECORDS && keys >= FULL_KEYS && latencySeconds >= 30
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
  return `${row.workload.padEnd(10)}  ${row.engine.padEnd(8)}  ${throughput}${steady}${latency}`
}

export function describeReport({ rows, bars: found }: Report): string {
  const medianLines = rows.map(describeRow)
  const barLines = found.map((bar) => `${bar.met ? 'met   ' : 'missed'}  ${bar.name}: ${bar.value} (${bar.limit})`)
  return ['', 'medians', ...medianLines, '', ...barLines].join('\n')
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
