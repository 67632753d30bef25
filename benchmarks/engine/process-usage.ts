/** What a process has used, as the kernel counts it: all its threads, native ones too. Linux. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The unit of the times in /proc: USER_HZ, 100 a second on every Linux that Node.js runs on. */
const TICK_MICROSECONDS = 10_000

/** User and system time of all threads, dead ones included, in µs. */
export function cpuMicroseconds(pid: number): number {
  const fields = statOf(pid)
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS
}

/** The same of all its children that have ended. */
export function endedChildrenMicroseconds(pid: number): number {
  const fields = statOf(pid)
  return (Number(fields[13]) + Number(fields[14])) * TICK_MICROSECONDS
}

/** The fields behind the name, which may hold spaces; the first is the third of proc(5). */
function statOf(pid: number | string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The most memory it ever held at once, in MiB. */
export function peakMemoryMiB(pid: number): number {
  return Math.round(Number(statusOf(pid, 'VmHWM')) / 1024)
}

/** What it holds now, in MiB. */
export function residentMiB(pid: number): number {
  return Math.round(Number(statusOf(pid, 'VmRSS')) / 1024)
}

/** Native ones too. */
export function threadsOf(pid: number): number {
  return Number(statusOf(pid, 'Threads'))
}

/** Its file descriptors: files, sockets, pipes. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function statusOf(pid: number, field: string): string | undefined {
  return new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
}

/** Its children, with their command lines; arguments end with a zero. */
export function childrenOf(parent: number): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const ppid = Number(statOf(name)[1])
      return ppid === parent ? [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8') }] : []
    } catch {
      return [] // It has just ended.
    }
  })
}

/** All files below a folder, which may come and go meanwhile, in MiB. */
export function folderMiB(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0
    }
  }
  return Math.round(bytes / 2 ** 20)
}

/** Time the processors of this machine were not idle since boot, in µs. */
export function machineBusyMicroseconds(): number {
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/).slice(1).map(Number)
  return (user + nice + system + interrupts + softInterrupts) * TICK_MICROSECONDS
}
