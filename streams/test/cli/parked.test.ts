/** Parked keys over HTTP, and the commands that speak with it. */
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { type Parking, ParkedServer, type ParkedServerOptions } from '../../http/parked-server.ts'
import type { ParkedEntry, ParkedId } from '../../runtime/parked-keys.ts'
import { millrace } from './run.ts'

const key = (operator: string, id: string): ParkedEntry => ({ taskId: 'in_0', operator, id, records: 3, parkedAt: 1_000, attempts: 4, failure: 'CALL_FAILED', topic: 'in', partition: 0, offset: 7 })

async function open(t: Test, options: ParkedServerOptions = {}) {
  let keys = [key('ask', 'YWRh'), key('ask', '#12'), key('other/odd name', 'Ym9i')]
  const done: string[] = []
  const take = (what: string, { taskId, operator, id }: ParkedId): boolean => {
    const found = keys.some((each) => each.taskId === taskId && each.operator === operator && each.id === id)
    keys = keys.filter((each) => each.taskId !== taskId || each.operator !== operator || each.id !== id)
    done.push(`${what} ${operator} ${id}`)
    return found
  }
  const app: Parking = {
    parkedKeys: async () => keys,
    releaseParked: async (id) => take('release', id),
    dropParked: async (id, what) => (take(`drop ${what}`, id) ? (what === 'key' ? 3 : 1) : 0),
  }
  const server = await ParkedServer.open(app, options)
  t.teardown(() => server.close())
  const ask = (method: string, path: string, headers: { readonly [name: string]: string } = {}) =>
    new Promise<{ readonly status: number | undefined; readonly body: unknown }>((resolve, reject) => {
      const made = request(`${server.url}${path}`, { method, headers }, (response) => text(response).then((body) => resolve({ status: response.statusCode, body: JSON.parse(body) }), reject))
      made.on('error', reject).end()
    })
  return { url: server.url, ask, done, left: () => keys.length }
}

t.test('listed, released, dropped over HTTP', async (t) => {
  const { ask, done } = await open(t)
  t.match(await ask('GET', '/parked'), { status: 200, body: { keys: [{ operator: 'ask', id: 'YWRh', records: 3 }, { id: '#12' }, {}] } })
  t.same(await ask('POST', '/parked/in_0/ask/YWRh/release'), { status: 200, body: { released: 1 } })
  t.match(await ask('POST', '/parked/in_0/ask/YWRh/release'), { status: 404, body: { error: { code: 'PARKED_UNKNOWN' } } }, 'it is not parked any more')
  t.same(await ask('DELETE', '/parked/in_0/ask/%2312'), { status: 200, body: { dropped: 1 } })
  t.same(await ask('DELETE', '/parked/in_0/other%2Fodd%20name/Ym9i?what=key'), { status: 200, body: { dropped: 3 } })
  t.same(done, ['release ask YWRh', 'release ask YWRh', 'drop head ask #12', 'drop key other/odd name Ym9i'])
  for (const [method, path] of [['GET', '/'], ['POST', '/parked'], ['GET', '/parked/in_0'], ['POST', '/parked/in_0/ask/x'], ['DELETE', '/parked/in_0/ask/x?what=all'], ['DELETE', '/parked/in_0/ask/x/release'], ['POST', '/parked/a/b/c/release/d'], ['GET', '/parked/%zz']] as const) {
    t.match(await ask(method, path), { status: 404, body: { error: { message: /There are GET/ } } }, `${method} ${path}`)
  }
  t.equal(done.length, 4)
})

t.test('without authorize: the loopback, and no page of the web', async (t) => {
  const { ask, left } = await open(t)
  const strangers: { readonly [name: string]: string }[] = [{ host: 'evil.example' }, { origin: 'https://evil.example' }, { origin: 'null' }]
  for (const headers of strangers) {
    t.match(await ask('DELETE', '/parked/in_0/ask/YWRh', headers), { status: 403, body: { error: { code: 'PARKED_REFUSED' } } })
  }
  t.equal(left(), 3)
  await t.rejects(ParkedServer.open({} as Parking, { listen: '0.0.0.0:0' }), { code: 'CONFIG_INVALID', message: /give authorize/ })
})

