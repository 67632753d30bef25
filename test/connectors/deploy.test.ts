import t from 'tap'
import { ConnectRest, connectorDefinitions, deadLetterTopics, deployConnectors } from '../../connectors/index.ts'
import { config, ScriptedConnect } from './support.ts'

async function worker(t: { teardown(action: () => Promise<void>): void }): Promise<ScriptedConnect> {
  const connect = await new ScriptedConnect().start()
  t.teardown(() => connect.stop())
  return connect
}

t.test('all connectors are created, and the second time nothing is touched', async (t) => {
  const connect = await worker(t)
  const here = { ...config, connect: { url: connect.url } }
  t.same(await deployConnectors(here), ['documents-postgresql', 'documents-cassandra', 'documents-files'])
  connect.calls.length = 0
  t.same(await deployConnectors(here), [])
  t.same(connect.calls.filter(({ method }) => method !== 'GET'), [])
})

t.test('only what changed is changed', async (t) => {
  const connect = await worker(t)
  const here = { ...config, connect: { url: connect.url } }
  await deployConnectors(here)
  t.same(await deployConnectors({ ...here, postgresql: { ...here.postgresql, port: 5433 } }), ['documents-postgresql'])
})

t.test('a share that is no longer configured loses its connector', async (t) => {
  const connect = await worker(t)
  const here = { ...config, connect: { url: connect.url } }
  await deployConnectors(here)
  await deployConnectors({ ...here, share: null })
  t.same([...connect.connectors.keys()], ['documents-postgresql', 'documents-cassandra'])
})

t.test('a rebalance is waited out', async (t) => {
  const connect = await worker(t)
  connect.interruptions.push({ method: 'PUT', status: 409, times: 2 })
  const here = { ...config, connect: { url: connect.url }, share: null }
  t.same(await deployConnectors(here), ['documents-postgresql', 'documents-cassandra'])
  t.equal(connect.calls.filter(({ method }) => method === 'PUT').length, 4)
})

t.test('a rebalance that does not end is an error', async (t) => {
  const connect = await worker(t)
  connect.interruptions.push({ method: 'PUT', status: 409, times: 1_000 })
  const rest = new ConnectRest(connect.url, { patienceMs: 600 })
  await t.rejects(deployConnectors(config, { rest }), { code: 'CONNECT_REFUSED', message: /409/ })
})

t.test('a worker without a plugin is told before anything is created', async (t) => {
  const connect = await worker(t)
  connect.plugins = connect.plugins.slice(1)
  await t.rejects(deployConnectors({ ...config, connect: { url: connect.url } }), { code: 'CONNECT_REFUSED', message: /io\.debezium/ })
  t.same([...connect.connectors.keys()], [])
})

t.test('settings the worker refuses are not tried again', async (t) => {
  const connect = await worker(t)
  connect.interruptions.push({ method: 'PUT', status: 400, times: 1 })
  await t.rejects(deployConnectors({ ...config, connect: { url: connect.url } }), { code: 'CONNECT_REFUSED', message: /400.*scripted/ })
})

t.test('a task that does not run in time is an error with its cause', async (t) => {
  const connect = await worker(t)
  connect.taskState = 'FAILED'
  connect.trace = 'org.apache.kafka.connect.errors.ConnectException: There is no table archive.document_by_id\n\tat x'
  await t.rejects(deployConnectors({ ...config, connect: { url: connect.url } }, { timeoutMs: 300 }), { code: 'CONNECT_UNAVAILABLE', message: /There is no table/ })
})

t.test('a worker that does not answer is an error', async (t) => {
  const rest = new ConnectRest('http://127.0.0.1:1', { patienceMs: 300 })
  await t.rejects(deployConnectors(config, { rest }), { code: 'CONNECT_UNAVAILABLE' })
})

