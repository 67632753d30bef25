/** `npm run soak`: a steady load on two instances, one of them killed every so often. Start reading here. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { command } from '../command-line.ts'
import { withBroker } from '../engine/broker.ts'
import type { Engine, EngineEnvironment } from '../engine/engines.ts'
import { prepareMillrace } from '../engine/millrace-build.ts'
import { describeMachine, machine } from '../engine/report.ts'
import { BenchmarkTopics } from '../engine/topics.ts'
import { outputs } from './input.ts'
import { Instances, type Kill } from './instances.ts'
import { SoakLoad, type SoakTopics } from './load.ts'
import { parseSoakOptions, type SoakOptions, USAGE } from './options.ts'
import { describeSample, drawSoak, judge, type Sample, type SoakResult, summary, table } from './report.ts'

const DOCS = fileURLToPath(new URL('../../docs/benchmarks/', import.meta.url))
const SAMPLE_MILLISECONDS = 5_000
/** No kill so close to the end: it would be cut off. */
const LAST_KILL_MILLISECONDS = 30_000

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** Returns the exit code of the command. */
async function runSoak(options: SoakOptions): Promise<number> {
  const engine = await prepareMillrace(say)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-soak-'))
  let kept = true
  try {
    const result = await withBroker(say, (bootstrapServers, signal) => soak(engine, options, bootstrapServers, { folder, signal }))
    kept = result.outputs !== 'right'
    const lines = summary(result, options)
    say(`\n${lines.join('\n')}`)
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify({ machine: machine(), options, judged: judge(result.samples, options), ...result }, null, 1)}\n`)
    }
    if (options.draw) {
      mkdirSync(DOCS, { recursive: true })
      writeFileSync(join(DOCS, 'soak.svg'), drawSoak(result, options))
      writeFileSync(join(DOCS, 'soak.md'), page(result, options, lines))
      say(`written: ${DOCS}soak.md and soak.svg`)
    }
    if (kept) {
      return 1
    }
    return judge(result.samples, options).every(({ held }) => held) ? 0 : 3
  } finally {
    if (kept) {
      say(`logs and state of the instances: ${folder}`)
    } else {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

async function soak(engine: Engine, options: SoakOptions, bootstrapServers: string, environment: EngineEnvironment): Promise<SoakResult> {
  const applicationId = `soak-${randomBytes(4).toString('hex')}`
  const names: SoakTopics = { input: `${applicationId}-events`, approvals: `${applicationId}-approvals`, output: applicationId }
  const topics = new BenchmarkTopics(bootstrapServers)
  const settings = { application: 'soak', bootstrapServers, applicationId, stateDir: join(environment.folder, 'state'), input: names.input, table: names.approvals, output: names.output, threads: 1, storeMemoryMiB: options.storeMemoryMiB }
  const instances = new Instances(engine, settings, environment)
  try {
    for (const topic of [names.input, names.approvals, ...Object.values(outputs(names.output))]) {
      await topics.create(topic)
    }
    await instances.start()
    const load = new SoakLoad(topics, names, options)
    const { samples, kills } = await watch(options, { load, instances, topics, names, applicationId, signal: environment.signal })
    await load.stop()
    const problems = [...load.input.problems(), ...(load.failure === undefined ? [] : [load.failure.message])]
    return { minutes: load.latencies().slice(0, options.minutes), samples, kills, events: load.input.events, outputs: problems.length === 0 ? 'right' : problems }
  } finally {
    await instances.stop()
    await topics.delete([], [applicationId]).catch((error: Error) => say(`topics named ${applicationId}… could not be deleted: ${error.message}`))
    await topics.close()
  }
}

interface Watched {
  readonly load: SoakLoad
  readonly instances: Instances
  readonly topics: BenchmarkTopics
  readonly names: SoakTopics
  readonly applicationId: string
  readonly signal: AbortSignal
}

/** Samples until the time is up, and kills beside that. */
async function watch(options: SoakOptions, watched: Watched): Promise<{ samples: Sample[]; kills: Kill[] }> {
  const { load, instances, topics, names, applicationId, signal } = watched
  const end = options.minutes * 60_000
  const samples: Sample[] = []
  const kills: Kill[] = []
  let killing: Promise<void> | undefined
  let nextKill = options.killEverySeconds === 0 ? Number.POSITIVE_INFINITY : options.killEverySeconds * 1000
  let failure: Error | undefined
  try {
    while (load.elapsed < end) {
      await pause(Math.max(0, Math.min(end, (samples.length + 1) * SAMPLE_MILLISECONDS) - load.elapsed), undefined, { signal })
      // a broker too busy to answer once costs a point of the curve, not the hour
      const lag = await topics.lag(applicationId, [names.input, names.approvals]).catch(() => Number.NaN)
      const sample = { seconds: load.elapsed / 1000, lag, instances: instances.usage() }
      samples.push(sample)
      if (load.failure !== undefined || failure !== undefined) {
        throw load.failure ?? failure
      }
      if (samples.length % (60_000 / SAMPLE_MILLISECONDS) === 0) {
        say(describeSample(sample, load.latencies()[Math.round(sample.seconds / 60) - 1]))
      }
      if (killing === undefined && load.elapsed >= nextKill && load.elapsed < end - LAST_KILL_MILLISECONDS) {
        nextKill += options.killEverySeconds * 1000
        killing = instances.killAndRestart(topics, outputs(names.output).states, load.elapsed / 1000).then((kill) => {
          kills.push(kill)
          say(`killed after ${kill.seconds.toFixed(0)} s: processing again after ${kill.againAfterMs} ms, back in ${kill.backAfterMs} ms`)
        }).catch((error: Error) => {
          failure = error
        }).finally(() => {
          killing = undefined
        })
      }
    }
  } finally {
    await killing
  }
  if (failure !== undefined) {
    throw failure
  }
  return { samples, kills }
}

function page(result: SoakResult, options: SoakOptions, lines: readonly string[]): string {
  return `# The soak

Written by \`npm run soak -- --minutes ${options.minutes} --draw\` on ${new Date().toISOString().slice(0, 10)}: ${describeMachine()}. What runs and how it is
measured: [benchmarks.md](../benchmarks.md).

${lines.map((line) => `- ${line}`).join('\n')}

![Memory, latency, disk, lag, threads and open files over the minutes](soak.svg)

${table(result)}
`
}

const args = process.argv.slice(2)
process.exitCode = await command(USAGE, args, () => runSoak(parseSoakOptions(args)))
