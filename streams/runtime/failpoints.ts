/**
 * Places where a test lets the process die: `MILLRACE_FAILPOINT=name[:n]` kills it with SIGKILL when it comes there for
 * the n-th time. Refused unless `MILLRACE_TEST=1` says that this is a test.
 */
import { StreamsError } from '../errors.ts'

export const FAILPOINTS = ['generation.closed', 'produce.sent', 'offsets.sent', 'endTxn.sent', 'endTxn.answered', 'applied.before', 'applied.after'] as const

/** Of snapshots of local state: taking one, and opening a state from one. */
export const SNAPSHOT_FAILPOINTS = ['snapshot.copied', 'snapshot.described', 'snapshot.published', 'snapshot.pruned', 'snapshot.fetching', 'snapshot.fetched', 'snapshot.opened'] as const

export type Failpoint = (typeof FAILPOINTS)[number] | (typeof SNAPSHOT_FAILPOINTS)[number]

const KNOWN: readonly string[] = [...FAILPOINTS, ...SNAPSHOT_FAILPOINTS]

export type HitFailpoint = (name: Failpoint) => void

const NOTHING: HitFailpoint = () => undefined

/** Reads the environment. Throws `CONFIG_INVALID` for an unknown name and outside tests. */
export function failpointsFrom(environment: { readonly [key: string]: string | undefined }, kill = killThisProcess): HitFailpoint {
  const setting = environment['MILLRACE_FAILPOINT']
  if (setting === undefined || setting === '') {
    return NOTHING
  }
  if (environment['MILLRACE_TEST'] !== '1') {
    throw new StreamsError('CONFIG_INVALID', 'MILLRACE_FAILPOINT kills the process and works in tests only (MILLRACE_TEST=1): unset it.')
  }
  const [name, count = '1'] = setting.split(':')
  const at = Number(count)
  if (!KNOWN.includes(name!) || !Number.isSafeInteger(at) || at < 1) {
    throw new StreamsError('CONFIG_INVALID', `MILLRACE_FAILPOINT is none of ${KNOWN.join(', ')}, each with an optional ":n", n ≥ 1.`)
  }
  let left = at
  return (hit) => {
    if (hit === name && --left === 0) {
      kill()
    }
  }
}

function killThisProcess(): void {
  process.kill(process.pid, 'SIGKILL')
  // The signal is delivered asynchronously to a worker: nothing may run on meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
