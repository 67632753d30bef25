/**
 * node streams/test/upgrade/write-fixture.ts VERSION: runs the topology against the broker of MILLRACE_STACK and keeps what it
 * leaves behind, once per release, in fixtures/VERSION.json.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { StateFolder, storageEngine } from 'millrace-state-stores'
import { KafkaStreams } from '../../index.ts'
import { TestCluster } from '../integration/streams-support.ts'
import type { Fixture } from './fixture.ts'
import topology, { type Settings } from './topology.ts'

const [version] = process.argv.slice(2)
if (version === undefined) {
  throw new Error('usage: node streams/test/upgrade/write-fixture.ts VERSION')
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const cluster = new TestCluster()
await cluster.connect()
const applicationId = cluster.name('upgrade')
const settings: Settings = { prefix: `${cluster.prefix}-` }
for (const topic of ['customers', 'orders', 'out']) {
  await cluster.topic(topic, 1)
}
const stateDir = cluster.folder()
const app = new KafkaStreams({ topology, settings, applicationId, bootstrapServers: cluster.bootstrapServers, stateDir, engine: 'leveldb', threads: 'in-process' })
await app.start()
const at = (second: number) => Date.UTC(2026, 0, 1) + second * 1_000
await cluster.send(`${settings.prefix}customers`, [{ key: 'ada', value: 'Mill Lane 1', timestamp: at(1) }, { key: 'bob', value: 'Race Road 2', timestamp: at(2) }])
await cluster.send(`${settings.prefix}orders`, [
  { key: 'ada', value: 'first', timestamp: at(3) }, { key: 'ada', value: 'second', timestamp: at(4) }, { key: 'bob', value: 'bad', timestamp: at(5) },
])
for (const topic of ['customers', 'orders']) {
  await cluster.consumed(applicationId, `${settings.prefix}${topic}`)
}
while ((await app.parkedKeys()).length === 0) {
  await delay(20)
}
const admin = cluster.ours.admin()
const { members } = await admin.describeGroup(applicationId)
await app.close()
const databases: { [task: string]: [string, string][] } = {}
for (const task of await new StateFolder(stateDir).tasks()) {
  const database = await storageEngine('leveldb').open(await new StateFolder(stateDir).taskLocation(task))
  databases[task] = [...database.range({})].map(([key, value]) => [hex(key), hex(value)])
  await database.close()
}
const changelogs: { [topic: string]: { key: string; value: string | null; timestamp: number }[] } = {}
for (const topic of (await admin.listTopics()).filter((name) => name.startsWith(applicationId) && name.endsWith('-changelog'))) {
  changelogs[topic] = (await cluster.committed(topic)).map(({ key, value, timestamp }) => ({ key: hex(key!), value: value === null ? null : hex(value), timestamp }))
}
const fixture: Fixture = {
  version,
  applicationId,
  prefix: settings.prefix,
  databases,
  changelogs,
  offsets: (await admin.groupOffsets(applicationId)).map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset, metadata })),
  members: members.map(({ metadata, assignment }) => ({ metadata: hex(metadata), assignment: hex(assignment) })),
}
const file = join(import.meta.dirname, 'fixtures', `${version}.json`)
writeFileSync(file, `${JSON.stringify(fixture, undefined, 1)}\n`)
console.log(`${file}: ${readdirSync(stateDir).length} entries in the state directory, ${Object.keys(changelogs).length} changelogs`)
await cluster.close()
