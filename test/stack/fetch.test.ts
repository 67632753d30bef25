import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { download } from '../../stack/fetch.ts'
import { fileServer } from './file-server.ts'

const content = randomBytes(300_000)
const expected = { sha256: createHash('sha256').update(content).digest('hex'), size: content.length }

t.test('a file is stored under its name once its hash is right', async (t) => {
  const server = await fileServer((_, response) => response.end(content))
  t.teardown(() => server.close())
  const target = join(t.testdir(), 'deep', 'file')
  await download(() => ({ url: server.url, headers: { authorization: 'Basic eA==' } }), expected, target)
  t.same(readFileSync(target), content)
  t.notOk(existsSync(`${target}.part`))
  t.equal(server.requests[0]?.headers.authorization, 'Basic eA==')
})

t.test('a file with another hash is refused and nothing of it is kept', async (t) => {
  const other = Buffer.from(content)
  other[12] = (other[12] ?? 0) ^ 1
  const server = await fileServer((_, response) => response.end(other))
  t.teardown(() => server.close())
  const target = join(t.testdir(), 'file')
  await t.rejects(download(() => ({ url: server.url, headers: {} }), expected, target), { code: 'HASH_MISMATCH' })
  t.notOk(existsSync(target))
  t.notOk(existsSync(`${target}.part`))
  t.equal(server.requests.length, 1, 'a wrong file is not asked for again')
})

t.test('a broken connection is resumed where it broke', async (t) => {
  let breakOff = (): unknown => undefined
  const server = await fileServer((request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (server.requests.length === 1) {
      response.writeHead(200, { 'content-length': content.length })
      response.write(content.subarray(0, 100_000))
      breakOff = () => response.destroy()
    } else {
      response.writeHead(206, { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` })
      response.end(content.subarray(start))
    }
  })
  t.teardown(() => server.close())
  const target = join(t.testdir(), 'file')
  await download(() => ({ url: server.url, headers: {} }), expected, target, { backoff: 1, onBytes: () => breakOff() })
  t.same(readFileSync(target), content)
  t.match(server.requests[1]?.headers.range, /^bytes=[1-9]\d*-$/)
})

t.test('a server that cannot resume sends all again', async (t) => {
  const server = await fileServer((_, response) => response.end(content))
  t.teardown(() => server.close())
  const target = join(t.testdir(), 'file')
  writeFileSync(`${target}.part`, content.subarray(0, 5_000))
  await download(() => ({ url: server.url, headers: {} }), expected, target)
  t.same(readFileSync(target), content)
})

t.test('a damaged beginning from an earlier run is thrown away', async (t) => {
  const server = await fileServer((request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(start > 0 ? 206 : 200, start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {})
    response.end(content.subarray(start))
  })
  t.teardown(() => server.close())
  const target = join(t.testdir(), 'file')
  writeFileSync(`${target}.part`, Buffer.alloc(5_000, 1))
  await download(() => ({ url: server.url, headers: {} }), expected, target, { backoff: 1 })
  t.same(readFileSync(target), content)
  t.equal(server.requests.length, 2)
})

t.test('passing faults are retried, others are not', async (t) => {
  const target = join(t.testdir(), 'file')
  const busy = await fileServer((_, response) => {
    response.statusCode = busy.requests.length < 3 ? 503 : 200
    response.end(busy.requests.length < 3 ? 'later' : content)
  })
  t.teardown(() => busy.close())
  await download(() => ({ url: busy.url, headers: {} }), expected, target, { backoff: 1 })
  t.equal(busy.requests.length, 3)

  const missing = await fileServer((_, response) => {
    response.statusCode = 404
    response.end()
  })
  t.teardown(() => missing.close())
  await t.rejects(download(() => ({ url: missing.url, headers: {} }), expected, `${target}2`, { backoff: 1 }), { code: 'DOWNLOAD_FAILED', message: /404/ })
  t.equal(missing.requests.length, 1)
})

t.test('a server that sends too much is refused', async (t) => {
  const server = await fileServer((_, response) => {
    response.write(content)
    response.end('more')
  })
  t.teardown(() => server.close())
  const target = join(t.testdir(), 'file')
  await t.rejects(download(() => ({ url: server.url, headers: {} }), expected, target, { backoff: 1 }), { code: 'DOWNLOAD_FAILED', message: /more than the 300000 bytes/ })
  t.notOk(existsSync(target))
})

t.test('a silent server is given up', async (t) => {
  const server = await fileServer((_, response) => response.writeHead(200).write('x'))
  t.teardown(() => server.close())
  const target = join(t.testdir(), 'file')
  await t.rejects(download(() => ({ url: server.url, headers: {} }), expected, target, { attempts: 2, backoff: 1, silence: 50 }), { code: 'DOWNLOAD_FAILED' })
  t.equal(server.requests.length, 2)
})
