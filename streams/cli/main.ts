import { existsSync, readFileSync } from 'node:fs'
import { StreamsError } from '../errors.ts'
import { requireNode } from '../node-version.ts'
import { StateStoreError } from 'millrace-state-stores'
import type { Command, ExitCode, Output } from './command.ts'
import { helpOf, parseCommand, UsageError } from './command.ts'
import { deadLettersList, deadLettersReplay, deadLettersShow } from './dead-letters.ts'
import { describeTopology } from './describe.ts'
import { groups } from './groups.ts'
import { parkedDrop, parkedRelease } from './parked-door.ts'
import { parkedList } from './parked.ts'
import { reset } from './reset.ts'
import { topologyDiff } from './topology-diff.ts'

const COMMANDS: readonly Command[] = [groups, reset, deadLettersList, deadLettersShow, deadLettersReplay, parkedList, parkedRelease, parkedDrop, describeTopology, topologyDiff]

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  return `millrace COMMAND …

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

millrace COMMAND --help says more. Exit codes: 0 done, 1 not done or found wanting, 2 wrong usage.`
}

/** That of the package, whose root is one folder above this one as written and two as built. */
function version(): string {
  const file = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url))!
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** The command whose words the line begins with, the longest name first. */
function find(words: readonly string[]): { readonly command: Command; readonly rest: readonly string[] } {
  for (const length of [2, 1]) {
    const command = COMMANDS.find(({ name }) => name === words.slice(0, length).join(' '))
    if (command !== undefined) {
      return { command, rest: words.slice(length) }
    }
  }
  const [first] = words
  const family = COMMANDS.filter(({ name }) => name.startsWith(`${first} `))
  if (family.length > 0) {
    throw new UsageError(`${first} needs one of ${family.map(({ name }) => name.split(' ')[1]).join(', ')}`)
  }
  throw new UsageError(first === undefined ? 'say what to do' : `there is no command '${first}'`)
}

/** Runs one command line. Never throws: every failure is a line on standard error and an exit code. */
export async function main(words: readonly string[], out: Output): Promise<ExitCode> {
  const asks = words.some((word) => word === '--help' || word === '-h')
  if (words[0] === '--version') {
    out.line(version())
    return 0
  }
  if (words[0] === 'help' || (asks && words[0]?.startsWith('-'))) {
    out.line(overview())
    return 0
  }
  let usage = overview()
  try {
    requireNode()
    const { command, rest } = find(words)
    usage = helpOf(command)
    if (asks) {
      out.line(usage)
      return 0
    }
    return await command.run(parseCommand(command, rest), out)
  } catch (error) {
    if (error instanceof UsageError) {
      out.remark(`millrace: ${error.message}\n\n${usage}`)
      return 2
    }
    if (error instanceof StreamsError || error instanceof StateStoreError) {
      out.remark(`millrace: ${error.code}: ${error.message}`)
      return 1
    }
    // Nothing of ours: a module of the user that throws, a file that is not there. The trace leads to it.
    out.remark(`millrace: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return 1
  }
}
