import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkConfig, loadConfig } from '../../topology/config.ts'
import { openModels } from '../../topology/models.ts'
import { openServices } from '../../topology/services.ts'

const least = { kafka: { bootstrapServers: ['localhost:9092'] } }

t.test('defaults fill what is not given', async (t) => {
  t.match(checkConfig(least), { applicationId: 'millrace-documents', partitions: 4, threads: 1, engine: 'rocksdb', ops: { host: '127.0.0.1' } })
})

const wrong: readonly (readonly [given: unknown, code: string, message: RegExp])[] = [
  [[], 'CONFIG_INVALID', /must be a JSON object/],
  [{}, 'CONFIG_INVALID', /"kafka" is missing/],
  [{ ...least, colour: 1 }, 'CONFIG_UNKNOWN_KEY', /"colour".*Known here: applicationId/],
  [{ kafka: { bootstrapServers: ['a:1'], tls: { ca: 'x' } } }, 'CONFIG_UNKNOWN_KEY', /"kafka.tls.ca".*caFile/],
  [{ kafka: { bootstrapServers: [''] } }, 'CONFIG_INVALID', /"kafka.bootstrapServers" must be a list/],
  [{ ...least, threads: 0 }, 'CONFIG_INVALID', /"threads" must be a whole number from 1 to 64/],
  [{ ...least, threads: 1.5 }, 'CONFIG_INVALID', /"threads"/],
  [{ ...least, sessionTimeoutMs: 100 }, 'CONFIG_INVALID', /"sessionTimeoutMs" must be a whole number from 6000/],
  [{ ...least, standbyReplicas: 17 }, 'CONFIG_INVALID', /"standbyReplicas" must be a whole number from 0 to 16/],
  [{ ...least, peers: { secretFile: 'x' } }, 'CONFIG_INVALID', /"peers.listen" is missing/],
  [{ ...least, peers: { listen: 'a:1', secret: 'x' } }, 'CONFIG_UNKNOWN_KEY', /"peers.secret".*secretFile/],
  [{ ...least, engine: 'lmdb' }, 'CONFIG_INVALID', /"engine" must be one of rocksdb, leveldb, memory/],
  [{ ...least, ocrProfile: 'best' }, 'CONFIG_INVALID', /"ocrProfile" must be one of standard, thorough/],
  [{ ...least, ops: 80 }, 'CONFIG_INVALID', /"ops" must be an object/],
  [{ ...least, ops: { host: '::1', port: 70_000 } }, 'CONFIG_INVALID', /"ops.port" must be a whole number from 0 to 65535/],
  [{ ...least, registry: 5 }, 'CONFIG_INVALID', /"registry" must be a string/],
  [{ ...least, registry: 'http://me:s3cret@registry:8080' }, 'CONFIG_INVALID', /^[^@]*"registry" must not hold a password.*"registryAuth"[^@]*$/],
  [{ ...least, ollama: { url: 'http://me:s3cret@models:11434' } }, 'CONFIG_INVALID', /^[^@]*"ollama.url" must not hold a password[^@]*$/],
  [{ ...least, cassandra: { contactPoint: 'h:1', localDataCenter: 'd', keyspace: 'k', username: 'u' } }, 'CONFIG_INVALID', /"cassandra.username" needs "cassandra.passwordFile"/],
  [{ ...least, cassandra: { contactPoint: 'h:1', localDataCenter: 'd', keyspace: 'k', tls: { keyFile: 'f' } } }, 'CONFIG_INVALID', /"cassandra.tls.keyFile" needs "cassandra.tls.certFile"/],
  [{ ...least, postgresql: { host: 'h' } }, 'CONFIG_INVALID', /"postgresql.port" is missing/],
  [{ ...least, llama: { fieldsModel: 'a.gguf' } }, 'CONFIG_INVALID', /"llama.folder" is missing/],
  [{ ...least, llama: { folder: 'f', timeoutMs: 5 } }, 'CONFIG_INVALID', /"llama.timeoutMs" must be a whole number from 1000/],
]

t.test('what is wrong is named, with the limit', async (t) => {
  for (const [given, code, message] of wrong) {
    t.throws(() => checkConfig(given), { code, message }, JSON.stringify(given))
  }
})

