/** Workloads latency-5k and latency-10k: from the moment an event was due to the moment a read_committed reader has what was made of it. */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Engine, EngineEnvironment, EngineName, EngineSettings } from './engines.ts'
import { EngineProcess } from './engines.ts'
import { cpuMicroseconds, machineBusyMicroseconds, peakMemoryMiB } from './process-usage.ts'

export interface LatencyLoad {
  readonly keys: number
  readonly ratePerSecond: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

export interface LatencySettings extends LatencyLoad {
  readonly bootstrapServers: string
  readonly input: string
  readonly output: string
}

/** What the generator and reader found; latencies of the time after the warm-up only. */
export interface LatencyLoadResult {
  readonly sent: number
  readonly received: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  readonly problems: readonly string[]
}

export interface LatencyRun extends LatencyLoadResult {
  readonly engine: EngineName
  readonly recordsPerSecond: number
  readonly cpuMicrosPerRecord: number
  readonly rssMiB: number
  readonly otherCores: number
}

/** Both topics must be there and empty. */
export async function measureLatency(engine: Engine, settings: EngineSettings, load: LatencyLoad, environment: EngineEnvironment): Promise<LatencyRun> {
  const child = EngineProcess.start(engine, settings, environment)
  try {
    await child.running()
    const { bootstrapServers, input, output } = settings
    const before = { at: performance.now(), cpu: cpuMicroseconds(child.pid), busy: machineBusyMicroseconds() }
    const result = await runLoad({ ...load, bootstrapServers, input, output }, environment.signal)
    if (child.hasEnded) {
      throw child.failure()
    }
    const cpu = cpuMicroseconds(child.pid) - before.cpu
    const seconds = (performance.now() - before.at) / 1000
    return {
      ...result,
      engine: engine.name,
      recordsPerSecond: Math.round(result.received / (load.warmUpSeconds + load.seconds)),
      cpuMicrosPerRecord: cpu / result.received,
      rssMiB: peakMemoryMiB(child.pid),
      otherCores: (machineBusyMicroseconds() - before.busy - cpu) / 1e6 / seconds,
    }
  } finally {
    await child.stop()
  }
}

function runLoad(settings: LatencySettings, signal: AbortSignal): Promise<LatencyLoadResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('latency-load.ts', import.meta.url)), JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      signal,
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) {
        resolve(JSON.parse(output) as LatencyLoadResult)
      } else {
        reject(new Error(`the generator of the latency workload ended with ${code}`))
      }
    })
  })
}