t.test('authorize sees what is to be done; an error is a no', async (t) => {
  const asked: unknown[] = []
  const { ask, left } = await open(t, {
    authorize: ({ headers, remoteAddress: _, ...wish }) => {
      asked.push(wish)
      if (headers.authorization === 'broken') {
        throw new Error('secret')
      }
      return headers.authorization === 'ops' && wish.action !== 'drop'
    },
  })
  t.match(await ask('GET', '/parked', { authorization: 'ops' }), { status: 200 })
  t.match(await ask('POST', '/parked/in_0/ask/YWRh/release', { authorization: 'ops' }), { status: 200 })
  t.match(await ask('DELETE', '/parked/in_0/ask/%2312?what=key', { authorization: 'ops' }), { status: 403 })
  t.match(await ask('GET', '/nothing', { authorization: 'no' }), { status: 403 })
  t.notMatch(JSON.stringify(await ask('GET', '/parked', { authorization: 'broken' })), /secret/)
  t.same(asked.slice(0, 3), [{ action: 'list' }, { action: 'release', taskId: 'in_0', operator: 'ask', id: 'YWRh' }, { action: 'drop', what: 'key', taskId: 'in_0', operator: 'ask', id: '#12' }])
  t.equal(left(), 2)
})

t.test('the commands', async (t) => {
  const first = await open(t, { authorize: ({ headers }) => headers.authorization === 'Bearer x' })
  const second = await open(t)
  const at = ['--url', `${first.url}/,${second.url}`, '--header', 'Authorization: Bearer x']
  const listed = await millrace('parked', 'list', ...at, '--operator', 'ask')
  t.match(listed.lines, /^OPERATOR +TASK +ID +RECORD +RECORDS +FAILURE +TRIES +SINCE\nask +in_0 +YWRh +in:0:7 +3 +CALL_FAILED +4 +1970/)
  t.equal(listed.lines.split('\n').length, 5)
  t.match(await millrace('parked', 'release', ...at, '--id', 'YWRh'), { code: 0, lines: '2 released' })
  t.match(await millrace('parked', 'release', ...at, '--id', 'YWRh'), { code: 1, lines: '0 released' })
  t.match(await millrace('parked', 'drop', ...at, '--operator', 'other/odd name', '--all', '--what', 'key'), { code: 0, lines: '6 dropped' })
  t.match(await millrace('parked', 'drop', ...at, '--all'), { code: 0, lines: '2 dropped' })
  t.same([first.left(), second.left()], [0, 0])
  t.match(await millrace('parked', 'list', '--url', first.url), { code: 1, remarks: /answered 403 \(PARKED_REFUSED\)/ })
  t.match(await millrace('parked', 'release', '--url', 'http://127.0.0.1:1', '--all'), { code: 1, remarks: /CONNECTION_FAILED: http:\/\/127.0.0.1:1 does not answer/ })
  for (const [words, message] of [
    [['list'], /needs APPLICATION, or --url/],
    [['list', 'app', '--url', 'http://h:1'], /needs APPLICATION, or --url/],
    [['release', '--all'], /needs --url URL/],
    [['release', '--url', 'http://h:1'], /either --id ID or --all/],
    [['drop', '--url', 'http://h:1', '--all', '--id', 'x'], /either --id ID or --all/],
    [['drop', '--url', 'http://h:1', '--all', '--what', 'tail'], /give head or key/],
    [['release', '--url', 'h:1', '--all'], /give http:\/\/HOST:PORT/],
    [['release', '--url', 'http://h:1', '--all', '--header', 'x'], /give NAME:VALUE/],
  ] as const) {
    t.match(await millrace('parked', ...words), { code: 2, remarks: message })
  }
})
