import { StreamsError } from './errors.ts'

/** Milliseconds, or a number with its unit: '200ms', '5s', '1m', '2h', '7d'. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const MILLISECONDS: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a duration, rounded. Throws `CONFIG_INVALID`, naming `option`, for anything negative, not finite or
 * unreadable, and for zero unless `allowZero`.
 */
export function milliseconds(option: string, duration: Duration, allowZero = false): number {
  let value = Number.NaN
  if (typeof duration === 'number') {
    value = duration
  } else if (typeof duration === 'string') {
    const match = /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration)
    value = match === null ? Number.NaN : Number(match[1]) * MILLISECONDS[match[2]!]!
  }
  if (!Number.isFinite(value) || value < 0 || (value === 0 && !allowZero)) {
    throw new StreamsError(
      'CONFIG_INVALID',
      `${option} is ${JSON.stringify(duration)}: give ${allowZero ? 'zero or more' : 'more than zero'} milliseconds, or a text such as '200ms', '5s', '1m', '2h', '7d'.`
    )
  }
  return Math.round(value)
}

/** Checks a whole number of at least `minimum`; throws `CONFIG_INVALID` naming `option`. */
export function wholeNumber(option: string, value: number, minimum = 1): number {
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new StreamsError('CONFIG_INVALID', `${option} is ${String(value)}: give a whole number of at least ${minimum}.`)
  }
  return value
}
