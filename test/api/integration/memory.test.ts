/** Uploads ride through in flat memory: eight at once of 50 MiB each cost the API far less than one of them. */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createBench, tenantRecord } from './support.ts'

const MEBIBYTE = 1024 * 1024
const UPLOADS = 8
const SIZE = 50 * MEBIBYTE
/** Of 400 MiB that ride through: buffers of sockets, the parser and file writes, and what the collector leaves lying. */
const GROWTH_LIMIT = 120 * MEBIBYTE

t.setTimeout(240_000)
const bench = await createBench([tenantRecord('acme')])
t.teardown(() => bench.close())
const configFile = join(bench.folder, 'config.json')
writeFileSync(configFile, JSON.stringify(bench.config))
const child: ChildProcess = fork(fileURLToPath(new URL('./api-process.ts', import.meta.url)), [configFile], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
t.teardown(async () => {
  child.send('close')
  await once(child, 'exit')
})
const [{ url }] = (await once(child, 'message')) as [{ url: string }]

async function memory(): Promise<{ now: number; highest: number }> {
  child.send('memory')
  const [answer] = (await once(child, 'message')) as [{ now: number; highest: number }]
  return answer
}

/** A file made of one block over and over, first bytes its own. */
async function* body(index: number, block: Buffer, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  yield Buffer.from(`--b\r\nContent-Disposition: form-data; name="file"; filename="${index}.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`)
  const own = Buffer.from(block)
  own.writeUInt32BE(index)
  for (let sent = 0; sent < SIZE; sent += own.length) {
    hash.update(own)
    yield own
  }
  yield Buffer.from('\r\n--b--\r\n')
}

async function upload(index: number, block: Buffer): Promise<void> {
  const hash = createHash('sha256')
  const sending = request(`${url}v1/documents`, {
    method: 'POST', headers: { authorization: `Bearer ${bench.tokens.get('acme')}`, 'content-type': 'multipart/form-data; boundary=b', 'transfer-encoding': 'chunked' },
  })
  const answered = once(sending, 'response')
  await pipeline(Readable.from(body(index, block, hash)), sending)
  const [response] = await answered
  t.equal(response.statusCode, 202)
  t.match(await json(response), { documents: [{ size: SIZE, sha256: hash.digest('hex') }] })
}

t.test('eight uploads of 50 MiB at once', async (t) => {
  const block = randomBytes(MEBIBYTE)
  // the first one loads code and fills pools
  await upload(100, block)
  const before = (await memory()).now
  await Promise.all(Array.from({ length: UPLOADS }, (_, index) => upload(index, block)))
  const { highest } = await memory()
  const growth = highest - before
  t.ok(growth < GROWTH_LIMIT, `grew by ${(growth / MEBIBYTE).toFixed(0)} MiB, from ${(before / MEBIBYTE).toFixed(0)} MiB`)
  t.equal((await bench.received()).length, UPLOADS + 1)
})
