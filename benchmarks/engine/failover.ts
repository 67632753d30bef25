/**
 * Workload failover: two processes share the partitions of an application with a million keys, without standbys; one is
 * killed under a steady load. Measured is from the SIGKILL until every partition has new committed output, which takes the
 * noticing, the rebalance and the restore of what the dead process held.
 */
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { type Engine, type EngineEnvironment, EngineProcess, type EngineSettings } from './engines.ts'
import { EventSequence, encodeEvent, truth } from './events.ts'
import { cpuMicroseconds, machineBusyMicroseconds, peakMemoryMiB } from './process-usage.ts'
import { type MeasuredRun, untilAllOut } from './throughput.ts'
import type { BenchmarkTopics } from './topics.ts'
import { StateCheck } from './workloads/keyed-rmw.ts'

const RATE_PER_SECOND = 1_000
const TICK_MILLISECONDS = 20
const POLL_MILLISECONDS = 5
/** More than a transaction of the dead process can have left open: the marker that aborts it moves the end, too. */
const NEW_RECORDS = 100
/** Kafka Streams' session of 45 s, its rebalance and restore are well within it: an engine that takes longer is stuck. */
const LIMIT_MILLISECONDS = 180_000

export interface FailoverRun extends MeasuredRun {
  readonly failoverMs: number
}

/** Input and output must be there and empty. */
export async function measureFailover(engine: Engine, settings: EngineSettings, records: number, topics: BenchmarkTopics, environment: EngineEnvironment): Promise<FailoverRun> {
  const { input, output, stateDir } = settings
  const start = (name: string): EngineProcess => EngineProcess.start(engine, { ...settings, stateDir: join(stateDir, name) }, environment)
  const begin = { at: performance.now(), busy: machineBusyMicroseconds() }
  // together, and before there is any input: so that each has half of the tasks
  const [survivor, victim] = [start('survivor'), start('victim')]
  try {
    await Promise.all([survivor.running(), victim.running()])
    await topics.load(input, records, records)
    await untilAllOut(survivor, output, records, topics)
    const load = steadyLoad(topics, input, records)
    try {
      await everyPartitionAdvances(topics, output)
      process.kill(victim.pid, 'SIGKILL')
      const killedAt = performance.now()
      await everyPartitionAdvances(topics, output)
      const failoverMs = performance.now() - killedAt
      const total = records + (await load.stop())
      await untilAllOut(survivor, output, total, topics)
      const cpu = cpuMicroseconds(survivor.pid)
      const rssMiB = peakMemoryMiB(survivor.pid)
      const seconds = (performance.now() - begin.at) / 1000
      await survivor.stop()
      const check = new StateCheck(truth(total, records))
      await topics.read(output, await topics.committedEnds(output), (_partition, _offset, key, value) => check.add(key, value))
      return {
        engine: engine.name,
        recordsPerSecond: RATE_PER_SECOND,
        cpuMicrosPerRecord: cpu / total,
        rssMiB,
        seconds,
        otherCores: (machineBusyMicroseconds() - begin.busy - cpu) / 1e6 / seconds,
        problems: check.problems(),
        failoverMs,
      }
    } finally {
      await load.stop()
    }
  } finally {
    await Promise.all([survivor.stop(), victim.stop()])
  }
}

/** Resolves when every partition has committed records that are new. */
export async function everyPartitionAdvances(topics: BenchmarkTopics, output: string): Promise<void> {
  const before = await topics.committedEnds(output)
  const limit = performance.now() + LIMIT_MILLISECONDS
  for (;;) {
    const now = await topics.committedEnds(output)
    if (now.every((end, partition) => end > before[partition]! + NEW_RECORDS)) {
      return
    }
    if (performance.now() > limit) {
      throw new Error(`no new output in every partition within ${LIMIT_MILLISECONDS / 1000} s`)
    }
    await pause(POLL_MILLISECONDS)
  }
}

/** Goes on with the sequence where the first `records` events ended; `stop` says how many more were written. */
function steadyLoad(topics: BenchmarkTopics, input: string, records: number): { stop(): Promise<number> } {
  const events = new EventSequence(records)
  for (let n = 0; n < records; n++) {
    events.next(0)
  }
  let going = true
  let written = 0
  const done = (async () => {
    const writer = await topics.writer(input)
    const begin = performance.now()
    while (going) {
      const due = Math.floor(((performance.now() - begin) / 1000) * RATE_PER_SECOND) - written
      await writer.write(Array.from({ length: due }, (_, n) => {
        const event = events.next(records + written + n)
        return { id: event.id, value: encodeEvent(event), timestamp: Date.now() }
      }))
      written += due
      await pause(TICK_MILLISECONDS)
    }
    await writer.close()
    return written
  })()
  return {
    stop() {
      going = false
      return done
    },
  }
}
