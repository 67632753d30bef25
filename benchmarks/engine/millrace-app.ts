/** The process that runs our side of the benchmark: one application as a user would write it. Stops on SIGTERM. */
import { KafkaStreams } from 'millrace'
import type { EngineSettings } from './engines.ts'

/** Between two words about the stores' memory, where they are asked for. */
const REPORT_MILLISECONDS = 5_000

const { application, input, table, output, ...settings } = JSON.parse(process.argv[2]!) as EngineSettings

// As this file: sources, or built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const app = new KafkaStreams({
  topology: new URL(`./topologies/${application}${extension}`, import.meta.url),
  settings: { input, output, ...(table === undefined ? {} : { table }) },
  applicationId: settings.applicationId,
  bootstrapServers: settings.bootstrapServers,
  stateDir: settings.stateDir,
  threads: settings.threads,
  ...(settings.storeMemoryMiB === undefined ? {} : { storeMemoryMiB: settings.storeMemoryMiB }),
})
app.onError((error) => {
  process.stderr.write(`${error.stack}\n${String(error.cause ?? '')}\n`)
  process.exit(1)
})
process.on('SIGTERM', async () => {
  await app.close()
  process.exit()
})
await app.start()
process.stdout.write('RUNNING\n')
if (settings.storeMemoryMiB !== undefined) {
  setInterval(async () => {
    const tasks = (await app.metrics()).flatMap((thread) => thread.tasks)
    const bytes = tasks.reduce((sum, { stateMemoryBytes = 0 }) => sum + stateMemoryBytes, 0)
    process.stdout.write(`STORE-MEMORY ${Math.round(bytes / 2 ** 20)}\n`)
  }, REPORT_MILLISECONDS)
}
