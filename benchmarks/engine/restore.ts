/**
 * Workload restore: a store is filled, the process stopped and its disk emptied. Measured is from the start of a new process
 * until it says RUNNING, with the whole changelog in its store: records of the changelog a second.
 */
import { rmSync } from 'node:fs'
import { cpuMicroseconds, machineBusyMicroseconds, peakMemoryMiB } from './process-usage.ts'
import { type EngineEnvironment, type EngineName, EngineProcess, type EngineSettings } from './engines.ts'
import { type MeasuredRun, untilAllOut } from './throughput.ts'
import type { BenchmarkTopics } from './topics.ts'
import type { Expected } from './workloads/index.ts'

/** The store of the application keyed-rmw. */
const STORE = 'documents'

export async function measureRestore(engine: EngineName, settings: EngineSettings, expected: Expected, topics: BenchmarkTopics, environment: EngineEnvironment): Promise<MeasuredRun> {
  const filling = EngineProcess.start(engine, settings, environment)
  try {
    await untilAllOut(filling, settings.output, expected.outputs, topics)
  } finally {
    await filling.stop()
  }
  rmSync(settings.stateDir, { recursive: true, force: true })
  // what a session takes to end is not a restore
  await topics.groupEmpties(settings.applicationId)
  const changelog = await topics.committedEnds(`${settings.applicationId}-${STORE}-changelog`)
  const records = changelog.reduce((sum, end) => sum + end, 0)

  const busy = machineBusyMicroseconds()
  const begin = performance.now()
  const child = EngineProcess.start(engine, settings, environment)
  try {
    await child.running()
    const seconds = (performance.now() - begin) / 1000
    const cpu = cpuMicroseconds(child.pid)
    const rssMiB = peakMemoryMiB(child.pid)
    await child.stop()
    // what is out stays out, and nothing is added: the restored state goes on where the other ended
    const check = expected.check()
    await topics.read(settings.output, await topics.committedEnds(settings.output), (_partition, _offset, key, value) => check.add(key, value))
    return {
      engine,
      recordsPerSecond: Math.round(records / seconds),
      cpuMicrosPerRecord: cpu / records,
      rssMiB,
      seconds,
      otherCores: (machineBusyMicroseconds() - busy - cpu) / 1e6 / seconds,
      problems: check.problems(),
    }
  } finally {
    await child.stop()
  }
}
