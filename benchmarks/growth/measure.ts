/**
 * One point: the state is filled, then the process is started again on it and works off more (that is the throughput,
 * CPU and memory), then its disk is emptied and a third one restores.
 */
import { rmSync } from 'node:fs'
import { type Engine, type EngineEnvironment, EngineProcess, type EngineSettings } from '../engine/engines.ts'
import { peakMemoryMiB } from '../engine/process-usage.ts'
import { restoreOnce } from '../engine/restore.ts'
import { untilAllOut } from '../engine/throughput.ts'
import type { BenchmarkTopics } from '../engine/topics.ts'
import { GrowthCheck, growthRecord } from './input.ts'
import type { Point } from './options.ts'

const CHANGELOG = 'latest-changelog'
/** Of values, written at once. */
const CHUNK_BYTES = 4e6

export interface PointRow extends Point {
  readonly recordsPerSecond: number
  readonly cpuMicrosPerRecord: number
  readonly rssMiB: number
  readonly restoreSeconds: number
  readonly restoreRecordsPerSecond: number
  /** Kept busy by everything else, the broker included, while records were worked off. */
  readonly otherCores: number
  readonly outputs: 'right' | readonly string[]
}

/** Input and output must be there and empty. */
export async function measurePoint(engine: Engine, settings: EngineSettings, point: Point, topics: BenchmarkTopics, environment: EngineEnvironment): Promise<PointRow> {
  const { keys, records, valueBytes } = point
  const { input, output, applicationId, stateDir } = settings
  const now = Date.now()
  const load = (from: number, events: number): Promise<void> =>
    topics.writeAll(input, events, (n) => growthRecord(from + n, keys, valueBytes, now), Math.max(1, Math.floor(CHUNK_BYTES / valueBytes)))

  await load(0, keys)
  await untilEnded(EngineProcess.start(engine, settings, environment), (child) => untilAllOut(child, output, keys, topics))
  await topics.groupEmpties(applicationId)

  const filled = sum(await topics.committedEnds(output))
  await load(keys, records)
  const working = EngineProcess.start(engine, settings, environment)
  const { moments, rssMiB } = await untilEnded(working, async (child) => ({
    moments: await untilAllOut(child, output, filled + records, topics),
    rssMiB: peakMemoryMiB(child.pid),
  }))
  const [first, last] = [moments[0]!, moments.at(-1)!]
  // Offsets count transaction markers too, which lie evenly among the records.
  const worked = ((sum(last.ends) - sum(first.ends)) / (sum(last.ends) - filled)) * records
  const seconds = (last.at - first.at) / 1000
  const cpu = last.cpu - first.cpu

  rmSync(stateDir, { recursive: true, force: true })
  await topics.groupEmpties(applicationId)
  const restored = await restoreOnce(engine, settings, `${applicationId}-${CHANGELOG}`, topics, environment)

  const check = new GrowthCheck(keys, keys + records)
  await topics.read(output, await topics.committedEnds(output), (_partition, _offset, key, value) => check.add(key, value))
  const problems = check.problems()
  return {
    ...point,
    recordsPerSecond: Math.round(worked / seconds),
    cpuMicrosPerRecord: Number((cpu / worked).toFixed(2)),
    rssMiB,
    restoreSeconds: Number(restored.seconds.toFixed(2)),
    restoreRecordsPerSecond: Math.round(restored.records / restored.seconds),
    otherCores: Number(((last.busy - first.busy - cpu) / 1e6 / seconds).toFixed(2)),
    outputs: problems.length === 0 ? 'right' : problems,
  }
}

async function untilEnded<T>(child: EngineProcess, body: (child: EngineProcess) => Promise<T>): Promise<T> {
  try {
    return await body(child)
  } finally {
    await child.stop()
  }
}

function sum(ends: readonly number[]): number {
  return ends.reduce((total, end) => total + end, 0)
}
