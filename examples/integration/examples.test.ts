/** Every example as a process against a broker: records in, results out, and a stop by Ctrl-C that ends with 0. */
import t from 'tap'
import { TestCluster } from '../../streams/test/integration/streams-support.ts'
import { ExampleProcess } from './process.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(240_000)

type Input = readonly [topic: string, key: string | null, value: string | Buffer, timestamp?: number]

interface Example {
  readonly folder: string
  /** All its topics, with their partition counts. */
  readonly topics: { readonly [topic: string]: number }
  /** Sent before it starts: what a global table must hold. */
  readonly before?: readonly Input[]
  /** Sent one topic after the other, each read to its end before the next. */
  readonly inputs: readonly Input[]
  readonly output: string
  /** Last value of each key. */
  readonly expected: { readonly [key: string]: unknown }
  readonly decode: (bytes: Buffer) => unknown
  /** Values of keys at the address it prints. */
  readonly served?: { readonly [key: string]: unknown }
}

/** The beginning of a minute: times of records in windows. */
const NOW = Math.floor(Date.now() / 60_000) * 60_000

const json = (bytes: Buffer): unknown => JSON.parse(bytes.toString())
const text = (bytes: Buffer): string => bytes.toString()
const long = (bytes: Buffer): number => Number(bytes.readBigInt64BE())
const double = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}

const examples: readonly Example[] = [
  {
    folder: '01-word-count',
    topics: { lines: 2, 'word-counts': 2 },
    inputs: [['lines', 'a', 'the mill race'], ['lines', 'b', 'the race']],
    output: 'word-counts',
    expected: { the: 2, mill: 1, race: 2 },
    decode: long,
  },
  {
    folder: '02-stateless',
    topics: { readings: 2, alarms: 1, temperatures: 2 },
    inputs: [['readings', 'g', '{"sensor":"a","celsius":20}'], ['readings', 'g', '{"sensor":"b","celsius":90}']],
    output: 'temperatures',
    expected: { a: { sensor: 'a', fahrenheit: 68 } },
    decode: json,
  },
  {
    folder: '03-stream-table-join',
    topics: { customers: 3, orders: 2, 'enriched-orders': 3 },
    inputs: [['customers', 'ada', '{"name":"Ada","country":"UK"}'], ['orders', 'o-1', '{"customer":"ada","amount":5}'], ['orders', 'o-2', '{"customer":"bob","amount":6}']],
    output: 'enriched-orders',
    expected: { ada: { customer: 'ada', amount: 5, country: 'UK' }, bob: { customer: 'bob', amount: 6, country: null } },
    decode: json,
  },
  {
    folder: '04-global-table',
    topics: { 'exchange-rates': 1, payments: 4, 'payments-in-euros': 4 },
    before: [['exchange-rates', 'USD', double(0.5)]],
    inputs: [['payments', 'p-1', '{"amount":10,"currency":"USD"}'], ['payments', 'p-2', '{"amount":10,"currency":"XXX"}']],
    output: 'payments-in-euros',
    expected: { 'p-1': 5 },
    decode: (bytes) => bytes.readDoubleBE(),
  },
  {
    folder: '05-async-enrichment',
    topics: { 'sign-ups': 2, profiles: 2, 'profiles-dead-letters': 1 },
    inputs: [['sign-ups', '1', '{"user":"adam","tenant":"a"}'], ['sign-ups', '2', '{"user":"bo!","tenant":"a"}']],
    output: 'profiles',
    expected: { 1: { user: 'adam', tenant: 'a', plan: 'paid' }, 2: { user: 'bo!', tenant: 'a', plan: 'free' } },
    decode: json,
  },
  {
    folder: '06-dead-letters',
    topics: { transfers: 2, balances: 2, 'bank-dead-letters': 1 },
    inputs: [['transfers', 't-1', '{"account":"giro","cents":5}'], ['transfers', 't-2', '{"account":"stocks","cents":7}'], ['transfers', 't-3', 'no json']],
    output: 'bank-dead-letters',
    expected: { 't-2': '{"account":"stocks","cents":7}', 't-3': 'no json' },
    decode: text,
  },
  {
    folder: '08-processor-api',
    topics: { heartbeats: 2, 'silent-hosts': 1 },
    inputs: [['heartbeats', 'a', '{"host":"a"}']],
    output: 'silent-hosts',
    expected: {},
    decode: text,
  },
  {
    folder: '09-testing',
    topics: { votes: 2, results: 1 },
    inputs: [['votes', 'ada', '{"candidate":"mill"}'], ['votes', 'ada', '{"candidate":"race"}']],
    output: 'results',
    expected: { mill: 0, race: 1 },
    decode: long,
  },
  {
    folder: '10-foreign-key-join',
    topics: { purchases: 2, addresses: 3, labels: 2 },
    inputs: [['addresses', 'ada', 'Mill Lane 1'], ['purchases', 'o-1', '{"customer":"ada","amount":5}']],
    output: 'labels',
    expected: { 'o-1': { to: 'Mill Lane 1', amount: 5 } },
    decode: json,
  },
  {
    folder: '11-windows',
    topics: { requests: 2, 'error-report': 1, 'late-requests': 1 },
    inputs: [['requests', 'h', '{"path":"/pay","status":500}', NOW], ['requests', 'h', '{"path":"/pay","status":500}', NOW + 1], ['requests', 'h', '{"path":"/pay","status":500}', NOW + 80_000]],
    output: 'error-report',
    expected: { '/pay': { path: '/pay', minute: new Date(NOW).toISOString().slice(0, 16), errors: 2 } },
    decode: json,
  },
  {
    folder: '12-stream-stream-join',
    topics: { impressions: 2, clicks: 2, outcomes: 2 },
    inputs: [['impressions', 'i-1', '{"ad":"mill"}', NOW], ['clicks', 'i-1', '{"page":"/"}', NOW + 5]],
    output: 'outcomes',
    expected: { 'i-1': { ad: 'mill', clicked: true } },
    decode: json,
  },
  {
    folder: '13-queries',
    topics: { movements: 2, 'stock-levels': 2 },
    inputs: [['movements', 'bolt', '{"pieces":10}'], ['movements', 'nut', '{"pieces":4}'], ['movements', 'bolt', '{"pieces":-3}']],
    output: 'stock-levels',
    expected: { bolt: 7, nut: 4 },
    decode: long,
    served: { bolt: 7, nut: 4, screw: null },
  },
  {
    folder: '14-tracing',
    topics: { sales: 2, 'sale-counts': 2 },
    inputs: [['sales', '1', '{"customer":"ada","amount":5}'], ['sales', '2', '{"customer":"ada","amount":6}'], ['sales', '3', '{"customer":"bob","amount":7}']],
    output: 'sale-counts',
    expected: { ada: 2, bob: 1 },
    decode: long,
  },
]

