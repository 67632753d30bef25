import { spawn } from 'node:child_process'
import { StringDecoder } from 'node:string_decoder'
import type { Outcome } from './report.ts'
import { TapCounter } from './tap.ts'

/** A file that says nothing for so long is stuck; without this one stuck test would hold CI until its own limit. */
const SILENCE_MILLISECONDS = 5 * 60_000
/** How much of a file's standard error is kept to be shown when it fails. */
const KEPT_ERROR_CHARACTERS = 20_000

const running = new Set<number>()

/** Kills the files that are running now, with everything they started. */
export function killRunning(): void {
  for (const pid of running) {
    killGroup(pid)
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

export interface RunFileOptions {
  readonly checkout: string
  readonly env: Readonly<Record<string, string>>
  readonly silence?: number
}

/** Runs one test file in a process (and process group) of its own and counts what it reports. */
export function runFile(path: string, options: RunFileOptions): Promise<Outcome> {
  const { checkout, env, silence = SILENCE_MILLISECONDS } = options
  const begin = performance.now()
  return new Promise((resolve) => {
    const counter = new TapCounter()
    const decoder = new StringDecoder('utf8')
    let errors = ''
    let stuck = false
    const child = spawn(process.execPath, [path], { cwd: checkout, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const { pid } = child
    if (pid !== undefined) {
      running.add(pid)
    }
    const watch = setTimeout(() => {
      stuck = true
      if (pid !== undefined) {
        killGroup(pid)
      }
    }, silence)
    child.stdout.on('data', (chunk: Buffer) => {
      watch.refresh()
      counter.write(decoder.write(chunk))
    })
    child.stderr.on('data', (chunk: Buffer) => {
      watch.refresh()
      errors = (errors + chunk.toString()).slice(-KEPT_ERROR_CHARACTERS)
    })
    child.on('error', (error) => {
      errors += error.message
    })
    // Whatever it started and left would hold the pipes open.
    child.on('exit', () => pid !== undefined && killGroup(pid))
    child.on('close', (code, signal) => {
      clearTimeout(watch)
      if (pid !== undefined) {
        running.delete(pid)
      }
      const tally = counter.end()
      const failures = [...tally.failures]
      if (stuck) {
        failures.push(`no output for ${silence / 1000} s: it was killed`)
      } else if (code !== 0 && failures.length === 0) {
        failures.push(`it ended with ${signal ?? `exit code ${code}`}`)
      } else if (tally.passed === 0 && failures.length === 0) {
        failures.push('it asserted nothing')
      }
      if (failures.length > 0 && errors.trim() !== '') {
        failures[failures.length - 1] += `\nstandard error:\n${errors.trim()}`
      }
      resolve({ name: path, passed: tally.passed, failures, seconds: (performance.now() - begin) / 1000 })
    })
  })
}
