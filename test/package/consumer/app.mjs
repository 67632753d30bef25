// An application of the installed package, with a stream thread in a worker: node app.mjs BROKER APPLICATION LINES COUNTS STATE
import { KafkaStreams } from 'millrace'

const [bootstrapServers, applicationId, lines, counts, stateDir] = process.argv.slice(2)
const app = new KafkaStreams({ topology: new URL('./configured-topology.mjs', import.meta.url), settings: { lines, counts }, applicationId, bootstrapServers, stateDir, threads: 1 })
process.once('SIGTERM', () => app.close())
await app.start()
console.log(`${app.state} on ${process.versions.node}`)
