/**
 * Workload restore: a store is filled, the process stopped and its disk emptied. Measured is from the start of a new process
 * until it says RUNNING, with the whole changelog in its store: records of the changelog a second.
 */
import { rmSync } from 'node:fs'
import { cpuMicroseconds, machineBusyMicroseconds, peakMemoryMiB } from './process-usage.ts'
import { type Engine, type EngineEnvironment, EngineProcess, type EngineSettings } from './engines.ts'
import { type MeasuredRun, untilAllOut } from './throughput.ts'
import { STORE } from './topologies/keyed-rmw.ts'
import type { BenchmarkTopics } from './topics.ts'
import type { Expected } from './workloads/index.ts'

export async function measureRestore(engine: Engine, settings: EngineSettings, expected: Expected, topics: BenchmarkTopics, environment: EngineEnvironment): Promise<MeasuredRun> {
  const filling = EngineProcess.start(engine, settings, environment)
  try {
    await untilAllOut(filling, settings.output, expected.outputs, topics)
  } finally {
    await filling.stop()
  }
  rmSync(settings.stateDir, { recursive: true, force: true })
  // what a session takes to end is not a restore
  await topics.groupEmpties(settings.applicationId)
  const restored = await restoreOnce(engine, settings, `${settings.applicationId}-${STORE}-changelog`, topics, environment)
  // what is out stays out, and nothing is added: the restored state goes on where the other ended
  const check = expected.check()
  await topics.read(settings.output, await topics.committedEnds(settings.output), (_partition, _offset, key, value) => check.add(key, value))
  const { records, seconds, cpu, rssMiB, otherCores } = restored
  return { engine: engine.name, recordsPerSecond: Math.round(records / seconds), cpuMicrosPerRecord: cpu / records, rssMiB, seconds, otherCores, problems: check.problems() }
}

export interface Restored {
  /** Of the changelog. */
  readonly records: number
  readonly seconds: number
  /** µs */
  readonly cpu: number
  readonly rssMiB: number
  readonly otherCores: number
}

/** Starts a process without a disk of its own and stops it when it says RUNNING. Its group must be empty. */
export async function restoreOnce(engine: Engine, settings: EngineSettings, changelog: string, topics: BenchmarkTopics, environment: EngineEnvironment): Promise<Restored> {
  const records = (await topics.committedEnds(changelog)).reduce((sum, end) => sum + end, 0)
  const busy = machineBusyMicroseconds()
  const begin = performance.now()
  const child = EngineProcess.start(engine, settings, environment)
  try {
    await child.running()
    const seconds = (performance.now() - begin) / 1000
    const cpu = cpuMicroseconds(child.pid)
    return { records, seconds, cpu, rssMiB: peakMemoryMiB(child.pid), otherCores: (machineBusyMicroseconds() - busy - cpu) / 1e6 / seconds }
  } finally {
    await child.stop()
  }
}
