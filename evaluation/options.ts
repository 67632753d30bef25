/** The command line of `npm run evaluate`. */
import { parseArgs } from 'node:util'

/** `standard`: tesseract.js alone. `thorough`: a second engine where the first one's words are doubtful. */
export type Profile = 'standard' | 'thorough'

export interface EvaluateOptions {
  /** Folders laid out like the sets of `README.md`. None: the project's own generated samples. */
  readonly data: readonly string[]
  /** Undefined: thorough where the second engine is installed, else standard. */
  readonly profile?: Profile
  readonly json?: string
  readonly html?: string
  /** Folder that keeps what was read, by content and engine version. */
  readonly cache?: string
  readonly dateOrder: 'day-month' | 'month-day'
  /** Recognising processes. */
  readonly processes: number
  /** Only so many documents of each set. */
  readonly limit?: number
}

export const USAGE = `npm run evaluate [-- options]
  --data DIR         a folder with documents and their truth (repeatable); a folder of such folders; default: generated samples
  --json FILE        write rows, intervals, calibration and timings
  --html FILE        write a page with the worst cases and their pictures
  --profile NAME     standard | thorough (default: thorough where the second engine is installed)
  --cache DIR        keep what was read, so that a change of extraction is scored in seconds
  --date-order ORDER day-month | month-day, for dates that can be read both ways (default: day-month)
  --processes N      recognising processes (default: 2)
  --limit N          only the first N documents of each set`

/** What the caller can mend: a message is all that is needed. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** @throws UsageError naming the option, what is allowed, and the help */
export function parseOptions(args: readonly string[]): EvaluateOptions | 'help' {
  let values: Record<string, string | string[] | boolean | undefined>
  try {
    values = parseArgs({
      args: [...args],
      options: {
        data: { type: 'string', multiple: true },
        json: { type: 'string' },
        html: { type: 'string' },
        profile: { type: 'string' },
        cache: { type: 'string' },
        'date-order': { type: 'string' },
        processes: { type: 'string' },
        limit: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${USAGE}`)
  }
  if (values['help'] === true) {
    return 'help'
  }
  const text = (name: string): string | undefined => values[name] as string | undefined
  const limit = text('limit')
  const json = text('json')
  const html = text('html')
  const cache = text('cache')
  const profile = text('profile')
  return {
    data: (values['data'] as string[] | undefined) ?? [],
    dateOrder: oneOf('date-order', text('date-order') ?? 'day-month', ['day-month', 'month-day'] as const),
    processes: whole('processes', text('processes') ?? '2'),
    ...(limit === undefined ? {} : { limit: whole('limit', limit) }),
    ...(json === undefined ? {} : { json }),
    ...(html === undefined ? {} : { html }),
    ...(cache === undefined ? {} : { cache }),
    ...(profile === undefined ? {} : { profile: oneOf('profile', profile, ['standard', 'thorough'] as const) }),
  }
}

function oneOf<const T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value)
  if (found === undefined) {
    throw new UsageError(`--${name} ${value}: one of ${allowed.join(', ')} expected`)
  }
  return found
}

function whole(name: string, value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) {
    throw new UsageError(`--${name} ${value}: a whole number from 1 expected`)
  }
  return Number(value)
}
