// An ES module in a project of its own: every entry point of the package, and a topology in the test driver.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { KafkaStreams, Serdes, StreamsError } from 'millrace'
import { createCluster } from 'millrace/kafka'
import { openMemoryTaskState, storageEngine } from 'millrace/state-stores'
import { TopologyTestDriver } from 'millrace/testing'
import { databaseConformance } from 'millrace-state-stores/testing'
import topology from './topology.mjs'

const driver = new TopologyTestDriver(topology)
const words = driver.createInputTopic('lines', Serdes.string(), Serdes.string())
const counts = driver.createOutputTopic('counts', Serdes.string(), Serdes.long())
words.pipeInput('a', 'all streams lead to kafka')
words.pipeInput('b', 'hello kafka streams')
const result = Object.fromEntries(counts.readKeyValuesToMap())
await driver.close()

let refused
try {
  new KafkaStreams({ topology, applicationId: 'not valid!', bootstrapServers: 'localhost:9092' })
} catch (error) {
  refused = error instanceof StreamsError ? error.code : String(error)
}
console.log(
  JSON.stringify({
    node: process.versions.node,
    result,
    refused,
    functions: [createCluster, openMemoryTaskState, storageEngine, databaseConformance].every((value) => typeof value === 'function'),
    version: createRequire(import.meta.url)('millrace/package.json').version === JSON.parse(readFileSync(new URL('./node_modules/millrace/package.json', import.meta.url), 'utf8')).version,
  }),
)
