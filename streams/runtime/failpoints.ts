/**
 * Places where a test lets the process die: `MILLRACE_FAILPOINT=name[:n]` kills it with SIGKILL when it comes there for
 * the n-th time; `name:n:freeze` stops it with SIGSTOP, until SIGCONT. Refused unless `MILLRACE_TEST=1` says that this is a test.
 */
import { StreamsError } from '../errors.ts'

export const FAILPOINTS = ['generation.closed', 'produce.sent', 'offsets.sent', 'endTxn.sent', 'endTxn.answered', 'applied.before', 'applied.after'] as const

/** Of snapshots of local state: taking one, and opening a state from one. */
export const SNAPSHOT_FAILPOINTS = ['snapshot.copied', 'snapshot.described', 'snapshot.published', 'snapshot.pruned', 'snapshot.fetching', 'snapshot.fetched', 'snapshot.opened'] as const

export type Failpoint = (typeof FAILPOINTS)[number] | (typeof SNAPSHOT_FAILPOINTS)[number]

const KNOWN: readonly string[] = [...FAILPOINTS, ...SNAPSHOT_FAILPOINTS]

export type HitFailpoint = (name: Failpoint) => void

const NOTHING: HitFailpoint = () => undefined

/** More than the signal needs to stop all threads; the time goes on while they are stopped. */
const STOPPING_MS = 500

const ACTIONS = {
  kill: () => signalThisProcess('SIGKILL'),
  freeze: () => signalThisProcess('SIGSTOP', STOPPING_MS),
}

/** Reads the environment. Throws `CONFIG_INVALID` for an unknown name and outside tests. */
export function failpointsFrom(environment: { readonly [key: string]: string | undefined }, actions = ACTIONS): HitFailpoint {
  const setting = environment['MILLRACE_FAILPOINT']
  if (setting === undefined || setting === '') {
    return NOTHING
  }
  if (environment['MILLRACE_TEST'] !== '1') {
    throw new StreamsError('CONFIG_INVALID', 'MILLRACE_FAILPOINT kills the process and works in tests only (MILLRACE_TEST=1): unset it.')
  }
  const [name, count = '1', action = 'kill'] = setting.split(':')
  const at = Number(count)
  if (!KNOWN.includes(name!) || !Number.isSafeInteger(at) || at < 1 || !isAction(action)) {
    throw new StreamsError('CONFIG_INVALID', `MILLRACE_FAILPOINT is none of ${KNOWN.join(', ')}, each with an optional ":n", n ≥ 1, and behind it an optional ":freeze".`)
  }
  let left = at
  return (hit) => {
    if (hit === name && --left === 0) {
      actions[action]()
    }
  }
}

function isAction(action: string): action is keyof typeof ACTIONS {
  return Object.hasOwn(ACTIONS, action)
}

/** The signal is delivered asynchronously to a worker: nothing may run on meanwhile. */
function signalThisProcess(signal: NodeJS.Signals, waitMs?: number): void {
  process.kill(process.pid, signal)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs)
}
