// A person corrects a document by the API: the pipeline checks it again, and both databases hold the higher revision with its history.
import pg from 'pg'
import sharp from 'sharp'
import t from 'tap'
import { CassandraReader, postgresqlPasswords } from '../../../connectors/index.ts'
import { generateSamples } from '../../../samples/index.ts'
import { documentKey } from '../../../topology/topics.ts'
import { Bench } from '../bench.ts'
import { DocumentMaker, templates } from '../documents.ts'
import { databaseOutcome } from '../outcome.ts'

const TENANT = 'acme'

t.setTimeout(300_000)
const seed = 7
const bench = await Bench.open({ tenants: [TENANT, 'globex'] })
t.teardown(() => bench.close())
const { environment, config } = bench
const now = Date.now()
const kind = (await templates(seed, now)).find((one) => one.kind === 'wrong-total')!
const { truth } = (await generateSamples({ seed, count: 18, now: new Date(now) })).find((sample) => sample.kind === 'wrong-total')!
const maker = new DocumentMaker(seed, now - 3_600_000)
const document = maker.fresh(kind, TENANT)
const instance = await bench.start()
await instance.ready()

const ask = (path: string, init: RequestInit = {}, tenant = TENANT): Promise<Response> =>
  fetch(`http://${config.api!.host}:${config.api!.port}/v1/${path}`, { ...init, headers: { ...init.headers, authorization: `Bearer ${environment.tokens.get(tenant)}` } })

interface View {
  readonly state: string
  readonly revision: number
  readonly total: string
  readonly reasons: readonly { readonly code: string }[]
  readonly pageSizes: readonly { readonly width: number; readonly height: number }[]
  readonly corrections: readonly { readonly id: string }[] | null
  readonly duplicateOf: string | null
}

/** The document, once the sink has written a revision after that one. */
async function after(revision: number, { documentId } = document): Promise<View> {
  let view: View | undefined
  await bench.progress(`a revision after ${revision}`, async () => {
    const response = await ask(`documents/${documentId}`)
    view = (await response.json()) as View
    return response.status === 200 && view.state !== 'RECEIVED' && view.revision > revision
  })
  return view!
}

const correct = (revision: number, to: string, key: string, tenant = TENANT): Promise<Response> =>
  ask(
    `documents/${document.documentId}/corrections`,
    { method: 'POST', headers: { 'content-type': 'application/json', 'idempotency-key': key }, body: JSON.stringify({ revision, changes: [{ field: 'grandTotal', to }] }) },
    tenant,
  )

t.test('a document that contradicts itself waits for a person, who sees its page', async (t) => {
  await bench.send([document])
  await bench.allEnded()
  const view = await after(0)
  t.match(view, { state: 'IN_REVIEW', reasons: [{ code: 'RULE_FAILED' }], corrections: null })
  t.match(await (await ask('review?reason=RULE_FAILED')).json(), { documents: [{ documentId: document.documentId, revision: view.revision }], cursor: null })
  t.same(await (await ask('review', {}, 'globex')).json(), { documents: [], cursor: null })
  const page = await ask(`documents/${document.documentId}/pages/1`)
  const { format, width, height } = await sharp(Buffer.from(await page.arrayBuffer())).metadata()
  t.equal(format, 'png')
  const [size] = view.pageSizes
  t.ok(Math.abs(width / height - size!.width / size!.height) < 0.01, 'with the proportions that its boxes have')
  t.equal((await ask(`documents/${document.documentId}/pages/1`, {}, 'globex')).status, 404)
})

