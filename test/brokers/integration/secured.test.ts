/** The client layer and a whole application against a broker with TLS, SASL and ACLs. */
import { execFileSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs, { Kafka, logLevel, Partitioners } from 'kafkajs'
import { KafkaStreams, type KafkaStreamsOptions, Serdes, type StreamsBuilder } from 'millrace'
import { createCluster, type KafkaClientOptions, type OAuthToken } from 'millrace/kafka'
import t from 'tap'
import { millrace } from '../../../streams/test/cli/run.ts'
import { Brokers } from '../brokers.ts'
import { eventually } from '../../connectors/integration/support.ts'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs

t.setTimeout(240_000)

const PASSWORD = 'changeit'
/** The client's channel of requests as they are sent. */
const REQUESTS = 'millrace:kafka:request'
const folder = mkdtempSync(join(tmpdir(), 'millrace-secured-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** A certificate for 127.0.0.1 that signed itself; only who is given it trusts it. */
async function certificate(name: string): Promise<{ keystore: string; pem: string }> {
  const keytool = await Brokers.javaTool('keytool')
  const keystore = join(folder, `${name}.p12`)
  const store = ['-keystore', keystore, '-storetype', 'PKCS12', '-storepass', PASSWORD, '-alias', name]
  execFileSync(keytool, ['-genkeypair', '-keyalg', 'EC', '-dname', `CN=${name}`, '-ext', 'san=ip:127.0.0.1', '-validity', '2', ...store], { stdio: 'ignore' })
  const pemFile = join(folder, `${name}.pem`)
  execFileSync(keytool, ['-exportcert', '-rfc', '-file', pemFile, ...store], { stdio: 'ignore' })
  return { keystore, pem: readFileSync(pemFile, 'utf8') }
}

const server = await certificate('broker')
const other = await certificate('other')
const PASSWORDS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
const brokers = await Brokers.start({
  protocol: 'SASL_SSL',
  scram: ['SCRAM-SHA-256=[name=app,password=app-secret]', 'SCRAM-SHA-512=[name=app,password=app-secret]'],
  settings: `listener.name.client.sasl.enabled.mechanisms=${PASSWORDS.join(',')},OAUTHBEARER
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="admin-secret" user_app="app-secret";
listener.name.client.scram-sha-256.sasl.jaas.config=${scram}
listener.name.client.scram-sha-512.sasl.jaas.config=${scram}
listener.name.client.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
listener.name.client.scram-sha-512.connections.max.reauth.ms=2500
listener.name.client.ssl.keystore.type=PKCS12
listener.name.client.ssl.keystore.location=${server.keystore}
listener.name.client.ssl.keystore.password=${PASSWORD}
listener.name.client.ssl.key.password=${PASSWORD}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS`,
})
const kafka = new Kafka({
  clientId: 'admin',
  brokers: [brokers.address(1)],
  logLevel: logLevel.NOTHING,
  ssl: { ca: [server.pem] },
  sasl: { mechanism: 'plain', username: 'admin', password: 'admin-secret' },
})
const admin = kafka.admin()
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
await eventually('the broker answers', async () => {
  await admin.connect()
  return true
})
await producer.connect()
t.teardown(async () => {
  await Promise.all([admin.disconnect(), producer.disconnect()])
  await brokers.stop()
})

const APPLICATION = 'secured'
const asApp = (mechanism: (typeof PASSWORDS)[number], over: Partial<KafkaClientOptions> = {}): KafkaClientOptions => ({
  bootstrapServers: [brokers.address(1)],
  clientId: 'app',
  tls: { ca: server.pem },
  sasl: { mechanism, username: 'app', password: 'app-secret' },
  ...over,
})

function right(resourceType: number, resourceName: string, resourcePatternType: number, operation: number) {
  return { resourceType, resourceName, resourcePatternType, operation, principal: 'User:app', host: '*', permissionType: AclPermissionTypes.ALLOW }
}

type Right = ReturnType<typeof right>

/** The broker answers before what it was told is in force; what it describes is. */
async function untilInForce(rights: readonly Right[], expected: boolean): Promise<void> {
  for (const one of rights) {
    await eventually('the rights are as they were set', async () => (await admin.describeAcls(one)).resources.length > 0 === expected)
  }
}

async function allow(...rights: readonly Right[]): Promise<void> {
  await admin.createAcls({ acl: [...rights] })
  await untilInForce(rights, true)
}

async function withdraw(one: Right): Promise<void> {
  await admin.deleteAcls({ filters: [one] })
  await untilInForce([one], false)
}

async function connects(options: KafkaClientOptions): Promise<void> {
  const cluster = createCluster(options)
  try {
    await cluster.metadata(['open'], { fresh: true })
  } finally {
    await cluster.close()
  }
}

await admin.createTopics({ timeout: 60_000, topics: ['open', 'source', 'sink'].map((topic) => ({ topic, numPartitions: 2, replicationFactor: 1 })) })
await allow(right(AclResourceTypes.TOPIC, 'open', ResourcePatternTypes.LITERAL, AclOperationTypes.DESCRIBE))

for (const mechanism of PASSWORDS) {
  t.test(mechanism, async (t) => {
    await connects(asApp(mechanism))
    await t.rejects(connects(asApp(mechanism, { sasl: { mechanism, username: 'app', password: 'wrong' } })), { code: 'AUTHORIZATION_FAILED', message: /credentials/ })
  })
}

t.test('credentials that have to be shown again while transactions go on', async (t) => {
  await allow(
    right(AclResourceTypes.TOPIC, 'open', ResourcePatternTypes.LITERAL, AclOperationTypes.WRITE),
    right(AclResourceTypes.TOPIC, 'open', ResourcePatternTypes.LITERAL, AclOperationTypes.READ),
    right(AclResourceTypes.TRANSACTIONAL_ID, 'again', ResourcePatternTypes.LITERAL, AclOperationTypes.WRITE),
  )
  let shownAgain = 0
  const count = (message: unknown): void => {
    const { api, status } = message as { api: string; status: string }
    shownAgain += api === 'SaslHandshake' && status === 'reauthenticating' ? 1 : 0
  }
  subscribe(REQUESTS, count)
  t.teardown(() => unsubscribe(REQUESTS, count))
  const cluster = createCluster(asApp('SCRAM-SHA-512'))
  t.teardown(() => cluster.close())
  const transactional = cluster.producer({ transactionalId: 'again' })
  await transactional.init()
  const partition = { topic: 'open', partition: 0 }
  const writer = cluster.writer(partition)
  let committed = 0
  while (shownAgain < 4) {
    writer.append(Date.now(), null, Buffer.from(`${committed}`), [])
    await transactional.produce([writer])
    await transactional.commit()
    writer.reset()
    committed++
  }

  let read = 0
  const all = Promise.withResolvers<void>()
  const fetcher = cluster.fetcher({
    isolation: 'read_committed',
    onRecords: ({ cursor }) => {
      while (cursor.next()) {
        read++
      }
      if (read >= committed) {
        all.resolve()
      }
    },
    onError: (_partition, error) => all.reject(error),
  })
  fetcher.seek(partition, 0)
  await all.promise
  t.equal(read, committed)
})

t.test('a broker whose certificate is not trusted', async (t) => {
  await t.rejects(connects(asApp('PLAIN', { tls: { ca: other.pem } })), { code: 'CONFIG_INVALID', message: /TLS failed.*tls\.ca/ })
})

/** What an application needs, and nothing else: docs/streams/security.md lists the same. */
const grants = [
  [AclResourceTypes.TOPIC, 'source', ResourcePatternTypes.LITERAL, [AclOperationTypes.READ, AclOperationTypes.DESCRIBE_CONFIGS]],
  [AclResourceTypes.TOPIC, 'sink', ResourcePatternTypes.LITERAL, [AclOperationTypes.WRITE, AclOperationTypes.DESCRIBE_CONFIGS]],
  [AclResourceTypes.TOPIC, `${APPLICATION}-`, ResourcePatternTypes.PREFIXED, [AclOperationTypes.CREATE, AclOperationTypes.READ, AclOperationTypes.WRITE, AclOperationTypes.DELETE, AclOperationTypes.DESCRIBE_CONFIGS]],
  [AclResourceTypes.GROUP, APPLICATION, ResourcePatternTypes.LITERAL, [AclOperationTypes.READ]],
  [AclResourceTypes.TRANSACTIONAL_ID, `${APPLICATION}-`, ResourcePatternTypes.PREFIXED, [AclOperationTypes.WRITE]],
] as const

/** As the broker's own unsecured validator takes it (KIP-255): no server and no keys are needed to try OAUTHBEARER. */
function unsecuredToken(subject: string, seconds: number): OAuthToken {
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString('base64url')
  const now = Date.now()
  const value = `${part({ alg: 'none' })}.${part({ sub: subject, iat: now / 1_000, exp: now / 1_000 + seconds })}.`
  return { value, expiresAt: now + seconds * 1_000 }
}

function application(name: string, over: Partial<KafkaStreamsOptions> = {}): KafkaStreams {
  const { tls, sasl, bootstrapServers } = asApp('SCRAM-SHA-256')
  return new KafkaStreams({
    topology: (b: StreamsBuilder) => {
      b.stream('source', { key: Serdes.string(), value: Serdes.string() })
        .groupBy((_key, value) => value, { name: 'by-value', key: Serdes.string(), value: Serdes.string() })
        .count({ name: 'per-value' })
        .toStream()
        .to('sink', { key: Serdes.string(), value: Serdes.long() })
    },
    applicationId: APPLICATION,
    bootstrapServers: [...bootstrapServers],
    tls: tls!,
    sasl: sasl!,
    stateDir: join(folder, name),
    threads: 'in-process',
    replicationFactor: 1,
    onWarning: () => undefined,
    ...over,
  })
}

t.test('an application with the rights that are documented, and without one of them', async (t) => {
  const refused = application('refused')
  await t.rejects(refused.start(), { code: 'AUTHORIZATION_FAILED', message: /source/ }, 'the error names what is denied')
  await refused.close()

  await allow(...grants.flatMap(([type, name, pattern, operations]) => operations.map((operation) => right(type, name, pattern, operation))))
  const app = application('allowed')
  const failed = new Promise<Error>((resolve) => app.onError(resolve))
  t.teardown(() => app.close())
  await app.start()
  const send = async (count: number): Promise<void> => {
    await producer.send({ topic: 'source', messages: Array.from({ length: count }, (_, i) => ({ key: `${i}`, value: `value-${i % 7}` })) })
  }
  await send(700)
  const reader = kafka.consumer({ groupId: 'reader' })
  await reader.connect()
  await reader.subscribe({ topic: 'sink', fromBeginning: true })
  const counts = new Map<string, number>()
  const all = Promise.withResolvers<void>()
  await reader.run({
    eachMessage: async ({ message }) => {
      counts.set(message.key!.toString(), Number(message.value!.readBigInt64BE(0)))
      if (counts.size === 7 && [...counts.values()].every((count) => count === 100)) {
        all.resolve()
      }
    },
  })
  await all.promise
  await reader.disconnect()
  t.same([...counts.values()], Array(7).fill(100))

  await withdraw(right(AclResourceTypes.TOPIC, 'sink', ResourcePatternTypes.LITERAL, AclOperationTypes.WRITE))
  await send(7)
  t.match(await failed, { code: 'AUTHORIZATION_FAILED', message: /sink/ }, 'a right that is taken away stops it, and is named')
  await app.close()
})

t.test('an application whose tokens end while it runs', async (t) => {
  let asked = 0
  const token = (): OAuthToken => {
    asked++
    return unsecuredToken('app', 10)
  }
  const app = application('tokens', {
    topology: new URL('../copy-topology.ts', import.meta.url),
    settings: { from: 'source', to: 'sink' },
    threads: 2,
    sasl: { mechanism: 'OAUTHBEARER', token },
  })
  const errors: Error[] = []
  app.onError((error) => errors.push(error))
  t.teardown(() => app.close())
  await allow(right(AclResourceTypes.TOPIC, 'sink', ResourcePatternTypes.LITERAL, AclOperationTypes.WRITE))
  await app.start()
  const sum = (offsets: readonly { offset: string }[]): number => offsets.reduce((all, { offset }) => all + Number(offset), 0)
  for (const tokens of [2, 3]) {
    // Older tokens have ended, and so have the connections that were made with them and did not show another one.
    await eventually(`${tokens} tokens were asked for`, async () => asked >= tokens)
    await producer.send({ topic: 'source', messages: Array.from({ length: 100 }, (_, i) => ({ key: `${i}`, value: 'v' })) })
    const end = sum(await admin.fetchTopicOffsets('source'))
    await eventually('they are copied', async () => sum((await admin.fetchOffsets({ groupId: APPLICATION, topics: ['source'] }))[0]!.partitions) === end)
  }
  t.same(errors, [])
  t.equal(app.failedThreads, 0)
  await app.close()

  const wrong = application('stranger', { sasl: { mechanism: 'OAUTHBEARER', token: () => unsecuredToken('stranger', 60) } })
  await t.rejects(wrong.start(), { code: 'AUTHORIZATION_FAILED', message: /source/ }, 'the token says who it is')
  await wrong.close()
})

t.test('the command line by a properties file, with the rights that are documented for each command', async (t) => {
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, server.pem)
  const config = join(folder, 'client.properties')
  writeFileSync(config, `bootstrap.servers=${brokers.address(1)}
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="app" password="app-secret";
ssl.truststore.type=PEM
ssl.truststore.location=${ca}
`)
  const run = (...words: string[]) => millrace(...words, '--command-config', config)
  const listed = await run('groups')
  t.equal(listed.code, 0, listed.remarks)
  t.match(listed.lines, new RegExp(`^${APPLICATION} +Empty +0 +millrace$`, 'm'))
  t.match((await run('groups', APPLICATION)).lines, /source +0 +\d+ +\d+ +\d+ /)

  t.match(await run('reset', APPLICATION), { code: 1, remarks: /AUTHORIZATION_FAILED: DeleteGroups of group secured/ })
  await allow(right(AclResourceTypes.GROUP, APPLICATION, ResourcePatternTypes.LITERAL, AclOperationTypes.DELETE))
  const reset = await run('reset', APPLICATION, '--input-topics', 'source')
  t.match(reset, { code: 0, lines: /deleted: secured-per-value-changelog[\s\S]*done$/ }, reset.remarks)

  await admin.createTopics({ timeout: 60_000, topics: [{ topic: 'letters', numPartitions: 1, replicationFactor: 1 }] })
  const why = { topic: 'source', partition: '1', offset: '0', node: 'check', code: 'PROCESSING_FAILED', raw: 'source' }
  await producer.send({
    topic: 'letters',
    messages: [{ key: 'k', value: 'again', headers: Object.fromEntries(Object.entries(why).map(([name, value]) => [`__streams.errors.${name}`, value])) }],
  })
  const replay = () => run('dead-letters', 'replay', 'letters', '--application', APPLICATION, '--to', 'source')
  t.match(await replay(), { code: 1, remarks: /AUTHORIZATION_FAILED/ })
  await allow(
    right(AclResourceTypes.TOPIC, 'letters', ResourcePatternTypes.LITERAL, AclOperationTypes.READ),
    right(AclResourceTypes.GROUP, `${APPLICATION}-dead-letter-replay`, ResourcePatternTypes.LITERAL, AclOperationTypes.READ),
    right(AclResourceTypes.TOPIC, 'source', ResourcePatternTypes.LITERAL, AclOperationTypes.WRITE),
  )
  t.match(await replay(), { code: 0, lines: /^sent to source: 1$/ })
  t.match(await replay(), { code: 0, lines: /^nothing to replay\nreplayed before: 1$/ })
  const wrong = join(folder, 'wrong.properties')
  writeFileSync(wrong, readFileSync(config, 'utf8').replace('app-secret', 'hunter2'))
  const refused = await millrace('groups', '--command-config', wrong)
  t.match(refused, { code: 1, remarks: /AUTHORIZATION_FAILED/ })
  t.notMatch(refused.remarks, /hunter2/)
})
