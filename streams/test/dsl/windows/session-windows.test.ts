import { EmitStrategy, Serdes, SessionWindows } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import { runWindows } from './support.ts'

const string = Serdes.string()

t.test('a session that grows is told anew, and leaves under its old name (§5.2, 24)', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(5, 100)).count({ name: 'count' }))
  t.same(it.pipe('a@0', 'a@5'), ['a@0/0=1@0', 'a@0/0=-@0', 'a@0/5=2@5'])
  t.same(it.pipe('a@5'), ['a@0/5=-@5', 'a@0/5=3@5'])
  t.same(it.pipe('a@20', 'a@20'), ['a@20/20=1@20', 'a@20/20=2@20'], 'of one time it is the same session')
  t.same([...it.driver.getSessionStore<string, number>('count').fetch('a')], [
    [{ key: 'a', window: { start: 0, end: 5 } }, 3],
    [{ key: 'a', window: { start: 20, end: 20 } }, 2],
  ])
  await it.driver.close()
})

t.test('a record that closes the gap makes two sessions one', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(5, 100)).count({ name: 'count' }))
  t.same(it.pipe('a@0', 'a@10', 'a@5'), ['a@0/0=1@0', 'a@10/10=1@10', 'a@0/0=-@0', 'a@10/10=-@10', 'a@0/10=3@10'])
  it.driver.restore()
  t.same(it.pipe('a@12', 'b@3'), ['a@0/10=-@10', 'a@0/12=4@12', 'b@3/3=1@3'])
  await it.driver.close()
})

t.test('merged with the initializer first, as in Kafka Streams', async (t) => {
  const it = runWindows((grouped) =>
    grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(5, 100)).aggregate(
      () => '0',
      (_key, value, aggregate) => `${aggregate}+${value}`,
      (_key, one, other) => `(${one}|${other})`,
      { name: 'agg', value: string }
    )
  )
  t.same(it.pipe('a:1@0', 'a:2@10', 'a:3@5').at(-1), 'a@0/10=((0|0+1)|0+2)+3@10')
  await it.driver.close()
})

t.test('a session is late once its end has passed by gap and grace', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(5, 2)).count({ name: 'count' }))
  t.same(it.pipe('a@0', 'b@20'), ['a@0/0=1@0', 'b@20/20=1@20'])
  t.same(it.pipe('a@12'), [])
  t.equal(it.dropped(), 1)
  t.same(it.pipe('a@14'), ['a@14/14=1@14'])
  it.driver.restart()
  t.same(it.pipe('c@12'), [])
  t.equal(it.dropped(), 1)
  await it.driver.close()
})

t.test('on close each session once', async (t) => {
  const run = (disturb: (driver: TopologyTestDriver) => void) => {
    const it = runWindows((grouped) =>
      grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(5, 2)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'count' })
    )
    return ['a@0', 'a@3', 'b@4', 'a@12', 'b@13', 'c@20', 'c@21', 'd@60'].flatMap((record) => {
      const told = it.pipe(record)
      disturb(it.driver)
      return told
    })
  }
  const told = run(() => {})
  t.same(told, ['a@0/3=2@3', 'b@4/4=1@4', 'a@12/12=1@12', 'b@13/13=1@13', 'c@20/21=2@21'])
  t.same(run((driver) => driver.restart()), told)
  t.same(run((driver) => driver.restore()), told)
})

t.test('late records have a side output, and a grouping behind subtracts what has gone', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('in', { key: string, value: string })
      .groupByKey()
      .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(5))
      .count({ name: 'count', late: (late) => late.to('late') })
      .groupBy(({ key }, count) => [key, count], { key: string, value: Serdes.long() })
      .reduce(
        (sum, count) => sum + count,
        (sum, count) => sum - count,
        { name: 'per-key' }
      )
      .toStream()
      .to('sums')
  })
  const input = driver.createInputTopic('in', string, string)
  input.pipeAll([['a', 'x', 0], ['a', 'x', 0], ['a', 'x', 4], ['a', 'x', 30], ['a', 'y', 20]])
  t.same(driver.createOutputTopic('late', string, string).readKeyValuesToList(), [['a', 'y']])
  t.equal(driver.createOutputTopic('sums', string, Serdes.long()).readValuesToList().at(-1), 4)
  await driver.close()
})

t.test('reduce, and what is refused', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(SessionWindows.ofInactivityGapWithNoGrace(5)).reduce((one, other) => one + other, { name: 'sum' }))
  t.same(it.pipe('a:1@0', 'a:2@1'), ['a@0/0=1@0', 'a@0/0=-@0', 'a@0/1=12@1'])
  t.throws(() => SessionWindows.ofInactivityGapWithNoGrace(0), { code: 'CONFIG_INVALID', message: /inactivity gap/ })
  t.throws(
    () =>
      runWindows((grouped) => grouped.windowedBy(SessionWindows.ofInactivityGapWithNoGrace(1)).emitStrategy('close' as unknown as EmitStrategy).count({ name: 'c' })),
    { code: 'CONFIG_INVALID', message: /emitStrategy/ }
  )
  await it.driver.close()
})
