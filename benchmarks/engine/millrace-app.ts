/** The process that runs our side of the benchmark: one application as a user would write it. Stops on SIGTERM. */
import { KafkaStreams } from 'millrace'
import type { EngineSettings } from './engines.ts'

const { application, input, table, output, ...settings } = JSON.parse(process.argv[2]!) as EngineSettings

const app = new KafkaStreams({
  topology: new URL(`./topologies/${application}.ts`, import.meta.url),
  settings: { input, output, ...(table === undefined ? {} : { table }) },
  applicationId: settings.applicationId,
  bootstrapServers: settings.bootstrapServers,
  stateDir: settings.stateDir,
  threads: settings.threads,
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
