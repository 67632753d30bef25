import t from 'tap'
import { requireNode } from '../../node-version.ts'
import type { StreamsConfig } from '../../runtime/config.ts'
import { resolveConfig } from '../../runtime/config.ts'

const MINIMUM: StreamsConfig = { applicationId: 'orders', bootstrapServers: 'localhost:9092' }

t.test('defaults', async (t) => {
  t.match(resolveConfig(MINIMUM), {
    applicationId: 'orders',
    client: { bootstrapServers: ['localhost:9092'], clientId: 'orders' },
    stateDir: './state',
    threads: 1,
    inProcess: false,
    processingGuarantee: 'exactly_once_v2',
    engine: 'rocksdb',
    sessionTimeoutMs: 10_000,
    heartbeatIntervalMs: 500,
    metadataMaxAgeMs: 300_000,
    stateCleanupDelayMs: 604_800_000,
    taskTimeoutMs: 300_000,
    internalTopics: 'create',
    uncaughtError: 'fail',
    orphans: 'fail',
    parkedMaxRecords: 100_000,
    parkedMaxBytes: 1024 * 1024 * 1024,
    closeTimeoutMs: 30_000,
  })
  t.same(resolveConfig({ ...MINIMUM, bootstrapServers: 'a:1, b:2' }).client.bootstrapServers, ['a:1', 'b:2'])
  t.same(resolveConfig({ ...MINIMUM, bootstrapServers: ['[::1]:9092'] }).client.bootstrapServers, ['[::1]:9092'])
  t.equal(resolveConfig({ ...MINIMUM, compression: 'zstd' }).client.compression, 'zstd')
  t.match(resolveConfig({ ...MINIMUM, threads: 'in-process' }), { threads: 1, inProcess: true })
  t.match(resolveConfig(MINIMUM).peers, { host: '127.0.0.1', port: 0 }, 'nothing but the loopback is listened on')
  t.equal(resolveConfig({ ...MINIMUM, peers: { listen: false } }).peers, undefined)
  t.match(resolveConfig({ ...MINIMUM, peers: { listen: '0.0.0.0:7000', advertised: 'host-1:7000', secret: 'sixteen characters' } }).peers, { host: '0.0.0.0', advertised: { host: 'host-1', port: 7000 } })
})

t.test('every wrong value is refused with its field, its limit and what to do', async (t) => {
  const wrong: [object, RegExp][] = [
    [{ applicationId: '' }, /applicationId must be 1 to 200/],
    [{ applicationId: 'a/b' }, /applicationId/],
    [{ applicationId: '..' }, /applicationId/],
    [{ bootstrapServers: '' }, /bootstrapServers names no broker: give at least one 'host:port'/],
    [{ bootstrapServers: 'localhost' }, /bootstrapServers has the entry "localhost": give 'host:port'/],
    [{ bootstrapServers: 'localhost:70000' }, /port from 1 to 65535/],
    [{ threads: 0 }, /threads is 0: give a whole number from 1 to 256/],
    [{ threads: 'many' }, /threads/],
    [{ processingGuarantee: 'exactly_once' }, /processingGuarantee is "exactly_once": give 'exactly_once_v2' or 'at_least_once'/],
    [{ engine: 'redis' }, /engine/],
    [{ commitIntervalMs: -1 }, /commitIntervalMs is -1: give a whole number from 0 to 60000/],
    [{ commitIntervalMs: 1.5 }, /commitIntervalMs/],
    [{ uncommittedMaxBytes: 1 }, /uncommittedMaxBytes is 1: give a whole number of at least 65536/],
    [{ sessionTimeoutMs: '10s' }, /sessionTimeoutMs is a string/],
    [{ sessionTimeoutMs: 6_000, heartbeatIntervalMs: 3_000 }, /heartbeatIntervalMs is 3000: give at most a third/],
    [{ internalTopics: 'maybe' }, /internalTopics/],
    [{ errors: { processing: 'dead-letter' } }, /deadLetterTopic is missing/],
    [{ errors: { processing: 'ignore' } }, /errors.processing is "ignore"/],
    [{ errors: { deserialization: 'upstream' } }, /errors.deserialization is "upstream": give 'fail', 'skip', 'dead-letter'/],
    [{ deadLetterTopic: 'a b' }, /deadLetterTopic/],
    [{ compression: 'lz4' }, /compression is "lz4": give 'none' or 'gzip' or 'zstd'/],
    [{ sasl: { mechanism: 'GSSAPI' } }, /sasl.mechanism is "GSSAPI": give 'PLAIN', 'SCRAM-SHA-256'/],
    [{ sasl: { mechanism: 'PLAIN', username: 'a' } }, /sasl.password is missing or no text: give one\./],
    [{ sasl: { mechanism: 'OAUTHBEARER' } }, /sasl.token is missing or no text: give one, or a function that gives { value, expiresAt }/],
    [{ orphans: 'dead-letter' }, /deadLetterTopic is missing, but orphans is 'dead-letter'/],
    [{ parkedMaxRecords: 0 }, /parkedMaxRecords is 0: give a whole number of at least 1/],
    [{ parkedMaxBytes: 5 }, /parkedMaxBytes is 5: give a whole number of at least 1048576/],
    [{ closeTimeoutMs: 1 }, /closeTimeoutMs is 1: give a whole number from 100/],
    [{ stateDir: '' }, /stateDir/],
    [{ peers: { listen: 'nowhere' } }, /peers.listen is "nowhere": give 'host:port'/],
    [{ peers: { listen: '10.0.0.7:7000' } }, /peers.listen is "10.0.0.7:7000", open to the network: give peers.secret or peers.tls/],
    [{ peers: { listen: '0.0.0.0:7000', secret: 'sixteen characters' } }, /peers.advertised is missing/],
    [{ peers: { secret: 'short' } }, /peers.secret is too short: give at least 16 characters/],
    [{ peers: { tls: { ca: 'ca.pem', cert: '', key: '' } } }, /peers.tls needs ca, cert and key/],
    [{ peers: { advertised: 'here' } }, /peers.advertised is "here"/],
    [{ peers: { port: 1 } }, /peers.port is no setting/],
    [{ comitIntervalMs: 5 }, /comitIntervalMs is no setting, but commitIntervalMs is: known are/],
    [{ 'application.id': 'a' }, /application\.id is no setting, but applicationId is: known are/],
    [{ 'num.stream.threads': 2 }, /num\.stream\.threads is no setting, but threads is: known are/],
    [{ 'sasl.jaas.config': '' }, /sasl\.jaas\.config is no setting, but sasl is: known are/],
    [{ 'ssl.truststore.location': '' }, /ssl\.truststore\.location is no setting, but tls is: known are/],
    [{ cacheMaxBytes: 5 }, /cacheMaxBytes is no setting: known are/],
  ]
  for (const [part, message] of wrong) {
    t.throws(() => resolveConfig({ ...MINIMUM, ...part } as StreamsConfig), { code: 'CONFIG_INVALID', message })
  }
})

t.test('a Node.js that is too old is named, not what it lacks', async (t) => {
  t.doesNotThrow(() => requireNode())
  t.throws(() => requireNode('20.20.2', {}), { code: 'CONFIG_INVALID', message: /^Node\.js 20\.20\.2 is too old: 22\.22 or a newer 22\.x is needed/ })
})