t.test('the correction is in both databases, in a higher revision, with who and what', async (t) => {
  const before = await after(0)
  const right = (Number(truth!.taxBasisTotal) + Number(truth!.taxTotal)).toFixed(2)
  t.equal((await correct(before.revision, right, 'of another', 'globex')).status, 404)
  t.equal((await correct(before.revision - 1, right, 'stale')).status, 409)
  const answers = await Promise.all([correct(before.revision, right, 'first'), correct(before.revision, right, 'first')])
  t.same(answers.map(({ status }) => status), [202, 202], 'however often somebody clicks')
  t.equal((await correct(before.revision, '1.00', 'second')).status, 409, 'somebody was first')
  const { correctionId } = (await answers[0]!.json()) as { readonly correctionId: string }
  const done = await after(before.revision)
  t.match(done, { state: 'ARCHIVED', total: right, corrections: [{ id: correctionId, field: 'grandTotal', from: truth!.grandTotal, to: right }] })

  const owner = documentKey(TENANT, document.documentId)
  await bench.progress('the same revision in both databases', async () => {
    const { postgresql, cassandra } = (await databaseOutcome(environment)).revisions
    return postgresql.get(owner) === done.revision && cassandra.get(owner) === done.revision
  })
  const archive = new CassandraReader(environment.connectors.cassandra)
  let since: string[] = []
  await bench.progress('its changes in the archive, which come by a topic of their own', async () => {
    const states = (await archive.lifecycle(TENANT, document.documentId)).map(({ to }) => to)
    since = states.slice(states.indexOf('IN_REVIEW'))
    return since.length >= 5
  })
  await archive.close()
  t.same(since, ['IN_REVIEW', 'CORRECTED', 'VALIDATED', 'ENRICHED', done.state])
  const [row] = (await databaseOutcome(environment)).outcome.get(`cassandra/document_by_id ${owner}`)!
  t.match(row, /corrections.*grandTotal/)
  t.equal((await correct(before.revision, right, 'first')).status, 202, 'the same request gets the same answer')
  t.equal((await correct(before.revision, right, 'third')).status, 409)
})

t.test('what was decided is shown to its own tenant only', async (t) => {
  const { host, port, database } = environment.connectors.postgresql
  const client = new pg.Client({ host, port, database, user: 'millrace_api', password: postgresqlPasswords(environment.connectors.secretsFolder).millrace_api })
  await client.connect()
  const rows = async (tenant: string): Promise<number> => {
    await client.query("SELECT set_config('app.tenant_id', $1, false)", [tenant])
    return (await client.query('SELECT FROM millrace.corrections')).rowCount!
  }
  t.same([await rows(''), await rows('globex'), await rows(TENANT)], [0, 0, 1])
  await client.end()
})

t.test('the next decision is about the new revision', async (t) => {
  const now = await after(0)
  const answer = await ask(`documents/${document.documentId}/corrections`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ revision: now.revision, changes: [{ field: 'note', to: 'seen twice' }] }),
  })
  t.equal(answer.status, 202)
  const next = await after(now.revision)
  t.equal(next.corrections!.length, 2)
})

t.test('a copy that a person calls none is read, and is in both databases in a higher revision', async (t) => {
  const copy = maker.again(document)
  await bench.send([copy])
  const found = await after(0, copy)
  t.match(found, { state: 'DUPLICATE', duplicateOf: document.documentId })
  const decide = (body: object): Promise<Response> =>
    ask(`documents/${copy.documentId}/corrections`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ revision: found.revision, ...body }) })
  t.equal((await decide({ decision: 'accept' })).status, 409)
  t.equal((await decide({ decision: 'not-duplicate' })).status, 202)
  t.equal((await decide({ decision: 'not-duplicate' })).status, 409, 'once')
  const read = await after(found.revision, copy)
  t.match(read, { state: 'IN_REVIEW', duplicateOf: null, total: truth!.grandTotal, corrections: [{ field: 'duplicateOf', from: document.documentId, to: null }] })
  const owner = documentKey(TENANT, copy.documentId)
  await bench.progress('the same revision in both databases', async () => {
    const { postgresql, cassandra } = (await databaseOutcome(environment)).revisions
    return postgresql.get(owner) === read.revision && cassandra.get(owner) === read.revision
  })
})

t.test('what was learned is listed to its own tenant, and gone from the pipeline when it wants that', async (t) => {
  interface Learned {
    readonly vendors: readonly { readonly vendor: string; readonly name: string | null }[]
  }
  const learned = async (tenant = TENANT): Promise<Learned['vendors']> => ((await (await ask('vendor-memory', {}, tenant)).json()) as Learned).vendors
  const { revision } = await after(0)
  const taught = await ask(`documents/${document.documentId}/corrections`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ revision, changes: [{ field: 'seller.name', to: 'Alder & Daughters' }] }),
  })
  t.equal(taught.status, 202)
  await bench.progress('something learned', async () => (await learned()).some(({ name }) => name === 'Alder & Daughters'))
  t.same(await learned('globex'), [])
  for (const { vendor } of await learned()) {
    t.equal((await ask(`vendor-memory/${vendor}`, { method: 'DELETE' }, 'globex')).status, 404)
    t.equal((await ask(`vendor-memory/${vendor}`, { method: 'DELETE' })).status, 202)
  }
  await bench.progress('nothing learned', async () => (await learned()).length === 0)
})
