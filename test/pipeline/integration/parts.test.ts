// Mails and an archive on the real servers, the process killed while they are unfolded: every part is received once, and both databases say of what.
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { Tally } from '../../../cli/start/tally.ts'
import { partDocumentId } from '../../../processors/containers/index.ts'
import { writeCii } from '../../../samples/cii.ts'
import { createInvoice } from '../../../samples/invoice.ts'
import { writeHtmlInvoice, writeMail } from '../../../samples/other-formats.ts'
import { createRandom } from '../../../samples/random.ts'
import { zipOf } from '../../../samples/zip.ts'
import { documentKey } from '../../../topology/topics.ts'
import { Bench, sha256 } from '../bench.ts'
import type { TestDocument } from '../documents.ts'
import { databaseOutcome } from '../outcome.ts'

const TENANT = 'acme'
const MAILS = 8

t.setTimeout(300_000)
const bench = await Bench.open({ tenants: [TENANT, 'globex'] })
t.teardown(() => bench.close())
const { environment, config } = bench
const tally = new Tally(environment.cluster, config)
await tally.start()
t.teardown(() => tally.close())

const random = createRandom(11)
const now = new Date()
const invoice = () => createInvoice(random, { language: 'en', now })
const mailOfTwo = (n: number): Buffer =>
  writeMail(random, `Letter ${n}`, [
    { fileName: 'invoice.xml', contentType: 'application/xml', bytes: Buffer.from(writeCii(invoice(), 'factur-x')) },
    { fileName: 'invoice.html', contentType: 'text/html', bytes: writeHtmlInvoice(random, invoice()) },
  ])
const document = (fileName: string, contentType: string, bytes: Uint8Array): TestDocument => ({
  kind: 'xml-invoice', tenant: TENANT, documentId: randomUUID(), fileName, contentType, bytes, confidential: [], receivedAt: now.getTime(),
})

const mails = Array.from({ length: MAILS }, (_, n) => document(`${n}.eml`, 'message/rfc822', mailOfTwo(n)))
// a mail of the archive has two parts of its own; the second entry has bytes that are there already
const inner = mailOfTwo(MAILS)
const archive = document('all.zip', 'application/zip', zipOf([{ name: '2026/inner.eml', data: inner }, { name: 'again.eml', data: mails[0]!.bytes }]))
const partsInAll = 2 * MAILS + 2 + 2

t.test('killed while it unfolds, it neither loses nor doubles a part', async (t) => {
  const first = await bench.start()
  await first.ready()
  await bench.send(mails)
  await bench.progress('some parts were received', () => tally.counts().parts >= 4)
  await first.kill()
  const second = await bench.start()
  await bench.allEnded()
  // only now: which of two equal files is the duplicate is settled
  await bench.send([archive])
  const sum = (): number => Object.values(tally.counts().ends).reduce((all, end) => all + end, 0)
  await bench.progress('every document and every part has ended', () => {
    const { received, parts } = tally.counts()
    return parts === partsInAll && received === MAILS + 1 + parts && sum() === received
  })
  t.equal(second.ended, false)
  t.match(tally.counts(), { received: MAILS + 1 + partsInAll, parts: partsInAll, ends: { duplicate: 1, rejected: 0, deadLetter: 0 } })
})

t.test('both databases hold each of them once, linked to what it came out of', async (t) => {
  const expected = new Set<string>()
  const add = (container: { documentId: string; bytes: Uint8Array }, sections: readonly string[]): string[] => {
    const ids = sections.map((section) => partDocumentId({ tenantId: TENANT, documentId: container.documentId, sha256: sha256(container.bytes) }, section))
    for (const id of [container.documentId, ...ids]) {
      expected.add(documentKey(TENANT, id))
    }
    return ids
  }
  for (const mail of mails) {
    add(mail, ['2', '3'])
  }
  const [innerId, againId] = add(archive, ['1', '2']) as [string, string]
  const innerParts = add({ documentId: innerId, bytes: inner }, ['2', '3'])
  await bench.progress('both databases hold all of them', async () => {
    const { postgresql, cassandra } = (await databaseOutcome(environment)).revisions
    return [postgresql, cassandra].every((held) => [...expected].every((key) => held.has(key)))
  })
  const { postgresql, cassandra } = (await databaseOutcome(environment)).revisions
  t.same([[...postgresql.keys()].sort(), [...cassandra.keys()].sort()], [[...expected].sort(), [...expected].sort()])

  const ask = async (path: string, tenant = TENANT): Promise<{ readonly status: number; readonly body: unknown }> => {
    const response = await fetch(`http://${config.api!.host}:${config.api!.port}/v1/documents/${path}`, { headers: { authorization: `Bearer ${environment.tokens.get(tenant)}` } })
    return { status: response.status, body: await response.json() }
  }
  t.match(await ask(archive.documentId), { status: 200, body: { state: 'ARCHIVED', contentType: 'application/zip', partCount: 2, parentId: null } })
  const parts = (await ask(`${archive.documentId}/parts`)).body as { readonly parts: readonly { readonly documentId: string; readonly part: string; readonly state: string; readonly type: string | null }[] }
  t.same(
    parts.parts.map(({ documentId, part, state, type }) => [documentId, part, state, type]).sort((a, b) => String(a[1]).localeCompare(String(b[1]))),
    [[innerId, '2026/inner.eml', 'ARCHIVED', 'letter'], [againId, 'again.eml', 'DUPLICATE', null]],
  )
  t.match(await ask(innerParts[0]!), { status: 200, body: { type: 'invoice', parentId: innerId, part: 'invoice.xml' } })
  t.equal((await ask(`${archive.documentId}/parts`, 'globex')).status, 404)
})
