/** The command by which an operator brings a worker to what a configuration says. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import t from 'tap'
import { cassandraClient, ConnectRest, migrateCassandra, migratePostgresql, postgresqlPasswords } from '../../../connectors/index.ts'
import { ScriptedConnect } from '../support.ts'
import { connectorsCommand, eventually, SERVER_TIMEOUT_MS, stackFile } from './support.ts'

t.setTimeout(300_000)
const stack = stackFile()
const run = `t${randomBytes(4).toString('hex')}`
const keyspace = `archive_${run}`
const folder = mkdtempSync(join(tmpdir(), 'millrace-deploy-'))
const secrets = stack.secrets ?? folder
const passwords = postgresqlPasswords(secrets)
const { host, port, user, password } = stack.postgresql
const database = `millrace_${run}`
const rest = new ConnectRest(stack.connect)
const [postgresql, cassandra, files] = ['postgresql', 'cassandra', 'files'].map((name) => `${run}-documents-${name}`) as [string, string, string]

function fileOf(name: string, content: string): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

const configuration = {
  topicPrefix: `${run}-`,
  partitions: 1,
  kafka: { bootstrapServers: [stack.kafka] },
  registry: stack.registry,
  postgresql: { host, port, database, passwordFile: fileOf('api.password', passwords.millrace_api) },
  cassandra: { contactPoint: stack.cassandra, localDataCenter: 'datacenter1', keyspace },
}
const options = ['--config', fileOf('instance.json', JSON.stringify(configuration)), '--connect', stack.connect, '--secrets', secrets]
const admin = new pg.Client({ ...stack.postgresql })
await admin.connect()
await admin.query(`CREATE DATABASE ${database}`)
await migratePostgresql({ host, port, database, admin: { user, password }, passwords })
await migrateCassandra({ contactPoints: [stack.cassandra], datacenter: 'datacenter1', keyspace })

t.teardown(async () => {
  await Promise.all([postgresql, cassandra, files].map((name) => rest.remove(name)))
  const kafka = new Kafka({ clientId: run, brokers: [stack.kafka], logLevel: logLevel.NOTHING }).admin()
  await kafka.connect()
  await kafka.deleteTopics({ timeout: SERVER_TIMEOUT_MS, topics: (await kafka.listTopics()).filter((name) => name.startsWith(run)) })
  await kafka.disconnect()
  // a sink that ends may connect once more in between
  await eventually('the database is gone', async () => await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`))
  await admin.end()
  const client = cassandraClient({ contactPoints: [stack.cassandra], datacenter: 'datacenter1', keyspace: 'system' })
  await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
  await client.shutdown()
  rmSync(folder, { recursive: true })
})

const deploy = (...args: string[]) => connectorsCommand('deploy', ...args)

/** Asked for as long as a worker may take to start: the other tests run meanwhile. */
const away = deploy(...options, '--connect', 'http://127.0.0.1:1')
const made = (out: string[]): string[] => out.filter((line) => /: (created|changed|unchanged|removed)$/.test(line))

t.test('connectors are created, then left alone; what the configuration drops is removed', async (t) => {
  const first = await deploy(...options, '--share', mkdtempSync(join(folder, 'share-')))
  t.equal(first.err, '')
  t.equal(first.code, 0)
  t.same(made(first.out), [`${postgresql}: created`, `${cassandra}: created`, `${files}: created`])
  for (const name of [postgresql, cassandra, files]) {
    const line = first.out.findIndex((line) => new RegExp(`^${name} +(sink|source) +[A-Z]+$`).test(line))
    t.match(first.out[line + 1], /^ {2}task 0 {2}[A-Z]+/, `the tasks of ${name}`)
  }
  t.match(await rest.settings(postgresql), { 'connection.password': `\${file:${secrets}/postgresql.properties:millrace_sink}`, topics: `${run}-documents.archive,${run}-documents.chunks` })
  const second = await deploy(...options)
  t.same([second.code, second.err, made(second.out)], [0, '', [`${postgresql}: unchanged`, `${cassandra}: unchanged`, `${files}: removed`]])
  t.notOk((await rest.names()).includes(files))
})

t.test('what is missing, away or refused is named', async (t) => {
  const worker = await new ScriptedConnect().start()
  t.teardown(() => worker.stop())
  worker.interruptions.push({ method: 'PUT', status: 400, times: 1 })
  const without = { topicPrefix: `${run}-`, kafka: configuration.kafka, postgresql: configuration.postgresql }
  t.match(await deploy('--config', fileOf('none.json', JSON.stringify(without)), '--secrets', secrets), { code: 2, out: [], err: /"postgresql" and "cassandra"/ })
  t.match(await deploy(...options.slice(0, -1), 'secrets'), { code: 2, out: [], err: /--secrets DIR.*absolute/ })
  t.match(await deploy(...options, '--connect', 'http://me:s3cret@127.0.0.1:1'), { code: 2, out: [], err: /^[^@]*--connect must not hold a password[^@]*$/ })
  t.match(await deploy(...options, '--connect', worker.url), { code: 1, out: [], err: new RegExp(`400 to PUT /connectors/${postgresql}/config: scripted`) })
  t.match(await away, { code: 1, out: [], err: /^--connect: .*http:\/\/127\.0\.0\.1:1\./ })
})
