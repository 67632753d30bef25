/** The measure of a pipeline around an engine: the engine alone, with the pipeline's data, parameters and number of workers. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuMicroseconds } from '../engine/process-usage.ts'
import type { FromBareEngine, ToBareEngine } from './bare-engine-process.ts'

export class BareEngine {
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-bare-engine-'))
  readonly #child: ChildProcess
  readonly #files = new Map<Uint8Array, string>()

  private constructor(workers: number) {
    this.#child = fork(join(import.meta.dirname, 'bare-engine-process.ts'), [String(workers)], { execArgv: ['--disable-warning=ExperimentalWarning'] })
  }

  static async start(workers: number): Promise<BareEngine> {
    const engine = new BareEngine(workers)
    await engine.#answer()
    return engine
  }

  /** Reads images from files; throws if the engine cannot read one. */
  async takeAll(documents: Iterable<Uint8Array>): Promise<void> {
    const files: ToBareEngine = [...documents].map((bytes) => this.#fileOf(bytes))
    this.#child.send(files)
    const answer = await this.#answer()
    if ('failed' in answer && answer.failed > 0) {
      throw new Error(`the bare engine did not read ${answer.failed} of ${files.length} documents`)
    }
  }

  /** Processor time so far, µs. */
  usage(): number {
    return cpuMicroseconds(this.#child.pid!)
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.disconnect()
      await once(this.#child, 'exit')
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #fileOf(bytes: Uint8Array): string {
    const known = this.#files.get(bytes)
    if (known !== undefined) {
      return known
    }
    const file = join(this.#folder, String(this.#files.size))
    writeFileSync(file, bytes)
    this.#files.set(bytes, file)
    return file
  }

  async #answer(): Promise<FromBareEngine> {
    const ended = new AbortController()
    try {
      const exit = once(this.#child, 'exit', { signal: ended.signal }).then(([code]) => Promise.reject(new Error(`the bare engine ended with ${code}`)))
      const message = once(this.#child, 'message', { signal: ended.signal })
      exit.catch(() => undefined)
      message.catch(() => undefined)
      const [answer] = await Promise.race([message, exit])
      return answer as FromBareEngine
    } finally {
      ended.abort()
    }
  }
}
