/** The command line of the engine benchmark. */
import { choices, count, counts, parse } from '../command-line.ts'
import type { EngineName } from './engines.ts'
import { type ThroughputName, throughputWorkloads } from './workloads/index.ts'

/** Events a second. */
export const LATENCY_RATES = { 'latency-5k': 5_000, 'latency-10k': 10_000 } as const
export type LatencyName = keyof typeof LATENCY_RATES
export type Workload = ThroughputName | LatencyName | 'restore' | 'failover'
export const WORKLOADS = [...Object.keys(throughputWorkloads), 'restore', ...Object.keys(LATENCY_RATES), 'failover'] as Workload[]
/** What runs when none is named: what the bars of every release are stated for. */
export const USUAL: readonly Workload[] = ['keyed-rmw', 'latency-5k']
export const ENGINES: readonly EngineName[] = ['millrace', 'java', 'quix-streams']
/** What runs when none is named: the peer that the bars are stated against. */
export const USUAL_ENGINES: readonly EngineName[] = ['millrace', 'java']

export interface BenchmarkOptions {
  readonly json: string | undefined
  readonly workloads: readonly Workload[]
  readonly engines: readonly EngineName[]
  readonly records: number
  readonly keys: number
  readonly runs: number
  /** Runs of each engine and workload that are not counted: they fill the caches of disk and broker. */
  readonly warmUpRuns: number
  /** Each workload runs with each of these. */
  readonly threads: readonly number[]
  readonly latencySeconds: number
  readonly latencyWarmUpSeconds: number
  /** Other than the workload's own. */
  readonly ratePerSecond: number | undefined
  readonly keep: boolean
}

/** What the bars are stated for. */
export const FULL_RECORDS = 1_000_000
export const FULL_KEYS = 100_000

export const USAGE = `Millrace's engine against Kafka Streams (Java) and quix-streams (Python): throughput, CPU, memory and latency, exactly once.

  npm run benchmark -- engine [options]

  --json FILE                  also write the figures of all runs
  --workload NAME[,NAME…]      of ${WORKLOADS.join(', ')}; or all. Default: ${USUAL.join(', ')}
  --engine NAME[,NAME…]        of ${ENGINES.join(', ')}, taking turns. Default: ${USUAL_ENGINES.join(', ')}.
                               quix-streams needs python3 with pip
  --records N  --keys N        of what is worked off; default ${FULL_RECORDS} and ${FULL_KEYS}
  --runs N                     counted runs of each; default 3
  --warm-up-runs N             runs of each before them that are not counted; default 1
  --threads N[,N…]             stream threads; default 1
  --rate N                     events a second of the latency workloads; default their own
  --latency-seconds N          measured; default 30, after --latency-warm-up seconds (default 10)
  --keep                       leave logs and state of the runs behind and say where

The broker is that of the file named by MILLRACE_STACK, else one that is started for the benchmark and stopped after it.
Exit codes: 0 done, 1 failed or wrong outputs, 2 wrong usage, 3 a bar was missed.
`

const OPTIONS = {
  json: { type: 'string' },
  workload: { type: 'string' },
  engine: { type: 'string' },
  records: { type: 'string' },
  keys: { type: 'string' },
  runs: { type: 'string' },
  'warm-up-runs': { type: 'string' },
  threads: { type: 'string' },
  rate: { type: 'string' },
  'latency-seconds': { type: 'string' },
  'latency-warm-up': { type: 'string' },
  keep: { type: 'boolean' },
} as const

/** Throws UsageError. */
export function parseOptions(args: readonly string[]): BenchmarkOptions {
  const values = parse(args, OPTIONS)
  return {
    json: values.json,
    workloads: values.workload === 'all' ? WORKLOADS : choices('--workload', values.workload, WORKLOADS, USUAL),
    engines: choices('--engine', values.engine, ENGINES, USUAL_ENGINES),
    records: count('--records', values.records, FULL_RECORDS, 1_000),
    keys: count('--keys', values.keys, FULL_KEYS, 1),
    runs: count('--runs', values.runs, 3, 1),
    warmUpRuns: count('--warm-up-runs', values['warm-up-runs'], 1, 0),
    threads: counts('--threads', values.threads, [1], 1),
    ratePerSecond: values.rate === undefined ? undefined : count('--rate', values.rate, 0, 1),
    latencySeconds: count('--latency-seconds', values['latency-seconds'], 30, 1),
    latencyWarmUpSeconds: count('--latency-warm-up', values['latency-warm-up'], 10, 0),
    keep: values.keep ?? false,
  }
}
