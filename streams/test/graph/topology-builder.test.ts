/** The Processor API on the production tasks: what the DSL does not write for its users. */
import t from 'tap'
import {
  type Processor,
  type ReadOnlyTimestampedKeyValueStore,
  Serdes,
  Stores,
  type TimestampedKeyValueStore,
  TopologyBuilder,
} from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'

const string = Serdes.string()
const strings = { key: string, value: string }

t.test('a global store, a timestamped store and an async processor', async (t) => {
  const remember = (): Processor<string, string, string, string> => {
    let seen: TimestampedKeyValueStore<string, string>
    let rates: ReadOnlyTimestampedKeyValueStore<string, string>
    let forward: (key: string, value: string) => void
    return {
      init(context) {
        seen = context.getStateStore('seen')
        rates = context.getStateStore('rates')
        forward = (key, value) => context.forward({ key, value, timestamp: 0, headers: [] })
      },
      process({ key, value, timestamp }) {
        const before = seen.get(key)
        seen.put(key, { value, timestamp })
        forward(key, `${before?.value}@${before?.timestamp} ${value} ${rates.get(key)?.value}`)
      },
    }
  }
  const topology = new TopologyBuilder()
    .addGlobalStore(Stores.timestampedKeyValueStore('rates', strings), 'rates-topic', strings)
    .addSource('source', 'in', strings)
    .addAsyncProcessor(
      'wait',
      {
        ...strings,
        call: async (input: string) => input.toUpperCase(),
        complete: (result: string, { key, timestamp, headers }, context) => context.forward({ key, value: result, timestamp, headers }),
        concurrency: 1,
        maxPending: 10,
        maxPendingBytes: 1_000,
        order: 'key',
        timeoutMs: 1_000,
        retry: { attempts: 0 },
        onFailure: 'fail',
      },
      'source'
    )
    .addProcessor('remember', remember, 'wait', { stores: ['rates'] })
    .addStateStore(Stores.timestampedKeyValueStore('seen', strings), 'remember')
    .addSink('sink', 'out', 'remember', strings)
    .build({ applicationId: 'papi' })
  t.match(topology.globalTables, [
    { storeName: 'rates', source: { topics: ['rates-topic'] }, store: { timestamped: true, sourceIsChangelog: true } },
  ])
  t.match(topology.subtopologies[0]!.nodes.get('wait'), { kind: 'async', inFlightStore: 'wait-in-flight', stores: [] })

  const driver = new TopologyTestDriver(topology)
  driver.createInputTopic('rates-topic', string, string).pipeInput('k', 'rate')
  const input = driver.createInputTopic('in', string, string)
  input.pipeAll([
    ['k', 'a', 5],
    ['k', 'b', 6],
  ])
  await driver.settle()
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['undefined@undefined A rate', 'A@5 B rate'])
  t.same(
    driver
      .createOutputTopic('papi-seen-changelog', string, string)
      .readRecordsToList()
      .map(({ value, timestamp }) => [value, timestamp]),
    [
      ['A', 5],
      ['B', 6],
    ]
  )
  driver.close()
})
