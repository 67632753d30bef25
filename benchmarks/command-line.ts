/** What the commands of this folder share: options, `--help`, and usage errors told apart from failures. */
import process from 'node:process'
import { type ParseArgsConfig, parseArgs } from 'node:util'

/** A command line that cannot be followed; the message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Runs `body` and returns its exit code: 0 after `--help`, 2 for a UsageError. */
export async function command(usage: string, args: readonly string[], body: () => Promise<number>): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage)
    return 0
  }
  try {
    return await body()
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${usage}`)
      return 2
    }
    throw error
  }
}

type Options = NonNullable<ParseArgsConfig['options']>

/** The options' values as they were written. Throws UsageError for one that is not known or lacks its value. */
export function parse<const T extends Options>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Some of the choices, separated by commas, each once. */
export function choices<T extends string>(option: string, value: string | undefined, all: readonly T[], fallback: readonly T[]): readonly T[] {
  return value === undefined ? fallback : [...new Set(value.split(',').map((name) => choice(option, name, all)))]
}

function choice<T extends string>(option: string, value: string, all: readonly T[]): T {
  if (!all.includes(value as T)) {
    throw new UsageError(`${option} is '${value}': give ${all.join(' or ')}`)
  }
  return value as T
}

/** A whole number. */
export function count(option: string, value: string | undefined, fallback: number, minimum: number): number {
  const number = value === undefined ? fallback : Number(value)
  if (!Number.isSafeInteger(number) || number < minimum) {
    throw new UsageError(`${option} is '${value}': give a whole number of at least ${minimum}`)
  }
  return number
}

/** Whole numbers, separated by commas, each once. */
export function counts(option: string, value: string | undefined, fallback: readonly number[], minimum: number): readonly number[] {
  return value === undefined ? fallback : [...new Set(value.split(',').map((one) => count(option, one, 0, minimum)))]
}
