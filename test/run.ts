// The test command: types, lint, unit tests, the tests of the Java plugins, then integration and failure tests on one
// stack of real servers that is started for the run and stopped after it.
//   npm test [-- --unit] [--only TEXT]
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { clean, stackFolders, up } from '../stack/index.ts'
import { checkLint, checkMaven, checkTypes, mavenMissing, mavenProjects } from './runner/checks.ts'
import { findTestFiles, type TestFile } from './runner/files.ts'
import { Report } from './runner/report.ts'
import { killRunning, runFile } from './runner/run-file.ts'

const help = `npm test -- [--unit] [--only TEXT]

  --unit        types, lint and unit tests only: no servers, under a minute
  --only TEXT   only test files whose path contains TEXT (no types, lint or Maven)
`
const checkout = dirname(dirname(fileURLToPath(import.meta.url)))
const stackFolder = join(checkout, '.millrace', 'test')
/** Unit tests at a time: many wait more than they compute. */
const PARALLEL_UNIT_TESTS = availableParallelism() + 1
/** Seconds after which tap itself ends a file that sets no limit of its own: for one that hangs, not one on a machine that is busy. */
const TAP_TIMEOUT_SECONDS = { unit: '120', integration: '600' }

const report = new Report((text) => process.stdout.write(text))
const stopping = new AbortController()

async function runUnit(files: readonly TestFile[]): Promise<void> {
  const queue = [...files]
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file && !stopping.signal.aborted; file = queue.shift()) {
      report.add(await runFile(file.path, { checkout, env: { TAP_TIMEOUT: TAP_TIMEOUT_SECONDS.unit } }))
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_UNIT_TESTS }, worker))
}

async function runMaven(): Promise<void> {
  const projects = mavenProjects(checkout)
  const missing = projects.length > 0 ? await mavenMissing() : undefined
  if (missing) {
    report.say(`not run: the tests of the Java plugins, because ${missing} (they are compiled and run in the stack all the same)`)
    return
  }
  for (const project of projects) {
    report.add(await checkMaven(checkout, project))
  }
}

async function runIntegration(files: readonly TestFile[]): Promise<void> {
  const say = (line: string): void => report.say(`stack: ${line}`)
  await clean({ folder: stackFolder })
  const begin = performance.now()
  try {
    await up({ folder: stackFolder, say, signal: stopping.signal, ports: 'any' })
    report.add({ name: 'stack up', passed: 1, failures: [], seconds: (performance.now() - begin) / 1000 })
    const env = { MILLRACE_STACK: stackFolders(stackFolder).addresses, TAP_TIMEOUT: TAP_TIMEOUT_SECONDS.integration }
    for (const file of files) {
      if (stopping.signal.aborted) {
        break
      }
      report.add(await runFile(file.path, { checkout, env }))
    }
  } catch (error) {
    report.add({ name: 'stack up', passed: 0, failures: [error instanceof Error ? error.message : String(error)], seconds: (performance.now() - begin) / 1000 })
  } finally {
    await clean({ folder: stackFolder, say })
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { unit: { type: 'boolean', default: false }, only: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const begin = performance.now()
  const onSignal = (signal: string): void => {
    report.say(`${signal}: stopping`)
    stopping.abort(new Error('interrupted'))
    killRunning()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => onSignal(signal))
  }
  const files = findTestFiles(checkout, values.only)
  const checks = values.only === undefined ? [checkTypes(checkout), checkLint(checkout)] : []
  await Promise.all([...checks.map(async (check) => report.add(await check)), runUnit(files.filter((file) => file.kind === 'unit'))])
  if (!values.unit && !stopping.signal.aborted) {
    if (values.only === undefined) {
      await runMaven()
    }
    const integration = files.filter((file) => file.kind === 'integration')
    if (integration.length > 0) {
      await runIntegration(integration)
    }
  }
  if (stopping.signal.aborted) {
    report.add({ name: 'the whole run', passed: 0, failures: ['interrupted: not everything was run'], seconds: 0 })
  }
  report.say(`${((performance.now() - begin) / 60_000).toFixed(1)} minutes`)
  return report.finish()
}

// Every file is a process of its own: what all of them import is stripped of its types and compiled once, not two hundred times.
const compiled = mkdtempSync(join(tmpdir(), 'millrace-compiled-'))
process.env['NODE_COMPILE_CACHE'] = compiled
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`test: ${error instanceof TypeError ? error.message : (error as Error).stack}\n\n${help}`)
  process.exitCode = 2
} finally {
  rmSync(compiled, { recursive: true, force: true })
}
