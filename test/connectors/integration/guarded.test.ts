/** From the migrations to an answer of the API through servers that all want to know who comes: nothing of it runs without credentials. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { avroSerde, Registry } from '../../../avro/index.ts'
import { taskFailure } from '../../../connectors/failure.ts'
import { cassandraClient, ConnectRest } from '../../../connectors/index.ts'
import { OURS, THEIRS } from '../../../streams/test/membership/certificates.ts'
import { checkConfig } from '../../../topology/config.ts'
import { cassandraAddress, registryOptions } from '../../../topology/servers.ts'
import { createBench, tenantRecord } from '../../api/integration/support.ts'
import { basicAuthentication, certificate, postgresqlWithTls, startCassandra } from './guarded-servers.ts'
import { connectorsCommand, eventually, stackFile } from './support.ts'

t.setTimeout(400_000)
const folder = mkdtempSync(join(tmpdir(), 'millrace-guarded-'))
const stack = stackFile()
const server = await certificate(folder, 'server')
const [bench, archive] = await Promise.all([createBench([tenantRecord('acme')]), startCassandra(join(folder, 'cassandra'), server, OURS.ca)])
const { run, passwords, declared } = bench
// the worker's `file` provider reads below the stack's secrets
const secrets = join(stack.secrets ?? folder, run)
mkdirSync(secrets, { mode: 0o700 })

const database = await postgresqlWithTls(stack.postgresql, server)
const registry = await basicAuthentication(stack.registry, 'millrace', 'registry-secret')
const connect = await basicAuthentication(stack.connect, 'operator', 'connect-secret')
const connectors = ['postgresql', 'cassandra'].map((name) => `${run}.documents-${name}`) as [string, string]
const rest = new ConnectRest(stack.connect)

function fileOf(name: string, content: string, place = folder): string {
  const file = join(place, name)
  writeFileSync(file, content, { mode: 0o600 })
  return file
}

const tls = { caFile: fileOf('server.pem', server.pem), certFile: fileOf('client.pem', OURS.cert), keyFile: fileOf('client.key', OURS.key) }
const { stateDir, contentDir, api, ops } = bench.config
const settings = {
  topicPrefix: bench.config.topicPrefix,
  partitions: 2,
  replicationFactor: 1,
  kafka: { bootstrapServers: [stack.kafka] },
  stateDir, contentDir, api, ops,
  registry: registry.url,
  registryAuth: { username: 'millrace', passwordFile: fileOf('registry.password', 'registry-secret') },
  postgresql: { ...bench.config.postgresql!, port: database.port, tls: { caFile: tls.caFile } },
  cassandra: { contactPoint: archive.contactPoint, localDataCenter: 'datacenter1', keyspace: 'archive', username: 'api', passwordFile: fileOf('cassandra.password', 'api-secret'), tls },
}
const config = checkConfig(settings)
const configFile = fileOf('instance.json', JSON.stringify(settings))
const adminFile = fileOf('admin.password', 'cassandra')
const common = ['--config', configFile, '--secrets', secrets]
const worker = ['--connect', connect.url, '--connect-user', 'operator', '--connect-password-file', fileOf('connect.password', 'connect-secret')]
for (const [name, content] of [
  ['postgresql.properties', Object.entries(passwords).map(([role, password]) => `${role}=${password}\n`).join('')],
  ['cassandra.properties', 'username=sink\npassword=sink-secret\n'],
  ['registry.properties', 'username=millrace\npassword=registry-secret\n'],
  ['postgresql-ca.pem', server.pem],
  ['cassandra-ca.pem', server.pem],
  ['cassandra-client.pem', OURS.key + OURS.cert],
] as const) {
  fileOf(name, content, secrets)
}
const superuser = cassandraClient({ ...cassandraAddress(config.cassandra!), credentials: { username: 'cassandra', password: 'cassandra' } })
// the node answers before it has made its first role
await eventually('the superuser is let in', async () => {
  await superuser.connect()
  return true
}, 240_000)

t.teardown(async () => {
  await Promise.all(connectors.map((name) => rest.remove(name)))
  await superuser.shutdown()
  registry.close()
  connect.close()
  database.close()
  await archive.stop()
  rmSync(secrets, { recursive: true })
  rmSync(folder, { recursive: true })
  await bench.close()
})

const SECRETS = ['api-secret', 'owner-secret', 'sink-secret', 'registry-secret', 'connect-secret', ...Object.values(passwords)]

function holdsNoSecret(t: Test, text: string): void {
  t.same(SECRETS.filter((secret) => text.includes(secret)), [])
}

t.test('who is not let in is told which setting to mend', async (t) => {
  const { kafka, cassandra } = settings
  const attempt = async (name: string, change: Partial<typeof cassandra>): Promise<string> => {
    const { code, err } = await connectorsCommand('migrate', '--config', fileOf(`${name}.json`, JSON.stringify({ kafka, cassandra: { ...cassandra, ...change } })))
    t.equal(code, 1)
    holdsNoSecret(t, err)
    return err
  }
  const stranger = fileOf('stranger.json', JSON.stringify({ ...settings, registryAuth: { username: 'millrace', passwordFile: adminFile } }))
  const [noRole, noTrust, unnamed, wrong] = await Promise.all([
    attempt('no-role', {}),
    attempt('no-trust', { tls: { ...tls, caFile: fileOf('theirs.pem', THEIRS.ca) } }),
    connectorsCommand('deploy', ...common, ...worker.slice(0, 2)),
    connectorsCommand('deploy', '--config', stranger, ...common.slice(2), ...worker, '--share', '/srv'),
  ])
  t.match(noRole, /^Cassandra .*"cassandra\.username".*"cassandra\.passwordFile"/)
  t.match(noTrust, /TLS with Cassandra fails \("cassandra\.tls"\)/, 'a node nobody vouches for')
  t.match(unnamed, { code: 1, out: [], err: /^--connect: .*401.*--connect-user/ })
  t.match(wrong, { code: 1, out: [], err: /^registry: .*401.*"registryAuth"/ })
  await superuser.execute("CREATE ROLE api WITH LOGIN = true AND PASSWORD = 'api-secret'")
  t.match(await attempt('no-right', {}), /denies the user of "cassandra\.username".*CREATE/)
})

t.test('tables and connectors come about, and a row arrives where the API reads it', async (t) => {
  // the rights of docs/runbooks/migrations.md
  await superuser.execute("CREATE ROLE owner WITH LOGIN = true AND PASSWORD = 'owner-secret'")
  await superuser.execute("CREATE ROLE sink WITH LOGIN = true AND PASSWORD = 'sink-secret'")
  await superuser.execute('GRANT CREATE ON ALL KEYSPACES TO owner')
  const migrated = await connectorsCommand('migrate', ...common, '--cassandra-admin', 'owner', '--cassandra-admin-password-file', fileOf('owner.password', 'owner-secret'))
  t.equal(migrated.code, 0, migrated.err)
  await superuser.execute('GRANT MODIFY ON KEYSPACE archive TO sink')
  await superuser.execute('GRANT SELECT ON KEYSPACE archive TO api')
  const deployed = await connectorsCommand('deploy', ...common, ...worker)
  t.equal(deployed.code, 0, deployed.err)
  const shown = JSON.stringify(await Promise.all(connectors.map((name) => rest.settings(name))))
  t.match(shown, /cassandra\.properties:password/)
  holdsNoSecret(t, shown)

  const client = new Registry(registryOptions(config))
  t.teardown(() => client.close())
  const key = avroSerde(client, `${declared.lifecycle.name}-key`, 'DocumentKey')
  const value = avroSerde(client, `${declared.lifecycle.name}-value`, 'LifecycleEvent')
  await Promise.all([key.open(), value.open()])
  const ids = { tenant_id: 'acme', document_id: randomUUID() }
  const event = { ...ids, revision: 11, from_state: null, to_state: 'RECEIVED', at: Date.UTC(2026, 9, 1), step: 'receive', reason_code: null, reason: null }
  const producer = bench.kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const { name: topic } = declared.lifecycle
  await producer.send({ topic, messages: [{ key: Buffer.from(key.serialize(topic, ids)), value: Buffer.from(value.serialize(topic, event)) }] })
  await producer.disconnect()

  const door = await bench.api(config)
  t.teardown(() => door.close())
  const read = await eventually('the event in the API', async () => {
    const response = await fetch(`${door.url}v1/documents/${ids.document_id}/lifecycle`, { headers: { authorization: `Bearer ${bench.tokens.get('acme')}` } })
    return response.status === 200 && (await response.text())
  })
  t.match(read, /"RECEIVED"/)
})

t.test('an API, and a sink, with a password that is another one', async (t) => {
  const { postgresql, cassandra } = config
  await t.rejects(bench.api({ ...config, postgresql: { ...postgresql!, passwordFile: adminFile } }), { code: 'ACCESS_REFUSED', message: /"postgresql\.passwordFile"/ })
  await t.rejects(bench.api({ ...config, postgresql: { ...postgresql!, tls: {} } }), { code: 'ACCESS_REFUSED', message: /"postgresql\.tls"/ })
  await t.rejects(bench.api({ ...config, cassandra: { ...cassandra!, passwordFile: adminFile } }), { code: 'ACCESS_REFUSED', message: /"cassandra\.passwordFile"/ })
  fileOf('cassandra.properties', 'username=sink\npassword=another\n', secrets)
  const sink = connectors[1]
  await rest.put(sink, { ...(await rest.settings(sink))!, 'tasks.max': '1' })
  const trace = await eventually('the sink stops', async () => (await rest.status(sink))?.tasks.find(({ state }) => state === 'FAILED')?.trace)
  t.match(trace, /ConnectException: Cassandra refuses cassandra\.username with cassandra\.password/)
  holdsNoSecret(t, trace)
  t.match(taskFailure(trace), { kind: 'store', summary: /\(Cassandra refuses cassandra\.username with cassandra\.password\)$/ })
  fileOf('cassandra-ca.pem', THEIRS.ca, secrets)
  await rest.restartFailed(sink)
  await eventually('the sink does not trust the node', async () => (await rest.status(sink))?.tasks.some((task) => task.trace?.includes('ConnectException: TLS with Cassandra fails')))
})
