import { EmitStrategy, Serdes, SlidingWindows, TimeWindows, UnlimitedWindows } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import { concatenated, runWindows } from './support.ts'

const string = Serdes.string()
const { initializer, aggregator } = concatenated
const options = { name: 'agg', value: string }

t.test('starts of windows', async (t) => {
  const tumbling = TimeWindows.ofSizeWithNoGrace(10)
  t.same(tumbling.startsFor(0), [0])
  t.same(tumbling.startsFor(9), [0])
  t.same(tumbling.startsFor(10), [10])
  const hopping = TimeWindows.ofSizeAndGrace('12ms', 3).advanceBy(5)
  t.same(hopping.startsFor(4), [0])
  t.same(hopping.startsFor(21), [10, 15, 20])
  t.same(hopping.startsFor(22), [15, 20])
  t.equal(hopping.graceMs, 3)
  t.same(UnlimitedWindows.of().startsFor(5), [0])
  t.same(UnlimitedWindows.of().startOn(7).startsFor(6), [])
  t.same(UnlimitedWindows.of().startOn(new Date(7)).startsFor(7), [7])
})

t.test('hopping windows tell every update (§5.2, 21)', async (t) => {
  const it = runWindows((grouped) =>
    grouped.windowedBy(TimeWindows.ofSizeAndGrace(10, 100).advanceBy(5)).aggregate(initializer, aggregator, options)
  )
  t.same(it.pipe('A:1@0'), ['A@0/10=0+1@0'])
  t.same(it.pipe('B:2@1', 'A:1@3'), ['B@0/10=0+2@1', 'A@0/10=0+1+1@3'])
  t.same(it.pipe('A:1@5'), ['A@0/10=0+1+1+1@5', 'A@5/15=0+1@5'])
  t.same(it.pipe('A:1@2'), ['A@0/10=0+1+1+1+1@5'], 'the aggregate has the greatest time of its records')
  await it.driver.close()
})

t.test('on close, hopping with grace (§5.2, 22)', async (t) => {
  const records = ['A:1@0', 'A:2@5', 'A:3@10', 'B:4@6', 'B:5@11', 'B:6@15', 'C:7@25']
  const windows = TimeWindows.ofSizeAndGrace(10, 5).advanceBy(5)
  const update = runWindows((grouped) => grouped.windowedBy(windows).aggregate(initializer, aggregator, options))
  t.equal(update.pipe(...records).length, 13)
  const close = runWindows((grouped) =>
    grouped.windowedBy(windows).emitStrategy(EmitStrategy.onWindowClose()).aggregate(initializer, aggregator, options)
  )
  t.same(close.pipe(...records), ['A@0/10=0+1+2@5', 'B@0/10=0+4@6', 'A@10/20=0+3@10', 'B@10/20=0+5+6@15'])
  t.same(close.pipe('D:1@29'), [], 'no window has closed since')
  t.same(close.pipe('D:1@31'), ['B@15/25=0+6@15'])
  t.same(close.pipe('D:1@37'), ['C@20/30=0+7@25', 'D@20/30=0+1@29'])
  await update.driver.close()
  await close.driver.close()
})

t.test('on close nothing is told twice, and nothing lost, whatever happens in between', async (t) => {
  const run = (disturb: (driver: TopologyTestDriver, round: number) => void) => {
    const it = runWindows((grouped) =>
      grouped.windowedBy(TimeWindows.ofSizeAndGrace(10, 2)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'count', retention: 1_000 })
    )
    const told: string[] = []
    for (let round = 0; round < 20; round++) {
      const time = round * 7 - (round % 3) * 4
      told.push(...it.pipe(`a@${Math.max(0, time)}`, `b@${Math.max(0, time + 1)}`))
      disturb(it.driver, round)
    }
    return told
  }
  const undisturbed = run(() => {})
  t.ok(undisturbed.length > 15)
  t.equal(new Set(undisturbed.map((line) => line.split('=')[0])).size, undisturbed.length, 'each window once')
  t.same(run((driver) => driver.restart()), undisturbed)
  t.same(run((driver, round) => round % 2 === 0 && driver.restore()), undisturbed)
})

