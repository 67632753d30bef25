import t from 'tap'
import type { StreamsBuilder } from '../../dsl/streams-builder.ts'
import type { Serde } from '../../serdes.ts'
import { Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'

const text = Serdes.string()
const numbers = Serdes.json<number>()

function wordCount(builder: StreamsBuilder): void {
  builder
    .stream('lines', { key: text, value: text })
    .flatMapValues((line) => line.split(' '))
    .groupBy((_key, word) => word, { name: 'by-word', key: text, value: text })
    .count({ name: 'counts', value: numbers })
    .toStream()
    .to('out', { key: text, value: numbers })
}

t.test('word count: internal topics are looped back, stores and changelogs can be read', async (t) => {
  const driver = new TopologyTestDriver(wordCount, { applicationId: 'words', partitions: 3, startTime: 1_000 })
  const input = driver.createInputTopic('lines', text, text)
  const out = driver.createOutputTopic('out', text, numbers)
  input.pipeInput('1', 'mill race mill')
  t.equal(out.size, 3)
  t.match(out.readRecord(), { value: 1, timestamp: 1_000, headers: [] })
  t.strictSame([out.readKeyValue(), out.readKeyValue()].at(-1), ['mill', 2], 'a key stays in its partition, in order')
  t.equal(out.isEmpty, true)
  t.throws(() => out.readValue(), /no more records; 3 were read/)
  input.pipeInput('2', 'race', 7)
  input.pipeInput('3', 'race wheel')
  t.strictSame(out.readKeyValuesToMap(), new Map([['race', 3], ['wheel', 1]]))
  t.strictSame([...driver.producedTopicNames()].sort(), ['out', 'words-by-word-repartition', 'words-counts-changelog'])
  const all = [0, 1, 2].flatMap((partition) => [...driver.getKeyValueStore<string, number>('counts', partition).all()])
  t.strictSame(all.sort(), [['mill', 2], ['race', 3], ['wheel', 1]])
  t.ok([0, 1, 2].some((partition) => driver.getTimestampedKeyValueStore('counts', partition).get('race')?.timestamp === 1_000))
  await driver.close()
})

t.test('a global table sees what the topology itself writes to its topic', async (t) => {
  const driver = new TopologyTestDriver((builder) => {
    const prices = builder.globalTable('prices', { name: 'price-table', key: text, value: numbers })
    builder.stream('orders', { key: text, value: text }).join(prices, (_key, order) => order, (order, price) => `${order} ${price}`).to('priced', { key: text, value: text })
    builder.stream('offers', { key: text, value: numbers }).filter((_key, price) => price > 0).to('prices', { key: text, value: numbers })
  })
  const orders = driver.createInputTopic('orders', text, text)
  const offers = driver.createInputTopic('offers', text, numbers)
  const priced = driver.createOutputTopic('priced', text, text)
  orders.pipeInput('1', 'wheel')
  offers.pipeInput('wheel', 7)
  offers.pipeInput('wheel', -1)
  orders.pipeInput('2', 'wheel')
  t.strictSame(priced.readKeyValuesToList(), [['2', 'wheel 7']])
  await driver.close()
})

t.test('headers, null keys, tombstones and raw bytes go in and come out', async (t) => {
  const driver = new TopologyTestDriver((builder: StreamsBuilder) => {
    builder.stream('in', { key: text, value: text }).to('out', { key: text, value: text })
  })
  const input = driver.createInputTopic('in', text, text)
  const headers = [{ key: 'h', value: Buffer.from('1') }]
  input.pipeInput('k', 'v', 1, headers)
  input.pipeNullKey('v', 2)
  input.pipeTombstone('k', 3)
  input.pipeRaw(null, Buffer.from('raw'), 4)
  const records = driver.createOutputTopic('out', text, text).readRecordsToList()
  t.match(records.map(({ key, value, timestamp }) => [key, value, timestamp]), [['k', 'v', 1], [null, 'v', 2], ['k', null, 3], [null, 'raw', 4]])
  t.match(records[0]!.headers, headers)
  await driver.close()
})

t.test('commitEvery: nothing is visible before a commit, and an abort loses it', async (t) => {
  const driver = new TopologyTestDriver(wordCount, { commitEvery: Number.POSITIVE_INFINITY })
  const input = driver.createInputTopic('lines', text, text)
  const out = driver.createOutputTopic('out', text, numbers)
  input.pipeInput('1', 'a b')
  driver.commit()
  t.equal(out.isEmpty, true, 'the repartition topic has it now, the result is the next transaction\'s')
  driver.commit()
  t.equal(out.size, 2)
  input.pipeInput('2', 'a')
  driver.restart()
  driver.commit()
  driver.commit()
  t.strictSame(out.readKeyValuesToList(), [['a', 1], ['b', 1], ['a', 2]], 'read again after the abort')
  await driver.close()
})

t.test('pipelined: the closed generation is decided when the next one closes', async (t) => {
  const driver = new TopologyTestDriver(
    (builder: StreamsBuilder) => {
      builder.stream('in', { key: text, value: text }).to('out', { key: text, value: text })
    },
    { commitEvery: 2, pipelined: true }
  )
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeAll([['k', '1'], ['k', '2'], ['k', '3']])
  t.equal(out.isEmpty, true)
  driver.abort()
  t.equal(out.isEmpty, true, 'both generations are lost and read again')
  input.pipeInput('k', '4')
  t.strictSame(out.readValuesToList(), ['1', '2'])
  driver.commit()
  t.strictSame(out.readValuesToList(), ['3', '4'])
  await driver.close()
})

t.test('serdes with something to open are opened first', async (t) => {
  let opened = false
  const lazy: Serde<string> = {
    ...text,
    async open() {
      opened = true
    },
    deserialize(topic, bytes, headers) {
      t.equal(opened, true)
      return text.deserialize(topic, bytes, headers)
    },
  }
  const driver = await TopologyTestDriver.open((builder: StreamsBuilder) => {
    builder.stream('in', { key: text, value: lazy }).to('out', { key: text, value: text })
  })
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['v'])
  await driver.close()
})

