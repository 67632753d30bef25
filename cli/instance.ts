/** `npm run instance -- --config FILE`: one process of the pipeline, all that production runs. */
import { parseArgs } from 'node:util'
import { runInstance } from '../topology/main.ts'
import { loadConfig } from '../topology/config.ts'

const HELP = `npm run instance -- --config FILE
Runs one instance: stream threads, and the API and operations listeners its configuration names.
Settings come from FILE (JSON) and MILLRACE_* variables over it; see docs/configuration.md.
`

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean', default: false } } })
  if (values.help) {
    console.log(HELP)
    return
  }
  await runInstance(loadConfig(values.config))
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