t.test('on close, time that jumps past the retention loses windows, as in Kafka Streams; a longer one keeps them', async (t) => {
  const run = (retention?: number) =>
    runWindows((grouped) =>
      grouped
        .windowedBy(TimeWindows.ofSizeWithNoGrace(10))
        .emitStrategy(EmitStrategy.onWindowClose())
        .count({ name: 'count', ...(retention === undefined ? {} : { retention }) })
    )
  const short = run()
  t.same(short.pipe('a@0', 'a@30', 'a@40'), ['a@30/40=1@30'])
  t.equal(short.dropped(), 1, 'but counted')
  const long = run(100)
  t.same(long.pipe('a@0', 'a@30', 'a@40'), ['a@0/10=1@0', 'a@30/40=1@30'])
  t.equal(long.dropped(), 0)
})

t.test('late records are dropped and counted, also after a restart', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(TimeWindows.ofSizeAndGrace(10, 5)).count({ name: 'count' }))
  t.same(it.pipe('a@0', 'b@14'), ['a@0/10=1@0', 'b@10/20=1@14'])
  t.same(it.pipe('a@9'), ['a@0/10=2@9'], 'in the grace')
  t.same(it.pipe('b@15', 'a@9'), ['b@10/20=2@15'])
  t.equal(it.dropped(), 1)
  it.driver.restart()
  t.same(it.pipe('a@9'), [])
  t.equal(it.dropped(), 1)
  it.driver.restore()
  t.same(it.pipe('a@9'), [])
  t.equal(it.driver.getWindowStore<string, number>('count').fetch('a', 0), 2)
  it.pipe('b@25')
  t.equal(it.driver.getWindowStore<string, number>('count').fetch('a', 0), undefined, 'expired')
  t.same([...it.driver.getWindowStore<string, number>('count').fetch('b', 0, 100)], [[10, 2], [20, 1]])
  t.same([...it.driver.getTimestampedWindowStore<string, number>('count').all()][0], [{ key: 'b', window: { start: 10, end: 20 } }, { value: 2, timestamp: 15 }])
  await it.driver.close()
})

t.test('a longer retention keeps windows that take nothing any more', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(TimeWindows.ofSizeWithNoGrace(10)).count({ name: 'count', retention: 50 }))
  it.pipe('a@0', 'a@40', 'a@3')
  t.equal(it.dropped(), 1)
  t.same([...it.driver.getWindowStore<string, number>('count').fetch('a', 0, 100)], [[0, 1], [40, 1]])
  await it.driver.close()
  t.throws(() => runWindows((grouped) => grouped.windowedBy(TimeWindows.ofSizeAndGrace(10, 5)).count({ name: 'count', retention: 14 })), {
    code: 'CONFIG_INVALID',
    message: /retention of at least/,
  })
})

t.test('late records go to a stream of their own if asked', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('in', { key: string, value: string })
      .groupByKey()
      .windowedBy(TimeWindows.ofSizeWithNoGrace(10).advanceBy(5))
      .count({ name: 'count', late: (late) => late.mapValues((value) => `late ${value}`, { value: string }).to('late') })
      .toStream()
      .to('counts')
  })
  const input = driver.createInputTopic('in', string, string)
  const late = driver.createOutputTopic('late', string, string)
  input.pipeInput('a', 'one', 12)
  input.pipeInput('a', 'two', 9)
  input.pipeInput('a', 'three', 4)
  t.same(late.readKeyValuesToList(), [['a', 'late three']], 'a record that found one of its windows open is not lost')
  t.equal(driver.tasks[0]!.counters.dropped, 1)
  t.equal(driver.createOutputTopic('counts', string, Serdes.long()).size, 3)
  await driver.close()
})

t.test('unlimited windows', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(UnlimitedWindows.of().startOn(5)).count({ name: 'count' }))
  const end = Number.MAX_SAFE_INTEGER
  t.same(it.pipe('a@3', 'a@5', `a@${2 ** 41}`, 'a@6'), [`a@5/${end}=1@5`, `a@5/${end}=2@${2 ** 41}`, `a@5/${end}=3@${2 ** 41}`])
  t.equal(it.driver.topology.subtopologies[0]!.internalTopics[0]!.config['cleanup.policy'], 'compact')
  it.driver.restore()
  t.same(it.pipe('a@7'), [`a@5/${end}=4@${2 ** 41}`])
  await it.driver.close()
})

