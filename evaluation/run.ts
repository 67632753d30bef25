/** `npm run evaluate [-- options]`: how right the product is on documents with known answers. */
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { isSecondEngineInstalled } from '../processors/text/index.ts'
import type { SetResult } from './evaluate.ts'
import { evaluateSet } from './evaluate.ts'
import { parseOptions, USAGE, UsageError } from './options.ts'
import { worstCasesPage } from './page.ts'
import { describe, makeReport } from './report.ts'
import { openSets, sampleSet } from './sets.ts'

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args)
  if (options === 'help') {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  const installed = isSecondEngineInstalled()
  const profile = options.profile ?? (installed ? 'thorough' : 'standard')
  if (profile === 'thorough' && !installed) {
    throw new UsageError('--profile thorough: the second recognition engine is not installed: npm run ocr -- install, or use --profile standard')
  }
  const sets = options.data.length === 0 ? [await sampleSet(options.limit)] : options.data.flatMap((folder) => openSets(folder, options.limit))
  const results: SetResult[] = []
  for (const set of sets) {
    for (const result of await evaluateSet(set, profile, options, say)) {
      results.push(result)
      process.stdout.write(`${describe(result)}\n\n`)
    }
  }
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(makeReport(results, new Date()), null, 2)}\n`)
    say(`written: ${options.json}`)
  }
  if (options.html !== undefined) {
    writeFileSync(options.html, await worstCasesPage(results))
    say(`written: ${options.html}`)
  }
  return 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) {
    throw error
  }
  say(error.message)
  process.exitCode = 2
}
