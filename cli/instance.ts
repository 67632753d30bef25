/** `npm run instance -- --config FILE`: one process of the pipeline, all that production runs. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { StateDirectory } from 'millrace-state-stores'
import { defaultFolder } from '../stack/index.ts'
import { type ApplicationConfig, loadConfig } from '../topology/config.ts'
import { runInstance } from '../topology/main.ts'

const HELP = `npm run instance [-- --config FILE]
Runs one instance: stream threads, and the API and operations listeners its configuration names.
Settings come from FILE (JSON) and MILLRACE_* variables over it; see docs/reference/configuration.md.
Without --config it joins what "npm start" runs here, with a state directory of its own and no API.

  --config FILE         the configuration
  --until-stdin-ends    stop when standard input ends: the process that started this one is gone
`

/** What `npm start` wrote for its own instance. */
const RUNNING = join(defaultFolder, 'instance.json')
const MOST_INSTANCES = 64

/** The configuration of the running job for one more process: the first state directory that nobody uses, free ports, no API. */
async function joining(file: string): Promise<ApplicationConfig> {
  const { api, ...config } = loadConfig(file)
  for (let number = 2; number <= MOST_INSTANCES; number++) {
    const stateDir = `${config.stateDir}-${number}`
    try {
      await (await StateDirectory.open(stateDir)).close()
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'STATE_DIRECTORY_LOCKED') {
        continue
      }
      throw error
    }
    console.log(`joins ${config.applicationId} with the state directory ${stateDir}`)
    return { ...config, stateDir, ops: { ...config.ops, port: 0 } }
  }
  throw new Error(`${MOST_INSTANCES} instances run here already.`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, 'until-stdin-ends': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) {
    console.log(HELP)
    return
  }
  const orphaned = (): unknown => process.kill(process.pid, 'SIGTERM')
  if (values['until-stdin-ends']) {
    process.stdin.resume().once('close', orphaned)
  }
  try {
    await runInstance(values.config === undefined && existsSync(RUNNING) ? await joining(RUNNING) : loadConfig(values.config))
  } finally {
    // an input that is still open would keep the process alive after its work
    process.stdin.off('close', orphaned).destroy()
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
