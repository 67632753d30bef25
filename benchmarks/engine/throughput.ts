/**
 * The input is there; an engine starts on it with nothing of its own and works it off. The window is
 * that between the first and the last change of the output's committed end, so that neither the start of a process nor
 * the group's first assignment is in it; what was visible at its beginning does not count.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Engine, EngineEnvironment, EngineName, EngineSettings } from './engines.ts'
import { EngineProcess } from './engines.ts'
import { cpuMicroseconds, machineBusyMicroseconds, peakMemoryMiB } from './process-usage.ts'
import type { BenchmarkTopics, EndOffsets } from './topics.ts'
import type { Expected } from './workloads/index.ts'

/** How often the end is asked for. */
const POLL_MILLISECONDS = 10
/** The end has come when all outputs can be there and nothing has moved for so long. */
const QUIET_MILLISECONDS = 1_500
/** An engine that writes nothing for so long is stuck. */
const STALL_LIMIT_MILLISECONDS = 60_000

const STEADY_FROM = 0.25
const STEADY_TO = 0.9

/** One run of one engine. */
export interface MeasuredRun {
  readonly engine: EngineName
  readonly recordsPerSecond: number
  readonly cpuMicrosPerRecord: number
  readonly rssMiB: number
  readonly seconds: number
  /** Processors that something else kept busy meanwhile, the broker included. */
  readonly otherCores: number
  readonly problems: readonly string[]
}

export interface ThroughputRun extends MeasuredRun {
  /** The same two between a quarter and nine tenths of the outputs: without most of what compilers do at first. */
  readonly steadyRecordsPerSecond: number
  readonly steadyCpuMicrosPerRecord: number
}

export interface Moment {
  readonly at: number
  readonly ends: EndOffsets
  readonly cpu: number
  readonly busy: number
}

export async function measureThroughput(
  engine: Engine,
  settings: EngineSettings,
  expected: Expected,
  topics: BenchmarkTopics,
  environment: EngineEnvironment,
): Promise<ThroughputRun> {
  const child = EngineProcess.start(engine, settings, environment)
  try {
    const moments = await untilAllOut(child, settings.output, expected.outputs, topics)
    const first = moments[0]!
    const last = moments.at(-1)!
    const rssMiB = peakMemoryMiB(child.pid)
    await child.stop()
    const check = expected.check()
    let before = 0
    await topics.read(settings.output, await topics.committedEnds(settings.output), (partition, offset, key, value) => {
      check.add(key, value)
      before += offset < first.ends[partition]! ? 1 : 0
    })
    const records = expected.records - Math.round((before / expected.outputs) * expected.records)
    const seconds = (last.at - first.at) / 1000
    const steady = steadyPart(moments, expected.records)
    return {
      engine: engine.name,
      recordsPerSecond: Math.round(records / seconds),
      cpuMicrosPerRecord: (last.cpu - first.cpu) / records,
      rssMiB,
      steadyRecordsPerSecond: Math.round(steady.recordsPerSecond),
      steadyCpuMicrosPerRecord: steady.cpuMicrosPerRecord,
      seconds,
      otherCores: (last.busy - first.busy - (last.cpu - first.cpu)) / 1e6 / seconds,
      problems: check.problems(),
    }
  } finally {
    await child.stop()
  }
}

/** Every change of the output's committed end, until all outputs are there. */
export async function untilAllOut(child: EngineProcess, output: string, records: number, topics: BenchmarkTopics): Promise<Moment[]> {
  return await watch(child, output, records, topics).catch((error: unknown) => {
    throw child.hasEnded ? child.failure() : error
  })
}

async function watch(child: EngineProcess, output: string, records: number, topics: BenchmarkTopics): Promise<Moment[]> {
  const moments: Moment[] = []
  let last: Moment = await moment(child, output, topics)
  for (;;) {
    await pause(POLL_MILLISECONDS)
    if (child.hasEnded) {
      throw new Error('the engine ended')
    }
    const now = await moment(child, output, topics)
    if (sum(now.ends) > sum(last.ends)) {
      moments.push(now)
      last = now
    } else if (sum(last.ends) >= records && now.at - last.at > QUIET_MILLISECONDS) {
      return moments
    } else if (now.at - last.at > STALL_LIMIT_MILLISECONDS) {
      throw new Error(`no output for ${STALL_LIMIT_MILLISECONDS / 1000} s; the end offsets stand at ${sum(last.ends)}, ${records} records were sent`)
    }
  }
}

/** Offsets count transaction markers too, which lie evenly among the records: shares of offsets are shares of records. */
export function steadyPart(moments: readonly Moment[], records: number): { recordsPerSecond: number; cpuMicrosPerRecord: number } {
  const end = sum(moments.at(-1)!.ends)
  const from = moments.find(({ ends }) => sum(ends) >= end * STEADY_FROM)!
  const to = moments.findLast(({ ends }) => sum(ends) <= end * STEADY_TO) ?? from
  const count = ((sum(to.ends) - sum(from.ends)) / end) * records
  return { recordsPerSecond: (count / (to.at - from.at)) * 1000, cpuMicrosPerRecord: (to.cpu - from.cpu) / count }
}

async function moment(child: EngineProcess, output: string, topics: BenchmarkTopics): Promise<Moment> {
  const ends = await topics.committedEnds(output)
  return { at: performance.now(), ends, cpu: cpuMicroseconds(child.pid), busy: machineBusyMicroseconds() }
}

function sum(ends: EndOffsets): number {
  return ends.reduce((total, end) => total + end, 0)
}
