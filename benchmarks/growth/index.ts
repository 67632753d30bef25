/** The growth curves: every point with topics, group and state of its own. Start reading here. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { command } from '../command-line.ts'
import { withBroker } from '../engine/broker.ts'
import type { Engine, EngineEnvironment } from '../engine/engines.ts'
import { prepareMillrace } from '../engine/millrace-build.ts'
import { describeMachine, machine } from '../engine/report.ts'
import { BenchmarkTopics } from '../engine/topics.ts'
import { measurePoint, type PointRow } from './measure.ts'
import { type GrowthOptions, type Point, parseGrowthOptions, planOf, USAGE, workOf } from './options.ts'
import { describePoint, drawGrowth, tables } from './report.ts'

const DOCS = fileURLToPath(new URL('../../docs/benchmarks/', import.meta.url))

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

export function main(args: readonly string[]): Promise<number> {
  return command(USAGE, args, () => runGrowth(parseGrowthOptions(args)))
}

async function runGrowth(options: GrowthOptions): Promise<number> {
  const engine = await prepareMillrace(say)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-growth-'))
  try {
    const rows = await withBroker(say, (bootstrapServers, signal) => measureAll(engine, options, bootstrapServers, { folder, signal }))
    say(`\n${tables(rows)}\n`)
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify({ machine: machine(), rows }, null, 2)}\n`)
    }
    if (options.draw) {
      mkdirSync(DOCS, { recursive: true })
      writeFileSync(join(DOCS, 'growth.svg'), drawGrowth(rows))
      writeFileSync(join(DOCS, 'growth.md'), page(rows))
      say(`written: ${DOCS}growth.md and growth.svg`)
    }
    return rows.every((row) => row.outputs === 'right') ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As many points as the budget allows: how long one took says how long a larger one will. */
async function measureAll(engine: Engine, options: GrowthOptions, bootstrapServers: string, environment: EngineEnvironment): Promise<PointRow[]> {
  const end = performance.now() + options.budgetMinutes * 60_000
  const rows: PointRow[] = []
  let before: { readonly milliseconds: number; readonly work: number } | undefined
  for (const point of planOf(options)) {
    environment.signal.throwIfAborted()
    const work = workOf(point)
    const expected = before === undefined ? 0 : before.milliseconds * Math.max(1, work / before.work)
    const begin = performance.now()
    if (begin + expected > end) {
      say(`not measured, it would take ${Math.round(expected / 1000)} s and the budget is ${options.budgetMinutes} minutes: ${point.axis} ${point[point.axis]}`)
      continue
    }
    const row = await withFreshTopics(engine, point, bootstrapServers, environment)
    before = { milliseconds: performance.now() - begin, work }
    say(describePoint(row))
    rows.push(row)
  }
  return rows
}

async function withFreshTopics(engine: Engine, point: Point, bootstrapServers: string, environment: EngineEnvironment): Promise<PointRow> {
  const applicationId = `growth-${randomBytes(4).toString('hex')}`
  const [input, output, stateDir] = [`${applicationId}-input`, `${applicationId}-output`, join(environment.folder, applicationId)]
  const topics = new BenchmarkTopics(bootstrapServers, point.partitions)
  try {
    await topics.create(input)
    await topics.create(output)
    return await measurePoint(engine, { application: 'growth', bootstrapServers, applicationId, stateDir, input, output, threads: 1 }, point, topics, environment)
  } finally {
    rmSync(stateDir, { recursive: true, force: true })
    await topics.delete([], [applicationId]).catch((error: Error) => say(`topics named ${applicationId}… could not be deleted: ${error.message}`))
    await topics.close()
  }
}

function page(rows: readonly PointRow[]): string {
  return `# How the engine grows

Written by \`npm run benchmark -- growth --draw\` on ${new Date().toISOString().slice(0, 10)}: ${describeMachine()}. One measurement of each point, one
stream thread, exactly once, RocksDB. How it is measured: [benchmarks.md](../benchmarks.md).

![Throughput, CPU per record, memory and restore over partitions, keys and the size of values](growth.svg)

${tables(rows)}
`
}