const cluster = new TestCluster()
await cluster.connect()
t.teardown(() => cluster.close())

// Their names are those of the examples: what an interrupted run has left would be counted. Deleted at the end only, because the
// other client goes on asking for every topic it has written to.
const admin = cluster.ours.admin()
const topics = examples.flatMap((example) => Object.entries(example.topics).map(([name, partitions]) => ({ name, partitions, replicationFactor: 1, config: {} })))
await admin.deleteTopics(topics.map(({ name }) => name))
await admin.createTopics(topics)
t.teardown(() => admin.deleteTopics(topics.map(({ name }) => name)))

async function send(inputs: readonly Input[]): Promise<void> {
  for (const [topic, records] of Map.groupBy(inputs, ([name]) => name)) {
    await cluster.producer.send({ topic, messages: records.map(([, key, value, timestamp]) => ({ key, value, ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }) })) })
  }
}

async function rows({ output, decode }: Example): Promise<{ [key: string]: unknown }> {
  return Object.fromEntries((await cluster.committed(output)).map(({ key, value }) => [key!.toString(), value === null ? null : decode(value)]))
}

for (const example of examples) {
  t.test(example.folder, async (t) => {
    await send(example.before ?? [])
    const applicationId = cluster.name(example.folder)
    const app = new ExampleProcess(example.folder, { KAFKA: cluster.bootstrapServers, APPLICATION_ID: applicationId, STATE_DIR: cluster.folder() })
    t.teardown(() => app.stop())
    await app.running()
    for (const [topic, inputs] of Map.groupBy(example.inputs, ([name]) => name)) {
      await send(inputs)
      await cluster.consumed(applicationId, topic)
    }
    // Behind a repartition or a call results follow the offsets of the input; the test's time-out ends a wait in vain.
    const missing = (found: { [key: string]: unknown }) => Object.entries(example.expected).some(([key, value]) => JSON.stringify(found[key]) !== JSON.stringify(value))
    let found = await rows(example)
    while (missing(found)) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      found = await rows(example)
    }
    t.same(found, example.expected)
    for (const [key, value] of Object.entries(example.served ?? {})) {
      // Results are seen once they are committed, stores once they are on disk: a moment later.
      const answer = async () => ((await (await fetch(`${/http:\S+/.exec(app.output)![0]}/${key}`)).json()) as { readonly value: unknown }).value
      let given = await answer()
      while (given !== value) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        given = await answer()
      }
      t.equal(given, value, `${key} over HTTP`)
    }
    t.equal(await app.stop(), 0, app.output)
  })
}
