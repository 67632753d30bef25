/** An example's `main.ts` as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export class ExampleProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<[number | null, NodeJS.Signals | null]>
  #output = ''
  #wake: (() => void) | undefined

  constructor(folder: string, env: { readonly [name: string]: string }) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, '..', folder, 'main.ts')], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#exited = once(this.#child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString()
        this.#wake?.()
      })
    }
    this.#child.once('exit', () => this.#wake?.())
  }

  /** What it has printed. */
  get output(): string {
    return this.#output
  }

  /** Resolves at RUNNING; rejects with what it printed if it ends before. */
  async running(): Promise<void> {
    while (!this.#output.includes(': RUNNING\n')) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`it ended:\n${this.#output}`)
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Ctrl-C. Returns the exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGINT')
    }
    const [code] = await this.#exited
    return code
  }
}
