import { readFileSync, statSync } from 'node:fs'
import { checkWithExamples, type RuleSet } from '../../processors/validate/index.ts'
import { CommandError } from './usage.ts'

const MOST_BYTES = 1024 * 1024


/** The rule set of a file, checked, its examples run. @throws CommandError with one line for each thing that is wrong */
export async function checked(file: string): Promise<RuleSet> {
  let value: unknown
  try {
    if (statSync(file).size > MOST_BYTES) {
      throw new Error(`more than ${MOST_BYTES} bytes`)
    }
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message}`)
  }
  const errors = await checkWithExamples(value)
  if (errors.length > 0) {
    const ids = ((value as { readonly rules?: readonly { readonly id?: unknown }[] } | null)?.rules ?? []) as unknown
    const named = (field: string): string => {
      const rule: unknown = Array.isArray(ids) ? (ids as readonly ({ readonly id?: unknown } | null)[])[Number(/^rules\[(\d+)\]/.exec(field)?.[1] ?? -1)]?.id : undefined
      return typeof rule === 'string' ? ` (rule ${rule.slice(0, 63)})` : ''
    }
    throw new CommandError(`${file} is refused:\n${errors.map(({ field, reason }) => `  ${field === '' ? 'the set' : field}${named(field)}: ${reason}`).join('\n')}`)
  }
  return value as RuleSet
}
