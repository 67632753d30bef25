// The engine's own tests on a broker of the major line before: npm run test:brokers [-- --only TEXT]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readLock } from '../../stack/lock.ts'
import { findTestFiles } from '../runner/files.ts'
import { Report } from '../runner/report.ts'
import { killRunning, runFile } from '../runner/run-file.ts'
import { Brokers } from './brokers.ts'

const help = `npm run test:brokers -- [--only TEXT]

Runs the conformance suite of the client layer and the engine's integration and failure tests, which npm test runs on the
stack's broker, on the newest broker of the major line before.

  --only TEXT   only test files whose path contains TEXT
`
const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** Of the engine's own tests those that ask for nothing but a broker. */
const ON_ANY_BROKER = /^streams\/test\/(integration|failure)\//

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
  if (values.help === true) {
    process.stdout.write(help)
    return 0
  }
  const report = new Report((text) => process.stdout.write(text))
  const folder = mkdtempSync(join(tmpdir(), 'millrace-brokers-run-'))
  const brokers = await Brokers.start({ release: 'kafka-3' })
  process.once('SIGINT', killRunning)
  try {
    report.say(`Apache Kafka ${readLock().components['kafka-3'].version}`)
    const addresses = join(folder, 'stack.json')
    writeFileSync(addresses, JSON.stringify({ kafka: brokers.address(1) }))
    for (const { path } of findTestFiles(checkout, values.only).filter((file) => ON_ANY_BROKER.test(file.path))) {
      report.add(await runFile(path, { checkout, env: { MILLRACE_STACK: addresses, TAP_TIMEOUT: '240' } }))
    }
  } finally {
    await brokers.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return report.finish()
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`test:brokers: ${error instanceof TypeError ? `${error.message}\n\n${help}` : (error as Error).stack}\n`)
  process.exitCode = 2
}
