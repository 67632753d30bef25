/** What a command is, and how it speaks: lines to standard output, remarks to standard error, an exit code at the end. */
import type { ParseArgsOptionsConfig } from 'node:util'
import { parseArgs } from 'node:util'

/** The command was called wrongly: its usage is shown and the exit code is 2. */
export class UsageError extends Error {}

/** 0: done. 1: it could not be done, or found what a deploy should stop for. 2: wrong usage. */
export type ExitCode = 0 | 1 | 2

export interface Output {
  line(text: string): void
  /** Not part of the answer: progress, warnings. */
  remark(text: string): void
}

export interface Arguments {
  readonly positionals: readonly string[]
  /** The option's text; undefined if it was not given. */
  text(name: string): string | undefined
  flag(name: string): boolean
  /** Comma-separated, may be given more than once. */
  list(name: string): readonly string[]
  /** A whole number of at least `minimum`. */
  number(name: string, minimum: number): number | undefined
}

export interface Command {
  /** Words after `millrace`. */
  readonly name: string
  readonly summary: string
  /** Behind the name in the first line of its help. */
  readonly usage: string
  readonly help: string
  readonly options: ParseArgsOptionsConfig
  /** Smallest and largest number of words behind the name. */
  readonly positionals: readonly [number, number]
  run(args: Arguments, out: Output): Promise<ExitCode>
}

/** Checks the words and options of one command. Throws `UsageError`. */
export function parseCommand(command: Command, words: readonly string[]): Arguments {
  const { values, positionals } = parsed(command, words)
  const [least, most] = command.positionals
  if (positionals.length < least) {
    throw new UsageError(`${command.name} needs ${command.usage.split(' ').slice(0, least).join(' ')}`)
  }
  if (positionals.length > most) {
    throw new UsageError(`${command.name}: unexpected '${positionals[most]}'`)
  }
  const text = (name: string): string | undefined => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  return {
    positionals,
    text,
    flag: (name) => values[name] === true,
    list: (name) => {
      const value = values[name]
      return (Array.isArray(value) ? value : []).flatMap((part) => String(part).split(',')).map((part) => part.trim()).filter((part) => part !== '')
    },
    number: (name, minimum) => {
      const value = text(name)
      if (value === undefined) {
        return undefined
      }
      const number = Number(value)
      if (value.trim() === '' || !Number.isSafeInteger(number) || number < minimum) {
        throw new UsageError(`--${name} is ${JSON.stringify(value)}: give a whole number${minimum === Number.MIN_SAFE_INTEGER ? '' : ` of at least ${minimum}`}`)
      }
      return number
    },
  }
}

function parsed(command: Command, words: readonly string[]) {
  try {
    return parseArgs({ args: negativesJoined(command, words), options: command.options, allowPositionals: true })
  } catch (error) {
    // Node's own words name the option; the second sentence is about `--`.
    throw new UsageError(`${command.name}: ${(error as Error).message.split('. ')[0]}`)
  }
}

/** `--shift-by -100`, as Kafka's own tools take it: Node.js would ask for `--shift-by=-100`. */
function negativesJoined({ options }: Command, words: readonly string[]): string[] {
  const takesText = (word: string | undefined): boolean => word?.startsWith('--') === true && options[word.slice(2)]?.type === 'string'
  return words.flatMap((word, i) => {
    const next = words[i + 1]
    if (takesText(word) && /^-\d/.test(next ?? '')) {
      return [`${word}=${next}`]
    }
    return takesText(words[i - 1]) && /^-\d/.test(word) ? [] : [word]
  })
}

export function helpOf(command: Command): string {
  return `millrace ${command.name} ${command.usage}\n\n${command.help.trimEnd()}\n`
}
