/** Versioned tables (KIP-889, KIP-914) and joins that wait for them (KIP-923), with the results of Kafka Streams' join integration tests. */
import t from 'tap'
import { buildTopology, type KStream, type StreamsBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { joiner, results, string, strings } from './join-input.ts'

const versioned = { ...strings, historyRetention: '10m' } as const

function graced(b: StreamsBuilder, join: 'join' | 'leftJoin', grace: number): KStream<string, string> {
  const table = b.table('R', versioned)
  const stream = b.stream('L', strings)
  const options = { name: 'j', value: string, grace }
  return join === 'join' ? stream.join(table, joiner, options) : stream.leftJoin(table, joiner, options)
}

t.test('both tables versioned: what comes out of order is ignored', async (t) => {
  t.same(
    results((b) => b.table('L', versioned).join(b.table('R', versioned), joiner, { value: string }).toStream().to('out')),
    { 4: ['A-a@4'], 5: ['B-a@5'], 6: ['B-b@6'], 7: ['null@7'], 10: ['C-c@10'], 11: ['null@11'], 19: ['E-e@15'] }
  )
})

t.test('a stream finds the row that held at its time', async (t) => {
  t.same(
    results((b) => b.stream('L', strings).join(b.table('R', versioned), joiner, { value: string }).to('out')),
    { 5: ['B-a@5'], 15: ['D-b@6'], 19: ['E-e@15'], 22: ['F-a@4'] }
  )
  t.same(
    results((b) => {
      const table = b.table('R', versioned).mapValues((value) => value, { value: string }).filter((_key, value) => value !== 'b')
      b.stream('L', strings).leftJoin(table, joiner, { value: string }).to('out')
    }),
    { 3: ['A-null@3'], 5: ['B-a@5'], 9: ['C-null@9'], 15: ['D-null@6'], 19: ['E-e@15'], 22: ['F-a@4'] },
    'also in a table computed from a versioned one'
  )
})

t.test('a grace of 2 ms: each record waits until the stream is that much further', async (t) => {
  t.same(
    results((b) => graced(b, 'join', 2).to('out')),
    { 9: ['B-a@5'], 15: ['D-b@6'], 22: ['F-a@4'] }
  )
  t.same(
    results((b) => graced(b, 'leftJoin', 2).to('out')),
    { 5: ['A-null@3'], 9: ['B-a@5'], 15: ['D-b@6'], 19: ['C-null@9'], 22: ['F-a@4'] }
  )
})

t.test('what waits keeps its headers, and survives an abort, a crash and a lost disk', async (t) => {
  for (const disturb of ['abort', 'restart', 'restore'] as const) {
    const driver = new TopologyTestDriver((b) => graced(b, 'leftJoin', 100).to('out'), { commitEvery: 2 })
    const stream = driver.createInputTopic('L', string, string)
    const table = driver.createInputTopic('R', string, string)
    stream.pipeInput('k', 'A', 100, [{ key: 'h', value: Buffer.from('of A') }, { key: 'none', value: null }])
    driver[disturb]()
    stream.pipeInput('k', 'B', 150)
    driver[disturb]()
    stream.pipeInput(null, 'C', 160)
    table.pipeInput('k', 'late', 90)
    driver[disturb]()
    table.pipeInput('k', 'later', 140)
    stream.pipeInput('x', 'X', 201)
    driver[disturb]()
    stream.pipeInput('x', 'Y', 300)
    driver.commit()
    const found = driver
      .createOutputTopic('out', string, string)
      .readRecordsToList()
      .map(({ value, timestamp, headers }) => [`${value}@${timestamp}`, headers.map((h) => `${h.key}=${h.value === null ? null : Buffer.from(h.value)}`)])
    t.same(
      found,
      [
        ['C-null@160', []],
        ['A-late@100', ['h=of A', 'none=null']],
        ['B-later@150', []],
      ],
      disturb
    )
    await driver.close()
  }
})

t.test('a joiner that throws for a record which waited strikes that one only', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('L', strings)
      .leftJoin(
        b.table('R', versioned),
        (value) => {
          if (value === 'poison') {
            throw new Error('cannot be joined')
          }
          return value
        },
        { name: 'j', value: string, grace: 10, onError: { processing: 'skip' } }
      )
      .to('out')
  })
  const stream = driver.createInputTopic('L', string, string)
  for (const [value, timestamp] of [['A', 0], ['poison', 1], ['B', 2], ['C', 50], ['D', 100]] as const) {
    stream.pipeInput('k', value, timestamp)
  }
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['A', 'B', 'C'])
  await driver.close()
})

