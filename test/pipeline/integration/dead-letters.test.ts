// A record of ours that its topic does not take: the document ends as a dead letter in both databases and at the API, and the next one goes on.
import kafkajs from 'kafkajs'
import t from 'tap'
import { documentKey, topics } from '../../../topology/topics.ts'
import { Bench } from '../bench.ts'
import { DocumentMaker, templates } from '../documents.ts'
import { databaseOutcome } from '../outcome.ts'

const TENANT = 'acme'
/** Bytes: less than the result of an invoice, more than any other record of one. */
const LIMIT = 3_000

t.setTimeout(300_000)
const seed = 11
const bench = await Bench.open({ tenants: [TENANT] })
t.teardown(() => bench.close())
const { environment, config } = bench
const { processed, deadLetter } = topics(config.topicPrefix)
const kinds = await templates(seed, Date.now())
const maker = new DocumentMaker(seed, Date.now() - 3_600_000)
const invoice = maker.fresh(kinds.find(({ kind }) => kind === 'xml-invoice')!, TENANT)
const other = maker.fresh(kinds.find(({ kind }) => kind === 'wrong-total')!, TENANT)

const limitTo = async (bytes: number): Promise<void> => {
  const admin = bench.kafka.admin()
  await admin.connect()
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: processed.name, configEntries: [{ name: 'max.message.bytes', value: String(bytes) }] }] })
  await admin.disconnect()
}

t.test('it ends once, with its cause, and others do not wait for it', async (t) => {
  await limitTo(LIMIT)
  const instance = await bench.start()
  await instance.ready()
  await bench.send([invoice, other])
  await bench.allEnded()
  const key = documentKey(TENANT, invoice.documentId)
  const ask = (path: string): Promise<Response> =>
    fetch(`http://${config.api!.host}:${config.api!.port}/v1/documents/${invoice.documentId}${path}`, { headers: { authorization: `Bearer ${environment.tokens.get(TENANT)}` } })
  let view: { readonly state?: string; readonly revision?: number } = {}
  await bench.progress('its row at the API', async () => {
    view = (await (await ask('')).json()) as typeof view
    return view.state === 'DEAD_LETTERED'
  })
  t.match(view, { state: 'DEAD_LETTERED', reason: { code: 'RECORD_TOO_LARGE' } })
  t.match(JSON.stringify(view), `the step lifecycle failed for good: RECORD_TOO_LARGE (${processed.name})`)
  await bench.progress('the same revision in both databases', async () => {
    const { postgresql, cassandra } = (await databaseOutcome(environment)).revisions
    return postgresql.get(key) === view.revision && cassandra.get(key) === view.revision
  })
  await bench.progress('its changes in the archive', async () => JSON.stringify(await (await ask('/lifecycle')).json()).includes('DEAD_LETTERED'))
  const outcome = await bench.visibleOutcome()
  t.equal(outcome.get(`topic/deadLetter ${key}`)?.length, 1, `one letter on ${deadLetter.name}`)
  t.match(outcome.get(`cassandra/document_by_id ${documentKey(TENANT, other.documentId)}`)?.[0], /IN_REVIEW/)
  await instance.stop()
})