t.test('the thorough profile without its engine is an error that names the place and the fix', async (t) => {
  const config = checkConfig({ ...least, ocrProfile: 'thorough', ocrEngineDir: t.testdir() })
  t.throws(() => openServices(config), { code: 'CONFIG_INVALID', message: /no second engine in .*npm run ocr -- install/ })
})

t.test('variables stand over the file', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'config.json')
  writeFileSync(file, JSON.stringify({ ...least, threads: 2, partitions: 8 }))
  const config = loadConfig(file, { MILLRACE_THREADS: '3', MILLRACE_KAFKA_BOOTSTRAP_SERVERS: 'a:1,b:2', MILLRACE_OPS_PORT: '9000', MILLRACE_UNRELATED: 'x' })
  t.match(config, { threads: 3, partitions: 8, kafka: { bootstrapServers: ['a:1', 'b:2'] }, ops: { host: '127.0.0.1', port: 9000 } })
  t.throws(() => loadConfig(file, { MILLRACE_THREADS: 'many' }), { code: 'CONFIG_INVALID', message: /"threads"/ })
})

t.test('docs/reference/configuration.md names every setting, and no other, with its default', async (t) => {
  const page = readFileSync(new URL('../../docs/reference/configuration.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| (`[^|]+`) \| ([^|]+) \|/gm)].map(([, first, fallback]) => {
    const [whole = '', ...others] = [...first!.matchAll(/`([^`]+)`/g)].map((name) => name[1]!)
    return { names: [whole, ...others.map((name) => (name.startsWith('.') ? whole.slice(0, whole.lastIndexOf('.')) + name : name))], defaults: fallback!.trim().split(', ') }
  })
  const variables = rows.flatMap(({ names }) => names.map((name) => `MILLRACE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).replaceAll('.', '_').toUpperCase()}`))
  const asked: string[] = []
  const file = join(t.testdir({ 'config.json': JSON.stringify(least) }), 'config.json')
  const config = loadConfig(file, new Proxy({}, { get: (_, name) => { asked.push(String(name)) } }))
  t.same(variables.sort(), asked.sort())
  let compared = 0
  for (const { names, defaults } of rows) {
    for (const [n, name] of names.entries()) {
      const at = name.split('.').reduce<unknown>((value, part) => (value as { readonly [key: string]: unknown } | undefined)?.[part], config)
      const written = defaults[n]?.replaceAll('`', '')
      if (typeof at === 'number' || (typeof at === 'string' && !name.endsWith('Dir') && written !== 'empty')) {
        t.equal(String(at), written, name)
        compared += 1
      }
    }
  }
  t.ok(compared >= 10, `${compared} defaults`)
})

t.test('an unreadable or broken file is named, and its text is not repeated', async (t) => {
  const folder = t.testdir({ 'broken.json': '{"password": "s3cret"' })
  t.throws(() => loadConfig(join(folder, 'none.json'), {}), { code: 'CONFIG_UNREADABLE', message: /none\.json/ })
  try {
    loadConfig(join(folder, 'broken.json'), {})
    t.fail('broken JSON was read')
  } catch (error) {
    t.match(error, { code: 'CONFIG_INVALID', message: /broken\.json/ })
    t.notMatch(String(error), /s3cret/)
  }
})

t.test('a purpose has one model, and what runs it is there', async (t) => {
  const ollama = { url: 'http://127.0.0.1:1', fieldsModel: 'a', embeddingModel: 'b' }
  t.match(openModels({ ollama }), { fields: { name: 'ollama/a' }, embedder: { name: 'ollama/b' }, answers: undefined, concurrency: 2 })
  t.throws(() => openModels({ ollama, llama: { folder: 'f', fieldsModel: 'a.gguf' } }), { code: 'CONFIG_INVALID', message: /"ollama.fieldsModel" and "llama.fieldsModel"/ })
  t.throws(() => openModels({ ollama, llama: { folder: 'f', answersModel: 'a.gguf' } }), { code: 'CONFIG_INVALID', message: /"llama.answersModel": .*node-llama-cpp.package.json is not there/ })
  const folder = t.testdir({ node_modules: { 'node-llama-cpp': { 'package.json': '{}' } }, 'a.gguf': '' })
  t.match(openModels({ ollama, llama: { folder, answersModel: join(folder, 'a.gguf') } }), { fields: { name: 'ollama/a' }, answers: { name: 'llama/a.gguf' } })
})
