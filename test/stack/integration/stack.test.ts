// The life of a stack of its own, beside the one that the other tests use.
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'cassandra-driver'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import t from 'tap'
import { clean, down, kill, type ServerStatus, StackError, type StackAddresses, status, up } from '../../../stack/index.ts'

t.setTimeout(600_000)
const folder = mkdtempSync(join(tmpdir(), 'millrace-stack-'))
const options = { folder, ports: 'any' as const }
t.teardown(async () => {
  await clean({ folder })
  await rm(folder, { recursive: true, force: true })
})

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

function pids(rows: readonly ServerStatus[]): number[] {
  return rows.flatMap((row) => row.pid ?? [])
}

function listens(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

async function query(addresses: StackAddresses, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ ...addresses.postgresql, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function topics(addresses: StackAddresses): Promise<string[]> {
  const admin = new Kafka({ brokers: [addresses.kafka], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await admin.createTopics({ timeout: 60_000, topics: [{ topic: 'kept', numPartitions: 1 }] })
    return await admin.listTopics()
  } finally {
    await admin.disconnect()
  }
}

async function cql(addresses: StackAddresses, ...statements: string[]): Promise<unknown[]> {
  const client = new Client({ contactPoints: [addresses.cassandra], localDataCenter: 'datacenter1' })
  try {
    let rows: unknown[] = []
    for (const statement of statements) {
      rows = (await client.execute(statement)).rows ?? []
    }
    return rows
  } finally {
    await client.shutdown()
  }
}

async function register(addresses: StackAddresses): Promise<unknown> {
  const schema = JSON.stringify({ type: 'record', name: 'Kept', fields: [{ name: 'a', type: 'string' }] })
  const response = await fetch(`${addresses.registry}/subjects/kept-value/versions`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ schema, schemaType: 'AVRO' })
  })
  return ((await response.json()) as { id: unknown }).id
}

t.test('an interrupted start leaves nothing running', async (t) => {
  const stop = new AbortController()
  const seen: number[] = []
  const interrupted = new StackError('NOT_RUNNING', 'interrupted')
  const started = up({ ...options, signal: stop.signal, say: (line) => {
    if (line.includes(' ready after ')) {
      void status({ folder }).then((rows) => {
        seen.push(...pids(rows))
        stop.abort(interrupted)
      })
    }
  } })
  await t.rejects(started, { code: 'NOT_RUNNING' })
  t.ok(seen.length > 0, 'some servers had been started')
  t.notOk(seen.some(isAlive))
  t.ok((await status({ folder })).every((row) => row.state === 'stopped'))
})

