import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { StackError } from './errors.ts'
import { isSameProcess, processStart } from './process.ts'

/** Runs `work` while this process alone holds the lock file; a lock whose process is gone is taken over. */
export async function withLock<T>(path: string, what: string, waitMilliseconds: number, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true })
  const deadline = Date.now() + waitMilliseconds
  while (!tryLock(path)) {
    if (Date.now() > deadline) {
      throw new StackError('BUSY', `another process is ${what} (lock file ${path}); waited ${waitMilliseconds / 1000} s`)
    }
    await pause(100)
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

function tryLock(path: string): boolean {
  try {
    writeFileSync(path, JSON.stringify({ pid: process.pid, start: processStart(process.pid) }), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error
    }
  }
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; start: string }
    if (!isSameProcess(owner.pid, owner.start)) {
      rmSync(path, { force: true })
    }
  } catch {
    // Just being written, or just released: the next attempt sees which.
  }
  return false
}
