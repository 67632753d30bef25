import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, symlinkSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { avroSerde, schemaText } from '../../../avro/index.ts'
import { connectorName, deployConnectors } from '../../../connectors/index.ts'
import { createBench, eventually } from './support.ts'

const bench = await createBench()
t.teardown(() => bench.close())
const { topics, registry, rest } = bench

const root = mkdtempSync(join(tmpdir(), 'millrace-share-'))
const outside = mkdtempSync(join(tmpdir(), 'millrace-outside-'))
for (const folder of ['acme', 'globex/2026/10', 'Bad Tenant', 'staging']) {
  mkdirSync(join(root, folder), { recursive: true })
}
const serde = avroSerde(registry, `${topics.raw}-value`, 'DocumentReceived')
await serde.open()
const SETTLE_MS = 300
const config = { ...bench.config, share: { root, settleMs: SETTLE_MS, schema: { id: serde.schemaId, text: schemaText('DocumentReceived') } } }
const name = connectorName(config, 'files')
await deployConnectors(config)

async function received(count: number) {
  const records = await bench.read(topics.raw, count)
  return records.map((record) => ({ key: String(record.key), value: serde.deserialize(topics.raw, record.value!) }))
}

/** Whole or not at all: one that is written in place would be taken half when the writer stands still for as long as it takes to settle. */
function drop(path: string, bytes: Buffer | string): void {
  const hidden = join(root, dirname(path), `.${randomBytes(4).toString('hex')}`)
  writeFileSync(hidden, bytes)
  renameSync(hidden, join(root, path))
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const files = new Map<string, Buffer>()
for (let index = 0; index < 40; index++) {
  files.set(`${index % 3 === 0 ? 'globex/2026/10' : 'acme'}/document ${index} ä.bin`, randomBytes(index === 7 ? 8 * 1024 * 1024 : 100 + index * 997))
}
files.set('acme/empty.pdf', Buffer.alloc(0))

t.test('whole files arrive exactly once and are moved', async (t) => {
  for (const [path, bytes] of files) {
    drop(path, bytes)
  }
  await eventually('every file moved', async () => [...files.keys()].every((path) => existsSync(join(root, '.done', path))))
  const records = await received(files.size)
  t.equal(records.length, files.size)
  for (const { key, value } of records) {
    const path = value.attributes['path']!
    const bytes = files.get(path)!
    t.equal(key, `${value.tenantId}|${value.documentId}`)
    t.match(value, { tenantId: path.split('/')[0]!, source: 'share', fileName: path.split('/').at(-1)!, size: bytes.length, sha256: sha256(bytes), reference: null })
    t.match(value.documentId, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    t.ok(value.content!.equals(bytes), 'the same bytes')
  }
  t.equal(new Set(records.map(({ value }) => value.attributes['path'])).size, files.size)
})

t.test('what may not be taken is set aside with its reason, or left alone', async (t) => {
  drop('acme/large.pdf', Buffer.alloc(8 * 1024 * 1024 + 1))
  drop('Bad Tenant/a.pdf', 'a')
  drop('nobody.pdf', 'a')
  writeFileSync(join(outside, 'secret.pdf'), 'secret')
  symlinkSync(join(outside, 'secret.pdf'), join(root, 'acme/link.pdf'))
  symlinkSync(outside, join(root, 'acme/folder'))
  symlinkSync(outside, join(root, 'linked-tenant'))
  execFileSync('mkfifo', [join(root, 'acme/pipe.pdf')])
  for (const temporary of ['.hidden.pdf', 'upload.pdf.part', 'upload.tmp', 'open.docx~']) {
    writeFileSync(join(root, 'acme', temporary), 'not yet')
  }
  for (const [path, code] of [['acme/large.pdf', 'TOO_LARGE'], ['Bad Tenant/a.pdf', 'TENANT_INVALID'], ['nobody.pdf', 'TENANT_INVALID']] as const) {
    await eventually(`${path} set aside`, async () => existsSync(join(root, '.failed', path)))
    const reason = JSON.parse(readFileSync(join(root, '.failed', `${path}.reason.json`), 'utf8')) as { code: string; file: string }
    t.equal(reason.code, code)
    t.equal(reason.file, path)
  }
  drop('acme/after.pdf', 'after')
  await eventually('the file behind them moved', async () => existsSync(join(root, '.done/acme/after.pdf')))
  t.ok(lstatSync(join(root, 'acme/link.pdf')).isSymbolicLink(), 'a link is left alone')
  t.ok(existsSync(join(root, 'acme/pipe.pdf')), 'a pipe is left alone')
  t.same(readdirSync(outside), ['secret.pdf'])
  t.same(readdirSync(join(root, 'acme')).sort(), ['.hidden.pdf', 'folder', 'link.pdf', 'open.docx~', 'pipe.pdf', 'upload.pdf.part', 'upload.tmp'])
  const records = await received(files.size + 1)
  t.equal(records.length, files.size + 1, 'nothing else was taken')
  t.equal(String(records.find(({ value }) => value.fileName === 'after.pdf')!.value.content), 'after')
})

t.test('the same name dropped again is a new file, even with the same bytes and time', async (t) => {
  const time = new Date(Date.UTC(2026, 9, 1))
  for (let drop = 0; drop < 2; drop++) {
    writeFileSync(join(root, 'staging/.again.pdf'), 'the same')
    utimesSync(join(root, 'staging/.again.pdf'), time, time)
    renameSync(join(root, 'staging/.again.pdf'), join(root, 'acme/again.pdf'))
    await eventually('the file moved', async () => !existsSync(join(root, 'acme/again.pdf')))
  }
  const records = (await received(files.size + 3)).filter(({ value }) => value.fileName === 'again.pdf')
  t.equal(records.length, 2)
  t.not(records[0]!.value.documentId, records[1]!.value.documentId)
  t.equal(readdirSync(join(root, '.done/acme')).filter((file) => file.startsWith('again.pdf')).length, 2, 'both are kept')
})

/** Files that this process wrote more slowly than it meant to. */
let torn = 0

t.test('a file that is still written is taken when it is complete', async (t) => {
  for (let kept = false; !kept; ) {
    const name = `slow-${torn}.pdf`
    const moved = () => existsSync(join(root, '.done/acme', name))
    const file = openSync(join(root, 'acme', name), 'a')
    let text = ''
    let early = false
    let longest = 0
    for (let part = 0, last = performance.now(); part < 15; part++) {
      writeSync(file, `part ${part}\n`)
      text += `part ${part}\n`
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
      early ||= moved()
      await new Promise((resolve) => setTimeout(resolve, 100)) // the writer's pace, below settle.ms
    }
    closeSync(file)
    await eventually('the file moved', async () => moved())
    // a writer that stood still has finished, as far as anybody can see
    kept = longest < SETTLE_MS
    if (!kept) {
      torn++
      continue
    }
    t.notOk(early, 'not while it grows')
    const records = (await received(files.size + 4 + torn)).filter(({ value }) => value.fileName === name)
    t.same(records.map(({ value }) => String(value.content)), [text])
  }
})

t.test('a restart in the middle takes nothing twice', async (t) => {
  const before = files.size + 4 + torn
  for (let index = 0; index < 200; index++) {
    drop(`globex/burst-${index}.txt`, `burst ${index}`)
  }
  await eventually('some moved', async () => existsSync(join(root, '.done/globex')) && readdirSync(join(root, '.done/globex')).some((file) => file.startsWith('burst')))
  await rest.stop(name)
  await eventually('the connector stopped', async () => (await rest.status(name))?.connector.state === 'STOPPED')
  await rest.resume(name)
  await eventually('all moved', async () => readdirSync(join(root, '.done/globex')).filter((file) => file.startsWith('burst')).length === 200)
  const records = (await received(before + 200)).filter(({ value }) => value.fileName!.startsWith('burst'))
  t.equal(records.length, 200)
  t.equal(new Set(records.map(({ value }) => value.fileName)).size, 200)
})
