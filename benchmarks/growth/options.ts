/** The command line of the growth curves, and the points it asks for. */
import { count, counts, parse } from '../command-line.ts'

export const AXES = ['partitions', 'keys', 'valueBytes'] as const
export type Axis = (typeof AXES)[number]

export interface GrowthOptions {
  readonly json: string | undefined
  /** Into docs/. */
  readonly draw: boolean
  readonly budgetMinutes: number
  /** Worked off with the state filled. */
  readonly records: number
  readonly points: { readonly [axis in Axis]: readonly number[] }
}

/** One measurement. */
export interface Point {
  readonly axis: Axis
  readonly partitions: number
  readonly keys: number
  readonly valueBytes: number
  readonly records: number
}

const POINTS: GrowthOptions['points'] = {
  partitions: [1, 2, 4, 8, 16, 32, 64],
  keys: [10_000, 100_000, 1_000_000, 10_000_000],
  valueBytes: [100, 1_000, 10_000, 100_000],
}
/** What a point has on the axes that are not its own. */
export const BASE = { partitions: 4, keys: 100_000, valueBytes: 100 } as const
const RECORDS = 500_000
const MINUTES = 20
/** Large values come in fewer records: what a point reads stays below this. */
const POINT_BYTES = 300e6

export const USAGE = `How Millrace's costs grow with partitions, state and the size of values: throughput, CPU, memory, restore.

  npm run benchmark -- growth [options]

  --json FILE             also write the figures
  --draw                  write docs/benchmarks/growth.md and growth.svg
  --minutes N             begin no point that would end later than this after the start; default ${MINUTES}
  --records N             worked off in each point; default ${RECORDS}, fewer where values are large
  --partitions N[,N…]     default ${POINTS.partitions.join(',')}
  --keys N[,N…]           default ${POINTS.keys.join(',')}
  --value-bytes N[,N…]    default ${POINTS.valueBytes.join(',')}

What is not varied is ${BASE.partitions} partitions, ${BASE.keys} keys and values of ${BASE.valueBytes} bytes; one stream thread. The broker is that of
the file named by MILLRACE_STACK, else one that is started for it and stopped after it.
Exit codes: 0 done, 1 failed or wrong outputs, 2 wrong usage.
`

const OPTIONS = {
  json: { type: 'string' },
  draw: { type: 'boolean' },
  minutes: { type: 'string' },
  records: { type: 'string' },
  partitions: { type: 'string' },
  keys: { type: 'string' },
  'value-bytes': { type: 'string' },
} as const

/** Throws UsageError. */
export function parseGrowthOptions(args: readonly string[]): GrowthOptions {
  const values = parse(args, OPTIONS)
  return {
    json: values.json,
    draw: values.draw ?? false,
    budgetMinutes: count('--minutes', values.minutes, MINUTES, 1),
    records: count('--records', values.records, RECORDS, 1_000),
    points: {
      partitions: counts('--partitions', values.partitions, POINTS.partitions, 1),
      keys: counts('--keys', values.keys, POINTS.keys, 1),
      valueBytes: counts('--value-bytes', values['value-bytes'], POINTS.valueBytes, 100),
    },
  }
}

/** All points, those with the least work first: what a budget cuts off is the largest, and each says what the next will take. */
export function planOf({ points, records }: GrowthOptions): Point[] {
  return AXES.flatMap((axis) => points[axis].map((value) => {
    const point = { ...BASE, [axis]: value }
    const fitting = Math.floor(POINT_BYTES / point.valueBytes)
    return { axis, ...point, keys: axis === 'keys' ? point.keys : Math.min(point.keys, fitting), records: Math.min(records, fitting) }
  })).sort((a, b) => workOf(a) - workOf(b))
}

/** In units of records of 100 bytes: filling is written, worked off, restored and read again, and a byte costs, too. */
export function workOf({ partitions, keys, records, valueBytes }: Point): number {
  return (3 * keys + 2 * records) * (1 + valueBytes / 1_000) + partitions * 5_000
}
