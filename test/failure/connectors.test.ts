// Every server a sink or the source depends on is killed under load. After it is back, both databases hold every row
// in its highest revision and every file arrived once.
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createCluster } from 'millrace/kafka'
import t from 'tap'
import { avroSerde, type DocumentRow, schemaText } from '../../avro/index.ts'
import { connectorDefinitions, deployConnectors, Supervisor, type SupervisorEvent } from '../../connectors/index.ts'
import { kill, up } from '../../stack/index.ts'
import { createBench, eventually, row } from '../connectors/integration/support.ts'

t.setTimeout(900_000)

const folder = dirname(process.env['MILLRACE_STACK'] ?? '')
const bench = await createBench({ partitions: 4 })
const root = mkdtempSync(join(tmpdir(), 'millrace-share-'))
mkdirSync(join(root, 'acme'))
const raw = avroSerde(bench.registry, `${bench.topics.raw}-value`, 'DocumentReceived')
await raw.open()
const config = { ...bench.config, share: { root, settleMs: 200, schema: { id: raw.schemaId, text: schemaText('DocumentReceived') } } }
const cluster = createCluster({ bootstrapServers: [bench.stack.kafka], clientId: bench.run })
const events: SupervisorEvent[] = []
const supervisor = new Supervisor({
  rest: bench.rest,
  cluster,
  connectors: connectorDefinitions(config).map(({ name }) => name),
  intervalMs: 1_000,
  onEvent: (event) => void events.push(event)
})
await deployConnectors(config)
supervisor.start()
t.teardown(async () => {
  await supervisor.stop()
  await cluster.close()
  await bench.close()
})

const ADDRESSES = {
  postgresql: `${bench.stack.postgresql.host}:${bench.stack.postgresql.port}`,
  cassandra: bench.stack.cassandra,
  connect: new URL(bench.stack.connect).host,
  kafka: bench.stack.kafka
}

function listens(address: string): Promise<boolean> {
  const [host, port] = address.split(':')
  return new Promise((resolve) => {
    const socket = connect({ host: host!, port: Number(port) }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The highest revision sent of every document. */
const sent = new Map<string, number>()
let files = 0

/** Sends new documents, and new revisions of earlier ones mixed with old ones, until told to stop; drops files, too. */
function load(): { stop(): Promise<void> } {
  let going = true
  const done = (async () => {
    while (going) {
      const rows: DocumentRow[] = []
      const ids = [...sent.keys()]
      for (let index = 0; index < 25; index++) {
        const fresh = index % 3 === 0 || ids.length === 0
        const documentId = fresh ? randomUUID() : ids[Math.floor(Math.random() * ids.length)]!
        const revision = fresh ? 10 : Math.max(1, sent.get(documentId)! + (index % 2 === 0 ? 1 : -1))
        sent.set(documentId, Math.max(sent.get(documentId) ?? 0, revision))
        rows.push(row({ tenant_id: 'acme', document_id: documentId, revision, vendor: `revision ${revision}` }))
      }
      await bench.sendRows(rows)
      writeFileSync(join(root, 'acme', `file-${files}.txt`), `file ${files}`)
      files++
      await new Promise((resolve) => setTimeout(resolve, 50)) // the load's pace
    }
  })()
  return {
    async stop() {
      going = false
      await done
    }
  }
}

type Assertions = Pick<typeof t, 'equal'>

async function allThere(t: Assertions): Promise<void> {
  const expected = [...sent].sort()
  await eventually('every row in PostgreSQL', async () => (await bench.documents.count('acme')) === sent.size, 180_000)
  await eventually('every file moved', async () => existsSync(join(root, '.done/acme')) && readdirSync(join(root, '.done/acme')).length === files, 180_000)
  const inPostgresql = async () => {
    const found: [string, number][] = []
    let cursor: string | undefined
    do {
      const page = await bench.documents.list('acme', { limit: 500, cursor })
      found.push(...page.documents.map((document): [string, number] => [document.documentId, document.vendor === `revision ${document.revision}` ? document.revision : -1]))
      cursor = page.cursor
    } while (cursor !== undefined)
    return found.sort()
  }
  const inCassandra = async () => (await bench.archive.day('acme', '2026-10-01')).map(({ documentId, revision }): [string, number] => [documentId, revision]).sort()
  for (const [store, look] of [['PostgreSQL', inPostgresql], ['Cassandra', inCassandra]] as const) {
    await eventually(`the highest revisions in ${store}`, async () => JSON.stringify(await look()) === JSON.stringify(expected), 180_000)
    t.equal(JSON.stringify(await look()), JSON.stringify(expected), `${store} holds every document in its highest revision`)
  }
  const records = await bench.read(bench.topics.raw, files)
  const names = records.map((record) => raw.deserialize(bench.topics.raw, record.value!).fileName)
  t.equal(names.length, files, 'as many records as files')
  t.equal(new Set(names).size, files, 'every file once')
}

for (const server of ['postgresql', 'cassandra', 'connect', 'kafka'] as const) {
  t.test(`${server} killed under load`, { timeout: 400_000 }, async (t) => {
    const before = sent.size
    // a producer of this test's own would lose rows with the broker: that is not what is tested
    let running = server === 'kafka' ? undefined : load()
    try {
      await eventually('some rows on their way', async () => running === undefined || sent.size > before + 50)
      await kill(server, { folder })
      // a process that was killed may hold its port a moment longer; started too early it would come back on another
      await eventually(`${server} gone`, async () => !(await listens(ADDRESSES[server])))
      const meanwhile = sent.size
      await eventually('rows while it is away', async () => running === undefined || sent.size > meanwhile + 50)
      // the kernel may take a moment to forget the killed process, and PostgreSQL looks for it
      await eventually(`${server} back`, async () => {
        await up({ folder, ports: 'any' })
        return true
      })
      running ??= load()
      const back = sent.size
      await eventually('rows after it is back', async () => sent.size > back + 50)
    } finally {
      await running?.stop()
    }
    await allThere(t)
    for (const { name } of connectorDefinitions(config)) {
      await eventually(`${name} runs`, async () => (await bench.rest.status(name))?.tasks.every((task) => task.state === 'RUNNING'))
    }
    t.notOk(events.some((event) => event.type === 'blocked'), 'no record is blamed for an outage')
  })
}
