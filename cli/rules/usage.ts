import { parseArgs } from 'node:util'
import { documentTypes } from '../../processors/types.ts'
import { isTenantId } from '../../topology/topics.ts'

export const HELP = `A tenant's rule sets (docs/rules.md).

  npm run rules -- check FILE                             check a rule set (JSON) and run its examples
  npm run rules -- put FILE --tenant T [--type TYPE]      the same, then write it to the topic of rules; with --type it is for
                                                          that type of document alone, under its id and the type: default-invoice
  npm run rules -- list [--tenant T]                      what is in force, and what was refused and why

  --config FILE   the configuration of an instance; without it, that of what "npm start" runs here

A set takes effect for the next document once a running instance has accepted it. A tenant uses the set its record names
("ruleSet"), else the one with the id "default", else the built-in rules.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
`

/** A failure whose message is all that the user needs. */
export class CommandError extends Error {
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

export interface Usage {
  /** Absent: help is asked for. */
  readonly command?: 'check' | 'put' | 'list'
  /** Empty for `list`. */
  readonly file: string
  readonly tenant: string | undefined
  readonly type: string | undefined
  readonly config: string | undefined
}

/** What is asked for. @throws CommandError 2 */
export function usage(args: readonly string[]): Usage {
  const wrong = (what: string): CommandError => new CommandError(`${what}\n\n${HELP}`, 2)
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    throw wrong((error as Error).message)
  }
  const { values: { tenant, type, config, help }, positionals: [command, file, ...more] } = parsed
  if (help === true || command === 'help') {
    return { file: '', tenant, type, config }
  }
  if (command !== 'check' && command !== 'put' && command !== 'list') {
    throw wrong(command === undefined ? 'say what to do' : `there is no command '${command}'`)
  }
  if (more.length > 0 || (command === 'list') !== (file === undefined)) {
    throw wrong(command === 'list' ? 'list takes no file' : `${command} takes one file`)
  }
  if (command === 'put' && tenant === undefined) {
    throw wrong('put needs --tenant')
  }
  if (tenant !== undefined && !isTenantId(tenant)) {
    throw wrong('--tenant: 1 to 63 lower-case letters, digits and hyphens expected')
  }
  if (type !== undefined && (command !== 'put' || !documentTypes.some((one) => one === type))) {
    throw wrong(`--type goes with put, and is one of ${documentTypes.join(', ')}`)
  }
  return { command, file: file ?? '', tenant, type, config }
}

const parse = (args: readonly string[]) => parseArgs({
  args: [...args],
  options: { tenant: { type: 'string' }, type: { type: 'string' }, config: { type: 'string' }, help: { type: 'boolean' } },
  allowPositionals: true,
})
