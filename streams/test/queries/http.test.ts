/** Queries over HTTP: routes, parameters, refusals, and what strangers may try. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { KeyValueStore, TimestampedKeyValueStore, VersionedKeyValueStore, WindowStore } from '../../index.ts'
import { type Processor, type QueryAccess, QueryServer, type QueryServerOptions, Serdes, Stores, type StreamsBuilder } from '../../index.ts'
import { MemoryApp } from './memory-app.ts'

class Nothing implements Processor<string, string> {
  process(): void {}
}

function topology(b: StreamsBuilder): void {
  const value = Serdes.json<unknown>()
  const stores = [
    Stores.timestampedKeyValueStore('names', { key: Serdes.string(), value }),
    Stores.keyValueStore('numbers', { key: Serdes.long(), value: Serdes.bytes() }),
    Stores.windowStore('windows', { key: Serdes.string(), value: Serdes.bigint(), retention: '1d', windowSize: '1m' }),
    Stores.versionedKeyValueStore('versions', { key: Serdes.string(), value, historyRetention: '1d' }),
    Stores.sessionStore('sessions', { key: Serdes.string(), value, retention: '1d' }),
  ]
  b.stream('in', { key: Serdes.string(), value: Serdes.string() }).process(() => new Nothing(), { name: 'keep', stores })
}

const HOSTILE = ['../../etc/passwd', 'a/b?c=d&e#f', '%00', '\u0000', '<script>alert(1)</script>', '__proto__', 'ключ', '😀', ' ', '"\r\nX: y', '..']

async function served(t: Test, options: QueryServerOptions = {}): Promise<{ app: MemoryApp; port: number; get(path: string, headers?: { [name: string]: string }): Promise<{ status: number; text: string; json: Record<string, unknown>; lines: Record<string, unknown>[] }> }> {
  const app = new MemoryApp(topology)
  const server = await QueryServer.open(app, options)
  t.teardown(() => server.close())
  // Not fetch: it would mend paths and forbid headers.
  const get = (path: string, headers: { [name: string]: string } = {}, method = 'GET') =>
    new Promise<{ status: number; text: string; json: Record<string, unknown>; lines: Record<string, unknown>[] }>((resolve, reject) => {
      const asked = request({ port: server.port, host: '127.0.0.1', path, headers, method, agent: false }, async (response) => {
        let text = ''
        for await (const chunk of response) {
          text += chunk
        }
        const lines = text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
        resolve({ status: response.statusCode!, text, json: lines[0] ?? {}, lines })
      })
      asked.on('error', reject)
      asked.end()
    })
  return { app, port: server.port, get }
}

t.test('stores, values and rows', async (t) => {
  const { app, get } = await served(t)
  t.same((await get('/stores')).json['stores'], [
    { name: 'names', kind: 'key-value', global: false, partitions: 1 },
    { name: 'numbers', kind: 'key-value', global: false, partitions: 1 },
    { name: 'windows', kind: 'window', global: false, partitions: 1 },
    { name: 'versions', kind: 'versioned', global: false, partitions: 1 },
    { name: 'sessions', kind: 'session', global: false, partitions: 1 },
  ])
  for (const key of HOSTILE) {
    app.write('names', '', (store: TimestampedKeyValueStore<string, unknown>) => store.put(key, { value: { is: key }, timestamp: 9 }))
  }
  for (const key of HOSTILE) {
    const { status, json } = await get(`/stores/names/${encodeURIComponent(key)}`)
    t.equal(status, 200)
    t.same(json, { key, value: { is: key }, timestamp: 9, partition: 0, position: { in: { 0: 3 } }, active: true, lag: 0 })
    t.same((await get(`/stores/names/${Buffer.from(key).toString('base64url')}?encoding=base64url`)).json['value'], { is: key })
  }
  t.match(await get('/stores/names/nobody'), { status: 404, json: { key: 'nobody', value: null } })
  const all = await get('/stores/names')
  t.equal(all.lines.length, HOSTILE.length + 1)
  t.match(all.lines.at(-1), { end: true, rows: HOSTILE.length, more: false })
  const some = await get('/stores/names?limit=2&reverse=true')
  t.same(some.lines.slice(0, 2).map(({ key }) => key), all.lines.slice(-3, -1).map(({ key }) => key).reverse())
  t.match(some.lines.at(-1), { end: true, rows: 2, more: true })
  const between = await get(`/stores/names?from=${encodeURIComponent('<')}&to=b`)
  t.ok(between.lines.slice(0, -1).every(({ key }) => Buffer.compare(Buffer.from(key as string), Buffer.from('<')) >= 0 && (key as string) <= 'b'))

  app.write('numbers', '', (store: KeyValueStore<number, Uint8Array>) => store.put(-5, Buffer.from([1, 255])))
  t.match(await get('/stores/numbers/-5'), { status: 200, json: { key: -5, value: 'Af8' } })
  app.write('windows', '', (store: WindowStore<string, bigint>) => {
    store.put('a', 2n ** 60n, 0)
    store.put('a', 2n, 60_000)
  })
  const windows = await get('/stores/windows/a?fromTime=0&toTime=1')
  t.same(windows.lines[0], { key: { key: 'a', window: { start: 0, end: 60_000 } }, value: '1152921504606846976' })
  t.match(windows.lines[1], { end: true, rows: 1 })
  app.write('versions', '', (store: VersionedKeyValueStore<string, unknown>) => {
    store.put('a', 1, 10)
    store.put('a', 2, 20)
  })
  t.match((await get('/stores/versions/a')).json, { value: 2 })
  t.match((await get('/stores/versions/a?asOf=15')).json, { value: 1 })
  t.match((await get('/stores/versions/a?fromTime=0')).lines, [{ value: 1, validTo: 20 }, { value: 2, validTo: null }, { end: true }])
})

t.test('what is wrong is named, and never the key', async (t) => {
  const { app, get } = await served(t)
  const wrong: readonly (readonly [string, number, string])[] = [
    ['/', 404, 'QUERY_INVALID'],
    ['/stores/none/a', 404, 'QUERY_STORE_UNKNOWN'],
    ['/stores/__proto__/a', 404, 'QUERY_STORE_UNKNOWN'],
    ['/stores/names/a/b', 404, 'QUERY_INVALID'],
    ['/stores/names/%E0%A4%A', 400, 'QUERY_INVALID'],
    ['/stores/numbers/secret', 400, 'QUERY_INVALID'],
    ['/stores/numbers/1e400', 400, 'QUERY_INVALID'],
    ['/stores/names/secret?limit=-1', 400, 'QUERY_INVALID'],
    ['/stores/names/secret?offset=1', 400, 'QUERY_INVALID'],
    ['/stores/names/secret?encoding=hex', 400, 'QUERY_INVALID'],
    ['/stores/names/secret?position=in:0', 400, 'QUERY_INVALID'],
    ['/stores/names/secret?position=__proto__:0:1', 400, 'QUERY_INVALID'],
    ['/stores/names/secret?partition=3&routed=false', 421, 'QUERY_NOT_PRESENT'],
    ['/stores/sessions', 400, 'QUERY_INVALID'],
    ['/stores/windows/secret?from=secret', 400, 'QUERY_INVALID'],
    ['/stores/names/secret?timeout=9999999999', 400, 'QUERY_INVALID'],
  ]
  for (const [path, status, code] of wrong) {
    const answer = await get(path)
    t.match(answer, { status, json: { error: { code } } }, path)
    t.notMatch(answer.text, /secret/, path)
  }
  t.same(app.asked.filter(({ partition }) => partition !== 3), [])
})

t.test('without authorize only the loopback is served, to those who call it by its name', async (t) => {
  await t.rejects(QueryServer.open(new MemoryApp(topology), { listen: '0.0.0.0:0' }), { code: 'CONFIG_INVALID', message: /give authorize/ })
  await t.rejects(QueryServer.open(new MemoryApp(topology), { listen: 'nowhere' }), { code: 'CONFIG_INVALID' })
  const { app, get } = await served(t)
  for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost@evil.example']) {
    t.match(await get('/stores/names/a', { host }), { status: 403, json: { error: { code: 'QUERY_REFUSED' } } }, host)
  }
  t.equal((await get('/stores', { host: 'localhost:1' })).status, 200)
  t.equal((await get('/stores', { host: '[::1]:1' })).status, 200)
  t.same(app.asked, [])
})

t.test('who hangs up in the middle of many rows is read for no longer', async (t) => {
  const { app, port } = await served(t)
  const long = 'x'.repeat(20_000)
  app.write('names', '', (store: TimestampedKeyValueStore<string, unknown>) => {
    for (let i = 0; i < 4_000; i++) {
      store.put(`k${i}`, { value: long, timestamp: 0 })
    }
  })
  const asked = request({ port, host: '127.0.0.1', path: '/stores/names?limit=100000', agent: false })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  await once(response, 'readable')
  // It reads nothing more: what the sockets hold is a small part, and the pages stop.
  let pages = -1
  for (let still = 0; still < 10; still = pages === app.asked.length ? still + 1 : 0) {
    pages = app.asked.length
    await delay(20)
  }
  t.ok(pages < 100, `${pages} pages of at least 160`)
  response.on('error', () => undefined)
  response.destroy()
  await delay(50)
  t.ok(app.asked.length <= pages + 1, 'and none after it has gone')
})

t.test('authorize sees store and key, and who it refuses learns nothing', async (t) => {
  const seen: QueryAccess[] = []
  const { app, get } = await served(t, {
    listen: '0.0.0.0:0',
    authorize: async (access) => {
      seen.push(access)
      if (access.headers.authorization === 'broken') {
        throw new Error('the directory is down')
      }
      const tenant = access.headers.authorization
      return access.store === 'names' && typeof access.key === 'string' && tenant !== undefined && access.key.startsWith(`${tenant}|`)
    },
  })
  app.write('names', '', (store: TimestampedKeyValueStore<string, unknown>) => store.put('acme|1', { value: 1, timestamp: 0 }))
  t.match(await get(`/stores/names/${encodeURIComponent('acme|1')}`, { authorization: 'acme' }), { status: 200, json: { value: 1 } })
  t.match(seen[0], { store: 'names', key: 'acme|1', remoteAddress: '127.0.0.1' })
  const asked = app.asked.length
  for (const [path, authorization] of [
    [`/stores/names/${encodeURIComponent('acme|1')}`, 'other'],
    [`/stores/names/${encodeURIComponent('acme|1')}`, 'broken'],
    ['/stores/names', 'acme'],
    ['/stores/names?from=a', 'acme'],
    ['/stores', 'acme'],
    ['/stores/none/a', 'acme'],
    [`/stores/names/${encodeURIComponent('acme|1')}?limit=x`, 'acme'],
  ] as const) {
    t.match(await get(path, { authorization }), { status: 403, json: { error: { code: 'QUERY_REFUSED', message: 'This is not for you to see.' } } }, `${path} for ${authorization}`)
  }
  t.equal(app.asked.length, asked, 'nobody was asked')
  t.match(seen.find(({ from }) => from !== undefined), { store: 'names', key: undefined, from: 'a' })
})
