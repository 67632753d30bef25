/** What a process has used, as the kernel counts it: all its threads, native ones too. Linux. */
import { readFileSync } from 'node:fs'

/** The unit of the times in /proc: USER_HZ, 100 a second on every Linux that Node.js runs on. */
const TICK_MICROSECONDS = 10_000

/** User and system time of all threads, dead ones included, in µs. */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The fields behind the name, which may hold spaces; the first is the third of proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS
}

/** The most memory it ever held at once, in MiB. */
export function peakMemoryMiB(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kilobytes) / 1024)
}

/** Time the processors of this machine were not idle since boot, in µs. */
export function machineBusyMicroseconds(): number {
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/).slice(1).map(Number)
  return (user + nice + system + interrupts + softInterrupts) * TICK_MICROSECONDS
}
