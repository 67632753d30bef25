// Operating-system processes that outlive the command which started them.
import { type SpawnOptions, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { StackError } from './errors.ts'

/** A program to run. Without `user`, as ourselves. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly folder: string
  /** Added to our own environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly user?: { readonly uid: number; readonly gid: number }
  /** What a program that runs to its end reads from its standard input. */
  readonly input?: string
}

/** A process as written to the pid file. The start time tells it from a later process that got the same id. */
export interface ProcessRecord {
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly start: string
}

/** The fields of /proc/PID/stat from the third on (state, parent, …); undefined if there is no such process. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** When a process started, as the kernel says it; undefined if there is no such process or it has ended. */
export function processStart(pid: number): string | undefined {
  const fields = statFields(pid)
  return fields === undefined || hasEnded(fields) ? undefined : fields[19]
}

/** A zombie with threads has lost its first one only: a killed JVM holds its ports until the last of hundreds is gone. */
function hasEnded([state, ...rest]: readonly string[]): boolean {
  return state === 'X' || (state === 'Z' && Number(rest[16]) <= 1)
}

/** Whether the process still runs and is the one that was recorded. */
export function isSameProcess(pid: number, start: string): boolean {
  return processStart(pid) === start
}

/** Resident memory in MiB; undefined if the process is gone. */
export function residentMemory(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1024)
  } catch {
    return undefined
  }
}

function options(command: Command): SpawnOptions {
  return { cwd: command.folder, env: { ...process.env, ...command.env }, ...(command.user ? { uid: command.user.uid, gid: command.user.gid } : {}) }
}

/**
 * Starts a program in a session of its own with its output in a log file; the last run's log is kept beside it.
 * Throws StackError PREPARE_FAILED if it cannot be started at all.
 */
export function startDetached(command: Command, log: string): ProcessRecord {
  if (existsSync(log)) {
    renameSync(log, `${log}.1`)
  }
  const output = openSync(log, 'a', 0o600)
  try {
    const child = spawn(command.file, [...command.args], { ...options(command), detached: true, stdio: ['ignore', output, output] })
    child.on('error', () => undefined)
    child.unref()
    const start = child.pid === undefined ? undefined : processStart(child.pid)
    if (child.pid === undefined || start === undefined) {
      throw new StackError('PREPARE_FAILED', `${command.file} could not be started; its log is ${log}`)
    }
    return { pid: child.pid, start }
  } finally {
    closeSync(output)
  }
}

/** Runs a program to its end. Throws StackError PREPARE_FAILED with the end of its output if it fails. */
export async function runToEnd(command: Command, what: string, signal?: AbortSignal): Promise<void> {
  const child = spawn(command.file, [...command.args], { ...options(command), stdio: ['pipe', 'pipe', 'pipe'], signal })
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(command.input ?? '')
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-8_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, by) => resolve(status ?? by ?? 'unknown'))
  })
  if (code !== 0) {
    throw new StackError('PREPARE_FAILED', `${what} failed (${code}):\n${output.trim()}`)
  }
}

/**
 * Asks a process to stop and waits; kills it when it takes longer than `patience` milliseconds. Says which of the two it was; 'gone' if it had ended before.
 */
export async function stopProcess(record: ProcessRecord, stopSignal: NodeJS.Signals, patience: number): Promise<'stopped' | 'killed' | 'gone'> {
  if (!isSameProcess(record.pid, record.start)) {
    return 'gone'
  }
  const children = childrenOf(record.pid)
  signalProcess(record.pid, stopSignal)
  const inTime = await waitForEnd(record, patience)
  if (!inTime) {
    signalProcess(record.pid, 'SIGKILL')
    await waitForEnd(record, CHILDREN_PATIENCE_MILLISECONDS)
  }
  // A killed PostgreSQL leaves children that end a moment later; until then it could not be started again.
  for (const child of children) {
    if (!(await waitForEnd(child, CHILDREN_PATIENCE_MILLISECONDS))) {
      signalProcess(child.pid, 'SIGKILL')
      await waitForEnd(child, CHILDREN_PATIENCE_MILLISECONDS)
    }
  }
  if (!inTime || stopSignal === 'SIGKILL') {
    await waitForReaping(record)
  }
  return inTime ? 'stopped' : 'killed'
}

/** Until its parent has taken note of its end, PostgreSQL takes a killed server for a running one and does not start. */
async function waitForReaping({ pid, start }: ProcessRecord): Promise<void> {
  const deadline = Date.now() + REAPING_PATIENCE_MILLISECONDS
  while (statFields(pid)?.[19] === start && Date.now() < deadline) {
    await pause(50)
  }
}

/** Where nobody reaps orphans at all, waiting longer would help nobody. */
const REAPING_PATIENCE_MILLISECONDS = 5_000

/** How long processes whose parent was killed may take to notice. */
const CHILDREN_PATIENCE_MILLISECONDS = 10_000

function childrenOf(parent: number): ProcessRecord[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    const fields = statFields(Number(name))
    return fields?.[1] === String(parent) && fields[19] !== undefined ? [{ pid: Number(name), start: fields[19] }] : []
  })
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error
    }
  }
}

async function waitForEnd(record: ProcessRecord, patience: number): Promise<boolean> {
  const deadline = Date.now() + patience
  while (isSameProcess(record.pid, record.start)) {
    if (Date.now() > deadline) {
      return false
    }
    await pause(50)
  }
  return true
}
