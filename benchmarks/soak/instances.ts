/** The two instances of the soak: one lives as long as it lasts, the other is killed and comes back. */
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { type Engine, type EngineEnvironment, EngineProcess, type EngineSettings } from '../engine/engines.ts'
import { everyPartitionAdvances } from '../engine/failover.ts'
import { cpuMicroseconds, folderMiB, openFiles, residentMiB, threadsOf } from '../engine/process-usage.ts'
import type { BenchmarkTopics } from '../engine/topics.ts'

export const SURVIVOR = 'survivor'
export const VICTIM = 'victim'
/** A supervisor takes about so long to start a process again. */
const AWAY_MILLISECONDS = 5_000

export interface Usage {
  readonly name: string
  readonly pid: number
  readonly rssMiB: number
  /** Held by RocksDB: write buffers, block caches, indexes; as the process last said, 0 before it has. */
  readonly storeMemoryMiB: number
  /** Of its state folder: RocksDB's files, mostly. */
  readonly diskMiB: number
  readonly threads: number
  readonly files: number
  /** Since its start, µs. */
  readonly cpu: number
}

export interface Kill {
  /** Since the beginning of the load, s. */
  readonly seconds: number
  /** Until every partition had new output, ms. */
  readonly againAfterMs: number
  /** From the new process to RUNNING, ms. */
  readonly backAfterMs: number
}

export class Instances {
  readonly #engine: Engine
  readonly #settings: EngineSettings
  readonly #environment: EngineEnvironment
  readonly #processes = new Map<string, EngineProcess>()

  constructor(engine: Engine, settings: EngineSettings, environment: EngineEnvironment) {
    this.#engine = engine
    this.#settings = settings
    this.#environment = environment
  }

  /** Together, so that each has half of the tasks. */
  async start(): Promise<void> {
    await Promise.all([SURVIVOR, VICTIM].map((name) => this.#start(name).running()))
  }

  #start(name: string): EngineProcess {
    const child = EngineProcess.start(this.#engine, { ...this.#settings, stateDir: this.#folder(name) }, this.#environment)
    this.#processes.set(name, child)
    return child
  }

  #folder(name: string): string {
    return join(this.#settings.stateDir, name)
  }

  /** Kills the victim and brings it back; `output` is what tells that its tasks are processed again. */
  async killAndRestart(topics: BenchmarkTopics, output: string, seconds: number): Promise<Kill> {
    await everyPartitionAdvances(topics, output)
    const victim = this.#processes.get(VICTIM)!
    this.#processes.delete(VICTIM)
    process.kill(victim.pid, 'SIGKILL')
    const killedAt = performance.now()
    await everyPartitionAdvances(topics, output)
    const againAfterMs = Math.round(performance.now() - killedAt)
    await pause(AWAY_MILLISECONDS)
    const startedAt = performance.now()
    await this.#start(VICTIM).running()
    return { seconds, againAfterMs, backAfterMs: Math.round(performance.now() - startedAt) }
  }

  /** Throws if one ended by itself. One that is killed is left out. */
  usage(): Usage[] {
    return [...this.#processes].map(([name, child]) => {
      if (child.hasEnded) {
        throw child.failure()
      }
      const { pid } = child
      return { name, pid, rssMiB: residentMiB(pid), storeMemoryMiB: child.storeMemoryMiB, diskMiB: folderMiB(this.#folder(name)), threads: threadsOf(pid), files: openFiles(pid), cpu: cpuMicroseconds(pid) }
    })
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((child) => child.stop()))
  }
}
