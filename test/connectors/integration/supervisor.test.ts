import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCluster } from 'millrace/kafka'
import t from 'tap'
import { connectorName, ConnectRest, deployConnectors, findPoison, skipPoison, Supervisor, type SupervisorEvent } from '../../../connectors/index.ts'
import { createBench, eventually, row } from './support.ts'

const bench = await createBench()
const cluster = createCluster({ bootstrapServers: [bench.stack.kafka], clientId: bench.run })
const { config, documents, topics, rest } = bench
const sink = connectorName(config, 'postgresql')
const cassandraSink = connectorName(config, 'cassandra')
await deployConnectors(config)

const events: SupervisorEvent[] = []
const supervisor = new Supervisor({ rest, cluster, connectors: [sink, cassandraSink], intervalMs: 500, onEvent: (event) => void events.push(event) })
t.teardown(async () => {
  await supervisor.stop()
  await cluster.close()
  await bench.close()
})

/** Its caller gives up as soon as a probe runs. */
class GivenUp extends ConnectRest {
  readonly #given: AbortController

  constructor(url: string, given: AbortController) {
    super(url)
    this.#given = given
  }

  override withSignal(signal: AbortSignal): ConnectRest {
    const rest = super.withSignal(signal)
    const resume = rest.resume.bind(rest)
    return signal === this.#given.signal ? Object.assign(rest, { resume: async (name: string) => { await resume(name); this.#given.abort() } }) : rest
  }
}

const SECRET = randomUUID()
/** Values PostgreSQL does not take: no JSON, and text with U+0000. */
const POISON = [{ fields: `{"secret": not json, ${SECRET}` }, { vendor: `${SECRET}\u0000` }]

t.test('a record that blocks a sink is named, and skipped with nothing lost', async (t) => {
  const good: string[] = []
  const bad: string[] = []
  for (const partition of [0, 1]) {
    const rows = Array.from({ length: 21 }, (_, index) => {
      const id = randomUUID()
      ;(index === 10 ? bad : good).push(id)
      return row({ tenant_id: 'acme', document_id: id, revision: 1, ...(index === 10 ? POISON[partition] : {}) })
    })
    await bench.sendRows(rows, partition)
  }
  // not before: it names what blocks the sink when it looks
  supervisor.start()
  const blocked = await eventually('the sink is found blocked', async () => events.find((event) => event.type === 'blocked'), 150_000)
  t.equal(blocked.connector, sink)
  t.same(blocked.poison.map(({ topic, partition, offset }) => [topic, partition, offset]).sort(), [[topics.archive, 0, 10], [topics.archive, 1, 10]])
  t.match(blocked.poison.map(({ failure }) => failure.summary).sort().join(' '), /22021.*22P02/)
  t.notMatch(JSON.stringify(events), /secret|not json/, 'no content in what the supervisor says')
  t.notOk((await rest.names()).some((name) => name.endsWith('-probe')), 'the probe is gone')
  t.match(supervisor.watches().get(sink), { state: 'blocked' })
  await eventually('the other sink goes its way', async () => supervisor.watches().get(cassandraSink)?.state === 'healthy')
  await eventually('all rows in Cassandra', async () => (await bench.archive.count('acme', '2026-10-01')) === 42)

  const given = new AbortController()
  await t.rejects(findPoison(new GivenUp(bench.stack.connect, given), cluster, sink, given.signal), { code: 'CONNECT_ABORTED' })
  t.notOk((await rest.names()).some((name) => name.endsWith('-probe')), 'who gives up leaves no probe behind')

  const skipped = await skipPoison(rest, cluster, sink)
  t.same(skipped.map(({ partition, offset }) => [partition, offset]).sort(), [[0, 10], [1, 10]])
  await eventually('all good rows in PostgreSQL', async () => (await documents.count('acme')) === good.length)
  for (const id of bad) {
    t.equal(await documents.get('acme', id), undefined)
  }
  const dead = await bench.read(topics.postgresqlDeadLetters, 2)
  t.equal(dead.length, 2)
  for (const letter of dead) {
    const { headers } = letter
    t.match(headers, { '__connect.errors.topic': topics.archive, '__connect.errors.offset': '10', '__connect.errors.stage': 'TASK_PUT', '__connect.errors.connector.name': sink })
    t.notMatch(JSON.stringify(headers), /secret|not json/, 'no content in the headers')
    const value = bench.serdes.archive.deserialize(topics.archive, letter.value!)
    t.equal(bad.includes(value.document_id), true, 'the record itself is kept')
  }
  await eventually('the supervisor sees it', async () => supervisor.watches().get(sink)?.state === 'healthy')
  await t.rejects(skipPoison(rest, cluster, sink), { code: 'NOTHING_TO_SKIP' })
  const said = readFileSync(join(bench.stack.folder, 'logs', 'connect.log'), 'utf8').split('\n').filter((line) => line.includes(SECRET))
  t.equal(said.length, 0, "the worker's log does not quote the row")

  const after = randomUUID()
  await bench.sendRows([row({ tenant_id: 'acme', document_id: after, revision: 1 })], 0)
  await eventually('the next row flows', () => documents.get('acme', after))
})
