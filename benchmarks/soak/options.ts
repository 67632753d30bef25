/** The command line of the soak. */
import { count, parse } from '../command-line.ts'

export interface SoakOptions {
  readonly json: string | undefined
  /** Into docs/. */
  readonly draw: boolean
  readonly minutes: number
  readonly ratePerSecond: number
  readonly keys: number
  readonly killEverySeconds: number
  /** Of each instance's databases. */
  readonly storeMemoryMiB: number
}

export const USAGE = `An hour of the engine under a steady load: two instances, one of them killed every so often, every output verified.

  npm run soak -- [options]

  --minutes N         default 60
  --json FILE         also write every sample
  --draw              write docs/benchmarks/soak.md and soak.svg
  --rate N            events a second; default 2000
  --keys N            default 100000
  --kill-every N      seconds between two SIGKILLs; default 300, 0: none
  --store-memory N    MiB that the databases of an instance may take (storeMemoryMiB); default 256

The memory of the databases must stay within its bound. What grows is judged from 20 minutes on: resident memory,
threads and open files that the surviving instance has in the last quarter against the second. The broker is that of
the file named by MILLRACE_STACK, else one that is started for it and stopped after it.
Exit codes: 0 done, 1 failed or wrong outputs, 2 wrong usage, 3 something grows, or is above its bound.
`

const OPTIONS = {
  json: { type: 'string' },
  draw: { type: 'boolean' },
  minutes: { type: 'string' },
  rate: { type: 'string' },
  keys: { type: 'string' },
  'kill-every': { type: 'string' },
  'store-memory': { type: 'string' },
} as const

/** Throws UsageError. */
export function parseSoakOptions(args: readonly string[]): SoakOptions {
  const values = parse(args, OPTIONS)
  return {
    json: values.json,
    draw: values.draw ?? false,
    minutes: count('--minutes', values.minutes, 60, 1),
    ratePerSecond: count('--rate', values.rate, 2_000, 1),
    keys: count('--keys', values.keys, 100_000, 1),
    killEverySeconds: count('--kill-every', values['kill-every'], 300, 0),
    storeMemoryMiB: count('--store-memory', values['store-memory'], 256, 16),
  }
}