t.test('a grouped versioned table counts only what holds', async (t) => {
  const counts = (historyRetention: '10m' | undefined) => {
    const driver = new TopologyTestDriver((b) => {
      b.table('in', { ...strings, historyRetention })
        .groupBy((_key, value) => ['all', value], strings)
        .reduce(
          (all, value) => `${all}+${value}`,
          (all, value) => `${all}-${value}`,
          { name: 'all' }
        )
        .toStream()
        .to('out')
    })
    const input = driver.createInputTopic('in', string, string)
    input.pipeInput('k', 'new', 10)
    input.pipeInput('k', 'old', 5)
    input.pipeInput('k', 'newer', 20)
    const found = driver.createOutputTopic('out', string, string).readValuesToList()
    driver.close()
    return found
  }
  t.same(counts('10m'), ['new', 'new-new+newer'])
  t.same(counts(undefined), ['new', 'new-new+old', 'new-new+old-old+newer'])
})

t.test('a foreign-key join passes over what is out of order on either side', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.table('L', versioned)
      .leftJoin(b.table('R', versioned), (value) => value, (value, other) => `${value},${other}`, { name: 'fk', value: string })
      .toStream()
      .to('out')
  })
  const left = driver.createInputTopic('L', string, string)
  const right = driver.createInputTopic('R', string, string)
  right.pipeInput('1', 'foo', 10)
  left.pipeInput('a', '1', 10)
  left.pipeInput('a', '2', 5)
  right.pipeInput('1', 'old', 5)
  right.pipeInput('1', 'bar', 15)
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['1,foo', '1,bar'])
  await driver.close()
})

t.test('the changes themselves all come out, but for those older than the history', async (t) => {
  const driver = new TopologyTestDriver((b) => b.stream('in', strings).toTable({ name: 'rows', historyRetention: 100 }).toStream().to('out'))
  const input = driver.createInputTopic('in', string, string)
  for (const [value, timestamp] of [['a', 200], ['b', 150], ['c', 99], ['d', 250]] as const) {
    input.pipeInput('k', value, timestamp)
  }
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['a', 'b', 'd'])
  await driver.close()
})

t.test('an aggregate can be versioned, too', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    const counts = b.stream('in', strings).groupByKey().count({ name: 'n', historyRetention: '1h' })
    b.stream('ask', strings)
      .leftJoin(counts, (_value, count) => String(count), { value: string })
      .to('out')
  })
  const input = driver.createInputTopic('in', string, string)
  for (const timestamp of [10, 20, 30]) {
    input.pipeInput('k', 'x', timestamp)
  }
  const ask = driver.createInputTopic('ask', string, string)
  for (const timestamp of [25, 5, 30]) {
    ask.pipeInput('k', '?', timestamp)
  }
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['2', 'null', '3'])
  await driver.close()
})

t.test('a versioned table has a changelog of its own; a grace needs a history that long, and a name', async (t) => {
  const build = (topology: (b: StreamsBuilder) => void) => buildTopology(topology, { applicationId: 'app' })
  const topology = build((b) => graced(b, 'join', 2).to('out'))
  const topics = topology.subtopologies[0]!.internalTopics
  t.same(topics.map(({ name }) => name).sort(), ['app-R-changelog', 'app-j-buffer-changelog'])
  t.equal(topics.find(({ name }) => name === 'app-R-changelog')!.config['min.compaction.lag.ms'], String(600_000 + 86_400_000))
  t.match(topology.describe(), /Processor: j-buffer \(stores: \[j-buffer\]\)\n {6}--> j\n/)
  t.throws(() => build((b) => void graced(b, 'join', 600_001)), { code: 'TOPOLOGY_INVALID', message: /grace of 600001 ms, but its table keeps a history of 600000 ms/ })
  t.throws(() => build((b) => void b.stream('L', strings).join(b.table('R', strings), joiner, { name: 'j', grace: 1 })), {
    code: 'TOPOLOGY_INVALID',
    message: /keeps no history/,
  })
  t.throws(() => build((b) => void b.stream('L', strings).join(b.table('R', versioned), joiner, { grace: 1 })), {
    code: 'NAME_REQUIRED',
    message: /keeps records for its grace/,
  })
})
