/** The engines as processes: how one is started and stopped. None knows that it is measured. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

export type EngineName = 'millrace' | 'java' | 'quix-streams'

/** A stream processor that can be started. */
export interface Engine {
  readonly name: EngineName
  readonly version: string
  command(settings: EngineSettings): EngineCommand
}

export interface EngineCommand {
  readonly file: string
  readonly args: readonly string[]
  /** Beside the environment of the benchmark. */
  readonly env?: { readonly [name: string]: string }
}

/** What one run of an engine is told. */
export interface EngineSettings {
  /** Names the application. */
  readonly application: string
  readonly bootstrapServers: string
  readonly applicationId: string
  readonly stateDir: string
  readonly input: string
  readonly table?: string
  readonly output: string
  readonly threads: number
  /** Millrace only: bounds the memory of its databases, and has it say every few seconds what they hold. */
  readonly storeMemoryMiB?: number
}

/** What all runs share. */
export interface EngineEnvironment {
  /** For logs. */
  readonly folder: string
  /** Ends an engine that runs. */
  readonly signal: AbortSignal
}

/** Prevents that an engine which never gets its partitions holds the benchmark; ten million keys are restored well within it. */
const START_LIMIT_MILLISECONDS = 300_000
/** Both close a clean application in well under a second; after this it is killed. */
const STOP_LIMIT_MILLISECONDS = 25_000

/** A running engine. */
export class EngineProcess {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #log: string
  readonly #ended: Promise<string>
  #end: string | undefined
  #storeMemoryMiB = 0

  private constructor(child: ChildProcess, log: string) {
    this.#child = child
    this.#log = log
    this.pid = child.pid ?? -1
    // Read in any case: what nobody reads would keep the pipe, and with it the end of the process, open.
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#storeMemoryMiB = Number([...chunk.toString().matchAll(/^STORE-MEMORY (\d+)$/gm)].at(-1)?.[1] ?? this.#storeMemoryMiB)
    })
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code, signal) => resolve(String(code ?? signal)))
    })
    this.#ended.then((end) => {
      this.#end = end
    })
  }

  /** Starts it. Its errors go to `<folder>/<application id>.log`. */
  static start(engine: Engine, settings: EngineSettings, { folder, signal }: EngineEnvironment): EngineProcess {
    const { file, args, env } = engine.command(settings)
    const log = join(folder, `${settings.applicationId}.log`)
    const errors = openSync(log, 'a')
    const environment = { ...process.env, JAVA_TOOL_OPTIONS: undefined, JDK_JAVA_OPTIONS: undefined, CLASSPATH: undefined, PYTHONPATH: undefined, ...env }
    try {
      return new EngineProcess(spawn(file, args, { stdio: ['ignore', 'pipe', errors], env: environment, signal, killSignal: 'SIGKILL' }), log)
    } finally {
      closeSync(errors)
    }
  }

  /** Waits until it says that it runs. */
  async running(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#child.stdout!.on('data', (chunk: Buffer) => chunk.includes('RUNNING') && resolve())
    this.#ended.then(() => reject(this.failure()))
    const limit = setTimeout(() => reject(new Error(`not running after ${START_LIMIT_MILLISECONDS / 1000} s; its log is ${this.#log}`)), START_LIMIT_MILLISECONDS)
    try {
      await promise
    } finally {
      clearTimeout(limit)
    }
  }

  /** What its databases hold in memory, as it last said. */
  get storeMemoryMiB(): number {
    return this.#storeMemoryMiB
  }

  get hasEnded(): boolean {
    return this.#end !== undefined
  }

  /** What to throw when it ended by itself. */
  failure(): Error {
    return new Error(`The process ended with ${this.#end}:\n${readFileSync(this.#log, 'utf8').trim().split('\n').slice(-20).join('\n')}`)
  }

  async stop(): Promise<void> {
    if (this.#end === undefined) {
      this.#child.kill('SIGTERM')
      const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MILLISECONDS)
      await this.#ended
      clearTimeout(limit)
    }
  }
}
