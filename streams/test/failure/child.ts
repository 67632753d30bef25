/** Starts, watches, kills `app.ts`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { KafkaStreamsOptions } from '../../index.ts'

export interface Report {
  readonly at: number
  readonly state?: string
  readonly tasks?: readonly string[]
  readonly question?: string
  /** Copies that have caught up with their changelogs. */
  readonly copies?: readonly string[]
  /** Records applied to copies so far. */
  readonly fed?: number
  /** Memberships lost so far. */
  readonly lost?: number
  /** Commits so far. */
  readonly commits?: number
  /** Generations dropped so far. */
  readonly dropped?: number
  /** A store of a task, or of a copy, that begins to be read from its changelog. */
  readonly restore?: { readonly task: string; readonly from: number; readonly to: number; readonly copy: boolean }
  readonly warning?: string
  readonly error?: string
  readonly code?: string
  readonly closed?: boolean
  readonly counters?: readonly { readonly [name: string]: number }[]
}

export type ChildOptions = Omit<KafkaStreamsOptions, 'topology'> & { topology?: string }

export class Child {
  readonly reports: Report[] = []
  readonly process: ChildProcess
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  #stderr = ''
  #waiters: (() => void)[] = []
  #ended = false
  #questions = 0

  /** `fileBytes`: no file of the process grows beyond it, as on a full disk; Node.js ignores SIGXFSZ, so writes fail with EFBIG. */
  constructor(options: ChildOptions, environment: { [name: string]: string } = {}, fileBytes?: number) {
    const command = [process.execPath, fileURLToPath(new URL('./app.ts', import.meta.url)), JSON.stringify(options)]
    // `ulimit -f` counts in blocks of 512 bytes (POSIX).
    const limited = fileBytes === undefined ? command : ['sh', '-c', `ulimit -f ${fileBytes / 512} && exec "$@"`, 'sh', ...command]
    this.process = spawn(limited[0]!, limited.slice(1), {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.exited = once(this.process, 'exit').then(([code, signal]) => {
      this.#ended = true
      this.#wake()
      return { code, signal }
    })
    this.process.stderr!.on('data', (data) => {
      this.#stderr += data
    })
    createInterface(this.process.stdout!).on('line', (line) => {
      this.reports.push(JSON.parse(line))
      this.#wake()
    })
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) {
      wake()
    }
  }

  /** Resolves with the first report, from now or before, that fits. Rejects when the process ends first. */
  async report(fits: (report: Report) => boolean, after = 0): Promise<Report> {
    for (;;) {
      const found = this.reports.find((report) => report.at >= after && fits(report))
      if (found !== undefined) {
        return found
      }
      if (this.#ended) {
        throw new Error(`The process ended: ${this.summary}`)
      }
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  /** Asks for the tasks it runs now. */
  async tasks(): Promise<readonly string[]> {
    return (await this.asked()).tasks ?? []
  }

  /** Asks what it runs and has now. */
  async asked(): Promise<Report> {
    const question = `${++this.#questions}`
    this.process.send({ question })
    return this.report((report) => report.question === question)
  }

  running(): Promise<Report> {
    return this.report((report) => report.state === 'RUNNING')
  }

  get warnings(): string[] {
    return this.reports.flatMap((report) => report.warning ?? [])
  }

  get ended(): boolean {
    return this.#ended
  }

  get summary(): string {
    return `${JSON.stringify(this.reports.slice(-8), undefined, 1)}\n${this.#stderr.slice(-4000)}`
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.exited
  }

  /** Stops it cleanly; throws unless it says so. */
  async stop(): Promise<Report> {
    this.process.kill('SIGTERM')
    const { code } = await this.exited
    const closed = this.reports.find((report) => report.closed === true)
    if (code !== 0 || closed === undefined) {
      throw new Error(`The process did not stop cleanly (${code}): ${this.summary}`)
    }
    return closed
  }
}
