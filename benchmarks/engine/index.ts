/** The engine benchmark: who runs when, on which topics. Start reading here. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { command } from '../command-line.ts'
import { withBroker } from './broker.ts'
import type { Engine, EngineSettings } from './engines.ts'
import { measureFailover } from './failover.ts'
import { measureLatency } from './latency.ts'
import { type BenchmarkOptions, LATENCY_RATES, type LatencyName, parseOptions, USAGE, type Workload } from './options.ts'
import { leftOut, prepareEngines } from './prepare-engines.ts'
import { describeReport, describeRow, failoverRow, isFullSize, latencyRow, makeReport, type RunRow, throughputRow } from './report.ts'
import { measureRestore } from './restore.ts'
import { measureThroughput } from './throughput.ts'
import { BenchmarkTopics } from './topics.ts'
import { type Expected, type ThroughputName, throughputWorkloads } from './workloads/index.ts'

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** One invocation: where everything of it lies and is named after. */
interface Bench {
  readonly options: BenchmarkOptions
  readonly bootstrapServers: string
  readonly topics: BenchmarkTopics
  readonly engines: readonly Engine[]
  readonly folder: string
  readonly prefix: string
  /** Ends the processes of a run. */
  readonly signal: AbortSignal
}

/** Returns the exit code of the command. */
async function runEngineBenchmark(options: BenchmarkOptions): Promise<number> {
  const engines = await prepareEngines(options.engines, say)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-benchmark-'))
  try {
    return await withBroker(say, async (bootstrapServers, signal) => {
      const topics = new BenchmarkTopics(bootstrapServers)
      const prefix = `benchmark-${randomBytes(4).toString('hex')}`
      try {
        return await runAll({ options, bootstrapServers, topics, engines, folder, prefix, signal })
      } finally {
        await topics.delete([], owned(prefix)).catch((error: Error) => say(`topics named ${prefix}… could not be deleted: ${error.message}`))
        await topics.close()
      }
    })
  } finally {
    if (options.keep) {
      say(`logs and state of the runs: ${folder}`)
    } else {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

async function runAll(bench: Bench): Promise<number> {
  const { options, engines } = bench
  const runs: RunRow[] = []
  for (const workload of options.workloads) {
    runs.push(...(await runWorkload(workload, bench)))
  }
  const report = makeReport(runs, options, engines)
  say(describeReport(report))
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  }
  if (runs.some((run) => run.outputs !== 'right')) {
    say('outputs were wrong: no figure above is worth anything')
    return 1
  }
  if (!isFullSize(options)) {
    say('a run of reduced size: the bars are stated for the full one')
    return 0
  }
  return report.bars.every(({ met, aim }) => met || aim) ? 0 : 3
}

/** Engines take turns, so that a slow minute of the machine strikes both. */
async function runWorkload(workload: Workload, bench: Bench): Promise<RunRow[]> {
  const { options, topics, prefix } = bench
  const sides = options.threads.flatMap((threads) => bench.engines.map((engine) => ({ engine, threads })))
    .filter(({ engine, threads }) => {
      const reason = leftOut(engine.name, workload, threads)
      if (reason !== undefined) {
        say(`${workload.padEnd(18)}  ${engine.name.padEnd(12)}  ${threads} thread${threads === 1 ? '' : 's'}: not run, ${reason}`)
      }
      return reason === undefined
    })
  if (sides.length === 0) {
    return []
  }
  const run = await runnerOf(workload, bench)
  const runs: RunRow[] = []
  for (let number = 1 - options.warmUpRuns; number <= options.runs; number++) {
    for (const { engine, threads } of sides) {
      bench.signal.throwIfAborted()
      const row = await run(engine, threads, number)
      const what = number < 1 ? 'not counted' : `run ${number}`
      const state = row.outputs === 'right' ? 'outputs right' : `OUTPUTS WRONG: ${row.outputs.join('; ')}`
      say(`${describeRow(row)}  other load ${row.otherCores.toFixed(1)} cores  ${state}  (${what})`)
      if (number >= 1 || row.outputs !== 'right') {
        runs.push(row)
      }
    }
  }
  await topics.delete([], owned(`${prefix}-${workload}`))
  return runs
}

async function runnerOf(workload: Workload, bench: Bench): Promise<Runner> {
  if (workload === 'failover') {
    return failoverRunner(bench)
  }
  return workload in LATENCY_RATES ? latencyRunner(bench, workload as LatencyName) : await worksOffRunner(bench, workload as ThroughputName | 'restore')
}

type Runner = (engine: Engine, threads: number, number: number) => Promise<RunRow>

/** All runs of an engine read the same input. */
async function worksOffRunner(bench: Bench, workload: ThroughputName | 'restore'): Promise<Runner> {
  const { options, topics, folder, signal } = bench
  const { records, keys } = options
  const application = workload === 'restore' ? 'keyed-rmw' : workload
  const prepared = await throughputWorkloads[application].prepare(topics, `${bench.prefix}-${workload}`, { records, keys: workload === 'restore' ? records : keys })
  const measure = workload === 'restore' ? measureRestore : measureThroughput
  return async (engine, threads, number) => {
    const expected: Expected = prepared(engine.name)
    const { input, table } = expected
    return await withFreshTopics(bench, { workload, application, engine, threads, number, input, ...(table === undefined ? {} : { table }) }, async (settings) =>
      throughputRow(workload, await measure(engine, settings, expected, topics, { folder, signal }), number, threads),
    )
  }
}

function latencyRunner(bench: Bench, workload: LatencyName): Runner {
  const { options, folder, signal } = bench
  const { keys, latencySeconds, latencyWarmUpSeconds } = options
  const load = { keys, ratePerSecond: options.ratePerSecond ?? LATENCY_RATES[workload], seconds: latencySeconds, warmUpSeconds: latencyWarmUpSeconds }
  return (engine, threads, number) =>
    withFreshTopics(bench, { workload, application: 'keyed-rmw', engine, threads, number }, async (settings) =>
      latencyRow(workload, await measureLatency(engine, settings, load, { folder, signal }), number, threads),
    )
}

function failoverRunner(bench: Bench): Runner {
  const { options, topics, folder, signal } = bench
  return (engine, threads, number) =>
    withFreshTopics(bench, { workload: 'failover', application: 'keyed-rmw', engine, threads, number }, async (settings) =>
      failoverRow(await measureFailover(engine, settings, options.records, topics, { folder, signal }), number, threads),
    )
}

interface RunPlan {
  readonly workload: Workload
  readonly application: string
  readonly engine: Engine
  readonly threads: number
  readonly number: number
  /** Loaded already; the run has an empty one of its own otherwise. */
  readonly input?: string
  readonly table?: string
}

/** Everything of a run is new: group, state, changelog, output; its input too unless one is given. */
async function withFreshTopics(bench: Bench, plan: RunPlan, body: (settings: EngineSettings) => Promise<RunRow>): Promise<RunRow> {
  const { options, topics, folder, bootstrapServers } = bench
  const { workload, application, engine, threads, number, table } = plan
  const applicationId = `${bench.prefix}-${workload}-${engine.name}-${threads}-${number < 1 ? `warm-up-${1 - number}` : number}`
  const output = `${applicationId}-output`
  const input = plan.input ?? `${applicationId}-input`
  const stateDir = join(folder, applicationId)
  await topics.create(output)
  if (plan.input === undefined) {
    await topics.create(input)
  }
  const row = await body({ application, bootstrapServers, applicationId, stateDir, input, output, threads, ...(table === undefined ? {} : { table }) })
  if (!options.keep) {
    rmSync(stateDir, { recursive: true, force: true })
  }
  await topics.delete([], owned(applicationId))
  return row
}

/** Beginnings of the names of all topics of an application; the second and third are those of quix-streams' internal ones. */
function owned(prefix: string): string[] {
  return [prefix, `changelog__${prefix}`, `repartition__${prefix}`]
}

export function main(args: readonly string[]): Promise<number> {
  return command(USAGE, args, () => runEngineBenchmark(parseOptions(args)))
}