t.test('a stack is started, used, restarted with its data, and leaves nothing behind', async (t) => {
  const first = await up(options)
  const rows = await status({ folder })
  t.same(rows.map((row) => row.state), ['running', 'running', 'running', 'running', 'running'])
  t.ok(rows.every((row) => row.memory !== undefined && row.memory > 0))
  t.same(JSON.parse(readFileSync(join(folder, 'stack.json'), 'utf8')), first)
  t.equal(statSync(join(folder, 'stack.json')).mode & 0o777, 0o600)
  t.equal(statSync(join(folder, 'secrets')).mode & 0o777, 0o700)

  await t.test('every server does its work', async (t) => {
    t.ok((await topics(first)).includes('kept'))
    await query(first, 'CREATE EXTENSION vector')
    await query(first, 'CREATE TABLE kept (a vector(2))')
    await cql(first, `CREATE KEYSPACE kept WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`, 'CREATE TABLE kept.t (a int PRIMARY KEY)', 'INSERT INTO kept.t (a) VALUES (7)')
    t.type(await register(first), 'number')
    t.same(await (await fetch(`${first.registry}/config`)).json(), { compatibilityLevel: 'BACKWARD' })
    const plugins = await (await fetch(`${first.connect}/connector-plugins?connectorsOnly=false`)).text()
    t.match(plugins, 'io.debezium.connector.jdbc.JdbcSinkConnector')
    t.match(plugins, 'io.apicurio.registry.utils.converter.AvroConverter')
  })
  const id = await register(first)

  await t.test('a database without its password is closed, and nothing listens beyond loopback', async (t) => {
    await t.rejects(query({ ...first, postgresql: { ...first.postgresql, password: 'wrong' } }, 'SELECT 1'), { code: '28P01' })
    const ports = Object.values(JSON.parse(readFileSync(join(folder, 'ports.json'), 'utf8')) as Record<string, number>)
    const listening = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').split('\n').slice(1)).map((line) => line.trim().split(/\s+/)).filter((fields) => fields[3] === '0A')
    for (const port of ports) {
      const hex = port.toString(16).toUpperCase().padStart(4, '0')
      const addresses = listening.flatMap((fields) => (fields[1]?.endsWith(`:${hex}`) ? fields[1].split(':')[0] ?? '' : []))
      t.ok(addresses.length > 0 && addresses.every((address) => /^(0100007F|0000000000000000FFFF00000100007F)$/.test(address)), `port ${port}: ${addresses.join(' ')}`)
    }
  })

  await t.test('a second up has nothing to do; a killed server is seen and comes back where it was', async (t) => {
    t.same(await up(options), first)
    t.same(pids(await status({ folder })), pids(rows))
    await kill('postgresql', { folder })
    t.equal((await status({ folder })).find((row) => row.name === 'postgresql')?.state, 'dead')
    t.same(await up(options), first)
    t.same(await query(first, 'SELECT count(*)::int AS n FROM kept'), [{ n: 0 }])
  })

  await t.test('down leaves no process and no open port', async (t) => {
    const before = pids(await status({ folder }))
    t.equal(before.length, 5)
    await down({ folder })
    t.notOk(before.some(isAlive))
    t.ok((await status({ folder })).every((row) => row.state === 'stopped'))
    t.notOk(await listens(first.postgresql.port, '127.0.0.1'))
    t.notOk(existsSync(join(folder, 'stack.json')))
  })

  await t.test('the next start takes less than a minute and has all data', async (t) => {
    // The promise is for two cores of its own: on a machine that others keep busy it has its share of them only.
    const share = Math.max(1, (loadavg()[0] ?? 0) / availableParallelism())
    const timed = async (): Promise<[number, StackAddresses]> => {
      const begin = performance.now()
      const addresses = await up(options)
      return [(performance.now() - begin) / 1000, addresses]
    }
    let [seconds, second] = await timed()
    // One that stands still for a while may do so once.
    for (let more = 0; more < 2 && seconds >= 60 * share; more++) {
      await down({ folder })
      ;[seconds, second] = await timed()
    }
    t.ok(seconds < 60 * share, `started in ${seconds.toFixed(1)} s, ${share.toFixed(1)} times as many processes ready as cores`)
    t.same(second, first, 'the same ports and password')
    t.ok((await topics(second)).includes('kept'))
    t.same(await query(second, 'SELECT count(*)::int AS n FROM kept'), [{ n: 0 }])
    t.equal((await cql(second, 'SELECT a FROM kept.t')).length, 1)
    t.equal(await register(second), id, 'the registry remembers the schema')
  })

  await t.test('clean removes everything', async (t) => {
    const notes = (await status({ folder })).flatMap((row) => row.note ?? [])
    const running = pids(await status({ folder }))
    await clean({ folder })
    t.notOk(running.some(isAlive))
    t.notOk(existsSync(join(folder, 'data')))
    t.notOk(existsSync(join(folder, 'secrets')))
    const elsewhere = notes.flatMap((note) => /\/var\/tmp\/\S+/.exec(note)?.[0] ?? [])
    t.equal(elsewhere.length, process.getuid?.() === 0 ? 1 : 0)
    t.notOk(elsewhere.some((path) => existsSync(path)))
  })
})

t.test('a folder that was deleted without clean and made again', async (t) => {
  const only = ['postgresql'] as const
  const lines: string[] = []
  const old = await up({ ...options, only })
  await query(old, 'CREATE TABLE old (a int)')
  await down({ folder })
  await rm(folder, { recursive: true })
  const fresh = await up({ ...options, only, say: (line) => lines.push(line) })
  t.not(fresh.postgresql.password, old.postgresql.password)
  t.same(await query(fresh, `SELECT to_regclass('old') AS old`), [{ old: null }])
  t.equal(lines.filter((line) => line.includes('belongs to a stack whose folder was deleted')).length, process.getuid?.() === 0 ? 1 : 0)
  await clean({ folder })
})
