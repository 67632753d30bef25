import { EmitStrategy, Serdes, SlidingWindows } from 'millrace'
import t from 'tap'
import { concatenated, runWindows } from './support.ts'

const { initializer, aggregator } = concatenated
const options = { name: 'agg', value: Serdes.string() }
const RECORDS = ['A:1@10', 'A:2@10', 'A:3@14', 'A:4@15', 'A:5@20', 'A:6@22', 'A:7@30']

t.test('every update (§5.2, 23)', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(10, 5)).aggregate(initializer, aggregator, options))
  const byStart = new Map<number, string[]>()
  for (const line of it.pipe(...RECORDS)) {
    const [, start, result] = /^A@(\d+)\/\d+=(.*)$/.exec(line)!
    byStart.set(Number(start), [...(byStart.get(Number(start)) ?? []), result!])
  }
  t.same([...byStart].sort(([a], [b]) => a - b), [
    [0, ['0+1@10', '0+1+2@10']],
    [4, ['0+1+2+3@14']],
    [5, ['0+1+2+3+4@15']],
    [10, ['0+1+2+3+4+5@20']],
    [11, ['0+3@14', '0+3+4@15', '0+3+4+5@20']],
    [12, ['0+3+4+5+6@22']],
    [15, ['0+4@15', '0+4+5@20', '0+4+5+6@22']],
    [16, ['0+5@20', '0+5+6@22']],
    [20, ['0+5+6+7@30']],
    [21, ['0+6@22', '0+6+7@30']],
    [23, ['0+7@30']],
  ])
  await it.driver.close()
})

t.test('once closed, each with its last result', async (t) => {
  const it = runWindows((grouped) =>
    grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(10, 5)).emitStrategy(EmitStrategy.onWindowClose()).aggregate(initializer, aggregator, options)
  )
  t.same(it.pipe(...RECORDS), [
    'A@0/10=0+1+2@10',
    'A@4/14=0+1+2+3@14',
    'A@5/15=0+1+2+3+4@15',
    'A@10/20=0+1+2+3+4+5@20',
    'A@11/21=0+3+4+5@20',
    'A@12/22=0+3+4+5+6@22',
  ])
  await it.driver.close()
})

/** All windows over the values of one key: each ends with a record, or begins right behind one, and is not empty. */
function expected(records: readonly (readonly [number, number])[], difference: number): Map<number, number> {
  const sums = new Map<number, number>()
  for (const [time] of records) {
    for (const start of [Math.max(0, time - difference), time + 1]) {
      const inside = records.filter(([other]) => other >= start && other <= start + difference)
      if (inside.length > 0) {
        sums.set(
          start,
          inside.reduce((sum, [, value]) => sum + value, 0)
        )
      }
    }
  }
  return sums
}

t.test('any order of records gives the windows of their times', async (t) => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((seed / 2 ** 31) * below)
  }
  for (let round = 0; round < 40; round++) {
    const difference = 1 + random(8)
    const records = Array.from({ length: 12 }, (_, index) => [random(30), 2 ** index] as const)
    const it = runWindows((grouped) =>
      grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(difference, 1_000)).aggregate<{ sum: number }>(
        () => ({ sum: 0 }),
        // An aggregator may change the object it is given.
        (_key, value, aggregate) => Object.assign(aggregate, { sum: aggregate.sum + Number(value) }),
        { name: 'agg', value: Serdes.json() }
      )
    )
    it.pipe(...records.map(([time, value]) => `A:${value}@${time}`))
    const found = [...it.driver.getWindowStore<string, { sum: number }>('agg').fetch('A', 0, 100)]
    t.same(new Map(found.map(([start, { sum }]) => [start, sum])), expected(records, difference), `difference ${difference}: ${JSON.stringify(records)}`)
    await it.driver.close()
  }
})

t.test('what is too late for every window is dropped', async (t) => {
  const it = runWindows((grouped) => grouped.windowedBy(SlidingWindows.ofTimeDifferenceWithNoGrace(5)).count({ name: 'count' }))
  t.same(it.pipe('a@20'), ['a@15/20=1@20'])
  t.same(it.pipe('a@14'), [])
  t.equal(it.dropped(), 1)
  t.same(it.pipe('a@16').sort(), ['a@15/20=2@20', 'a@17/22=1@20'], 'the window that ends with it has closed')
  t.equal(it.dropped(), 2)
  await it.driver.close()
})
