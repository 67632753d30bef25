/** `npm start`: the main job, from servers to results. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateSamples, sampleRates, sampleTenants, sampleVendors } from '../samples/index.ts'
import { down } from '../stack/index.ts'
import { HELP, parseStartArguments, type StartArguments } from './start/arguments.ts'
import { bringUp } from './start/environment.ts'
import { follow, type Work } from './start/follow.ts'
import { InstanceProcess } from './start/instance-process.ts'
import { table } from './start/report.ts'
import { superviseConnectors } from './start/supervise.ts'
import { userDocuments } from './start/user-documents.ts'

const INTERRUPTED = 130

const say = (line: string): void => console.log(line)

async function workOf(given: StartArguments): Promise<Work> {
  if (given.documents !== undefined) {
    const own = await userDocuments(given.documents, given.tenant)
    return { tenants: own.tenants, count: own.count, documents: () => own.read() }
  }
  const samples = await generateSamples()
  return { tenants: sampleTenants, vendors: sampleVendors(samples), rates: sampleRates(), count: samples.length, documents: () => samples }
}

/** What must be closed at the end, in the order it was opened. */
type Closing = (() => Promise<unknown>)[]

async function run(given: StartArguments, signal: AbortSignal, closing: Closing): Promise<number> {
  const begin = performance.now()
  const work = await workOf(given)
  closing.push(() => down({ say }))
  const environment = await bringUp({ ...work, say, signal })
  closing.push(() => environment.cluster.close())
  const supervisor = superviseConnectors(environment, say)
  closing.push(() => supervisor.stop())
  const instance = new InstanceProcess({ configFile: environment.configFile, log: join(environment.folder, 'logs', 'instance.log'), say })
  closing.push(() => instance.stop())
  const { ops, api } = environment.config
  const page = `http://${ops.host}:${ops.port}/`
  await instance.ready(page)
  say(`ready after ${((performance.now() - begin) / 1000).toFixed(1)} s
  live page       ${page}
  API             http://${api!.host}:${api!.port}/v1/documents (tokens in ${join(environment.addresses.secrets, 'development-tokens.json')})
  review          http://${api!.host}:${api!.port}/review/ (documents that wait for a person; the tenant's token)
  file share      ${environment.share}/<tenant>/
  the instance    process ${instance.pid}, log ${join(environment.folder, 'logs', 'instance.log')}
  stop with       Ctrl-C`)

  const { summary, vendorKnown, refused, wrong } = await follow(environment, work, instance, signal)
  say(`\n${table(summary)}\n`)
  if (work.vendors !== undefined) {
    say(`${vendorKnown} of the ${summary.processed} processed are from vendors in their tenant's books.`)
  }
  if (refused > 0) {
    say(`The API refused ${refused} more: they were never received.`)
  }
  for (const line of wrong) {
    console.error(`does not add up: ${line}`)
  }
  if (given.json !== undefined) {
    writeFileSync(given.json, `${JSON.stringify(summary, null, 2)}\n`)
  }
  if (!given.once) {
    say(`Everything goes on running. Live: ${page}  Stop with Ctrl-C.`)
    await Promise.race([instance.ended, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))])
    return signal.aborted ? 0 : 1
  }
  return wrong.length === 0 ? 0 : 1
}

async function main(): Promise<number> {
  const given = parseStartArguments(process.argv.slice(2))
  if (given.help) {
    say(HELP)
    return 0
  }
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => stop.abort(new Error('stopped')))
  }
  const closing: Closing = []
  try {
    return await run(given, stop.signal, closing)
  } catch (error) {
    if (!stop.signal.aborted) {
      throw error
    }
    return INTERRUPTED
  } finally {
    for (const close of closing.reverse()) {
      await close().catch((error: unknown) => console.error(error))
    }
  }
}

main().then(
  (code) => { process.exitCode = code },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  },
)
