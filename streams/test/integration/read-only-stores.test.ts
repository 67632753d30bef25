/** Stores that are what their topic says (KIP-813): read by processors, written and restored by nobody but the topic. */
import t from 'tap'
import { type Processor, type ReadOnlyKeyValueStore, Serdes, Stores, TopologyBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'

const string = Serdes.string()
const strings = { key: string, value: string }

/** Says what the store has for each record's key; the value 'write' tries to change it. */
function reader(timestamped: boolean): Processor<string, string, string, string> {
  let rates: ReadOnlyKeyValueStore<string, unknown>
  let forward: (key: string, value: string, timestamp: number) => void
  return {
    init(context) {
      rates = context.getStateStore('rates')
      forward = (key, value, timestamp) => context.forward({ key, value, timestamp, headers: [] })
    },
    process({ key, value, timestamp }) {
      const rate = rates.get(key!)
      const shown = timestamped && rate !== undefined ? Object.values(rate as object).join('@') : String(rate)
      const methods = value === 'write' ? `, ${'put' in rates || 'delete' in rates}` : ''
      forward(key!, `${value} at ${shown}${methods}`, timestamp)
    },
  }
}

function topology(timestamped = false) {
  return new TopologyBuilder()
    .addReadOnlyStateStore((timestamped ? Stores.timestampedKeyValueStore : Stores.keyValueStore)('rates', strings), 'rates-topic')
    .addSource('orders', 'orders-topic', strings)
    .addProcessor('price', () => reader(timestamped), 'orders', { stores: ['rates'] })
    .addSink('sink', 'out', 'price', strings)
    .build({ applicationId: 'test' })
}

t.test('it follows its topic, through aborts, restarts and lost disks', async (t) => {
  for (const disturb of [undefined, 'abort', 'restart', 'restore'] as const) {
    for (const timestamped of [false, true]) {
      const driver = new TopologyTestDriver(topology(timestamped), { commitEvery: 2 })
      const rates = driver.createInputTopic('rates-topic', string, string)
      const orders = driver.createInputTopic('orders-topic', string, string)
      const disturbed = () => disturb !== undefined && driver[disturb]()
      rates.pipeInput('a', '1', 10)
      rates.pipeInput('b', '2', 11)
      orders.pipeInput('a', 'x', 12)
      disturbed()
      rates.pipeInput('a', '3', 5)
      rates.pipeInput(null, 'nobody', 13)
      rates.pipeInput('b', null, 14)
      disturbed()
      orders.pipeInput('a', 'y', 15)
      orders.pipeInput('b', 'z', 16)
      orders.pipeInput('a', 'write', 17)
      driver.commit()
      const found = driver.createOutputTopic('out', string, string).readKeyValuesToList().map(([, value]) => value)
      const shown = (rate: string, time: number) => (timestamped ? `${rate}@${time}` : rate)
      t.same(found, [`x at ${shown('1', 10)}`, `y at ${shown('3', 5)}`, 'z at undefined', `write at ${shown('3', 5)}, false`], `${disturb}`)
      await driver.close()
    }
  }
})

t.test('its topic is its changelog, and its tasks are those of its readers', async (t) => {
  const { subtopologies } = topology()
  t.equal(subtopologies.length, 1)
  t.same(subtopologies[0]!.internalTopics, [])
  t.match(subtopologies[0]!.stores, [{ name: 'rates', changelog: 'rates-topic', sourceIsChangelog: true, writer: 'rates/update' }])
})

t.test('what cannot be one', async (t) => {
  const add = (store: Parameters<TopologyBuilder['addReadOnlyStateStore']>[0], topic = 'topic') => () => new TopologyBuilder().addSource('s', 'taken', strings).addReadOnlyStateStore(store, topic)
  t.throws(add(Stores.keyValueStore('s', { ...strings, ttl: { after: '1m' } })), { code: 'TOPOLOGY_INVALID', message: /without a ttl/ })
  t.throws(add(Stores.sessionStore('s', { ...strings, retention: '1m' })), { code: 'TOPOLOGY_INVALID', message: /key-value store/ })
  t.throws(add(Stores.keyValueStore('s', strings), 'taken'), { code: 'TOPOLOGY_INVALID', message: /already read by 's'/ })
})