t.test('what does not exist is refused by name', async (t) => {
  const driver = new TopologyTestDriver(wordCount)
  t.throws(() => driver.createInputTopic('nowhere', text, text), { code: 'SOURCE_TOPIC_MISSING', message: /nowhere/ })
  t.throws(() => driver.getKeyValueStore('nothing'), { code: 'CONFIG_INVALID', message: /nothing/ })
  t.throws(() => driver.getKeyValueStore('counts', 5), { code: 'CONFIG_INVALID' })
  t.throws(() => driver.advanceWallClockTime(-1), RangeError)
  t.throws(() => driver.createInputTopic('lines', text, text).pipeInput('k', 'v', 0, [], { partition: 9 }), { code: 'CONFIG_INVALID' })
  await driver.close()
})

t.test('topics by pattern: each comes with its input, and what was counted before stays', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream(/orders-.*/, { key: Serdes.string(), value: Serdes.string(), name: 'orders' })
      .groupByKey()
      .count({ name: 'counts' })
      .toStream()
      .to('out', { key: Serdes.string(), value: Serdes.long() })
  }, { partitions: 2 })
  const input = (topic: string) => driver.createInputTopic(topic, Serdes.string(), Serdes.string())
  const out = driver.createOutputTopic('out', Serdes.string(), Serdes.long())
  const eu = input('orders-eu')
  eu.pipeInput('ada', 'x', 1)
  input('orders-us').pipeInput('ada', 'y', 2)
  eu.pipeInput('ada', 'z', 3)
  t.same(out.readValuesToList(), [1, 2, 3])
  t.throws(() => input('returns'), { code: 'SOURCE_TOPIC_MISSING' })
  driver.restore()
  eu.pipeInput('ada', 'again', 4)
  t.same(out.readValuesToList(), [4])
  await driver.close()
})