t.test('nulls, reduce and deletion', async (t) => {
  const it = runWindows((grouped) =>
    grouped.windowedBy(TimeWindows.ofSizeWithNoGrace(10)).reduce((sum, value) => (value === 'x' ? null : sum + value), { name: 'sum' })
  )
  t.same(it.pipe('a:1@0', 'a:2@1', 'a:x@2', 'a:3@3'), ['a@0/10=1@0', 'a@0/10=12@1', 'a@0/10=-@2', 'a@0/10=3@3'])
  const input = it.driver.createInputTopic('in', string, string)
  input.pipeInput('a', null, 100)
  input.pipeInput(null, 'v', 100)
  t.equal(it.dropped(), 2)
  t.same(it.pipe('a:4@4'), ['a@0/10=34@4'], 'what takes no part does not move the time')
  await it.driver.close()
})

t.test('a table of windows is a table: filtered, grouped anew, written', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    const counts = b
      .stream('in', { key: string, value: string })
      .groupByKey()
      .windowedBy(TimeWindows.ofSizeWithNoGrace(10))
      .count({ name: 'count' })
    counts.filter((_key, count) => count > 1).toStream().to('out')
    counts
      .groupBy(({ window }, count) => [window.start, count], { key: Serdes.integer(), value: Serdes.long() })
      .reduce(
        (sum, count) => sum + count,
        (sum, count) => sum - count,
        { name: 'per-window' }
      )
      .toStream()
      .to('sums')
  })
  const input = driver.createInputTopic('in', string, string)
  input.pipeAll([['a', 'x', 0], ['b', 'x', 1], ['a', 'x', 2], ['a', 'x', 12]])
  const out = driver.createOutputTopic('out', Serdes.bytes(), Serdes.long()).readRecordsToList()
  const last = out.at(-1)!
  t.equal(Buffer.from(last.key!).toString('hex'), '610000000000000000', 'key and start, as Kafka Streams writes windowed keys')
  t.equal(last.value, 2)
  t.same(driver.createOutputTopic('sums', Serdes.integer(), Serdes.long()).readKeyValuesToMap(), new Map([[0, 3], [10, 1]]))
  await driver.close()
})

t.test('all windows of a key lie in its partition', async (t) => {
  const driver = new TopologyTestDriver(
    (b) => {
      b.stream('in', { key: string, value: string }).groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace(10)).count({ name: 'count' }).toStream().to('out')
      b.stream('out', { key: Serdes.bytes(), value: Serdes.long() }).foreach(() => {})
    },
    { partitions: 5 }
  )
  const input = driver.createInputTopic('in', string, string)
  for (let i = 0; i < 10; i++) {
    input.pipeInput('a', 'x', i * 10)
  }
  const partitions = new Set(driver.createOutputTopic('out', Serdes.bytes(), Serdes.long()).readRecordsToList().map(({ partition }) => partition))
  t.equal(partitions.size, 1)
  await driver.close()
})

t.test('windows that make no sense are refused', async (t) => {
  const invalid = { code: 'CONFIG_INVALID' }
  t.throws(() => TimeWindows.ofSizeWithNoGrace(0), invalid)
  t.throws(() => TimeWindows.ofSizeAndGrace(5, -1), invalid)
  t.throws(() => TimeWindows.ofSizeWithNoGrace(5).advanceBy(6), { ...invalid, message: /at most the size/ })
  t.throws(() => SlidingWindows.ofTimeDifferenceWithNoGrace(-1), invalid)
  t.throws(() => UnlimitedWindows.of().startOn(-1), invalid)
  t.throws(
    () => runWindows((grouped) => grouped.windowedBy(UnlimitedWindows.of()).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'count' })),
    { ...invalid, message: /never close/ }
  )
  t.throws(() => runWindows((grouped) => grouped.windowedBy({} as TimeWindows).count({ name: 'count' })), { code: 'TOPOLOGY_INVALID', message: /windowedBy/ })
  t.throws(() => runWindows((grouped) => grouped.windowedBy(TimeWindows.ofSizeWithNoGrace(1)).count({} as { name: string })), { code: 'NAME_REQUIRED' })
})