t.test('servers that want to know who comes: secrets are named, never said, and certificates are checked', async (t) => {
  const [postgresql, cassandra] = connectorDefinitions({
    ...config,
    registry: { ...config.registry, authenticated: true },
    postgresql: { ...config.postgresql, workerTls: { ca: true, client: false } },
    cassandra: { ...config.cassandra, authenticated: true, workerTls: { ca: true, client: true } }
  })
  const secret = (file: string, key: string): string => `\${file:/run/secrets/millrace/${file}.properties:${key}}`
  t.match(postgresql!.settings, {
    'connection.url': /&sslmode=verify-full&sslrootcert=%2Frun%2Fsecrets%2Fmillrace%2Fpostgresql-ca\.pem$/,
    'value.converter.apicurio.auth.username': secret('registry', 'username'), 'key.converter.apicurio.auth.password': secret('registry', 'password')
  })
  t.match(cassandra!.settings, {
    'cassandra.username': secret('cassandra', 'username'), 'cassandra.password': secret('cassandra', 'password'), 'cassandra.tls': 'true',
    'cassandra.ssl.truststore.type': 'PEM', 'cassandra.ssl.truststore.location': '/run/secrets/millrace/cassandra-ca.pem', 'cassandra.ssl.keystore.location': '/run/secrets/millrace/cassandra-client.pem'
  })
  const [plain, open] = connectorDefinitions({ ...config, postgresql: { ...config.postgresql, workerTls: { ca: false, client: false } } })
  t.match(plain!.settings['connection.url'], /&sslmode=verify-full&sslfactory=org\.postgresql\.ssl\.DefaultJavaSSLFactory$/, "the Java runtime's roots")
  t.same(Object.keys(open!.settings).filter((setting) => /username|password|tls|ssl/.test(setting)), [])
})

t.test('what the definitions must say', async (t) => {
  const [postgresql, cassandra, files] = connectorDefinitions({ ...config, namePrefix: 'test-' })
  t.same([postgresql!.name, cassandra!.name, files!.name], ['test-documents-postgresql', 'test-documents-cassandra', 'test-documents-files'])
  t.match(postgresql!.settings, {
    topics: 'documents.archive,documents.chunks', transforms: 'documents,chunks', 'transforms.chunks.regex': 'documents[.]chunks', 'transforms.chunks.replacement': 'chunks',
    'collection.name.format': `millrace.\${topic}`, 'connection.password': `\${file:/run/secrets/millrace/postgresql.properties:millrace_sink}`, 'insert.mode': 'upsert',
    'primary.key.mode': 'record_key', 'schema.evolution': 'none', 'connection.restart.on.errors': 'true', 'delete.enabled': 'false',
    'errors.deadletterqueue.topic.name': 'postgresql.dead-letter', 'value.converter.apicurio.registry.url': 'http://127.0.0.1:8080/apis/registry/v2'
  })
  t.match(cassandra!.settings, {
    topics: 'documents.archive,documents.lifecycle', 'cassandra.contact.points': 'c1:9042,c2:9042', 'revision.field': 'revision',
    'topic.tables': 'documents.archive=document_by_id,documents.archive=documents_by_tenant_day,documents.lifecycle=lifecycle_by_document'
  })
  for (const { settings } of [postgresql!, cassandra!]) {
    t.match(settings, {
      'errors.tolerance': 'all', 'errors.deadletterqueue.context.headers.enable': 'true', 'errors.log.include.messages': 'false',
      'consumer.override.isolation.level': 'read_committed', 'consumer.override.session.timeout.ms': '10000'
    })
  }
  t.match(files!.settings, { topic: 'documents.raw', root: '/srv/share', 'exactly.once.support': 'required', 'transaction.boundary': 'poll', 'value.schema.id': '7' })
  for (const { settings } of [postgresql!, cassandra!, files!]) {
    t.ok(Object.values(settings).every((value) => typeof value === 'string'), 'Connect takes strings only')
  }
  t.same(deadLetterTopics(config), ['postgresql.dead-letter', 'cassandra.dead-letter'])
})
