/** Stores with a time to live: by the time of the records and by the wall clock, with tombstones, after restarts. */
import { type KeyValueStore, type KeyValueStoreSettings, Serdes, Stores, TopologyBuilder } from 'millrace'
import { TopologyTestDriver, type TopologyTestDriverOptions } from 'millrace/testing'
import t from 'tap'

const string = Serdes.string()

/** Keeps every value under its key; the value 'gone' deletes, 'fail' throws behind the put. */
function run(ttl: KeyValueStoreSettings<string, string>['ttl'], timestamped = false, options: TopologyTestDriverOptions = {}) {
  const make = timestamped ? Stores.timestampedKeyValueStore<string, string> : Stores.keyValueStore<string, string>
  const store = make('kept', { key: string, value: string, ttl })
  const driver = new TopologyTestDriver((b) => {
    b.stream('in', { key: string, value: string }).process(
      () => {
        let kept: KeyValueStore<string, unknown>
        return {
          init(context) {
            kept = context.getStateStore('kept')
          },
          process({ key, value, timestamp }) {
            kept.put(key, value === 'gone' ? null : timestamped ? { value, timestamp } : value)
            if (value === 'fail') {
              throw new Error('asked for')
            }
          },
        }
      },
      { name: 'keeper', stores: [store], onError: { processing: 'skip' } }
    )
  }, options)
  const input = driver.createInputTopic('in', string, string)
  const log = driver.createOutputTopic('test-kept-changelog', string, string)
  return {
    driver,
    put: (key: string, value: string, time: number) => input.pipeInput(key, value, time),
    found: () => [...driver.getKeyValueStore<string, string>('kept').all()].map(([key, value]) => `${key}=${value}`),
    logged: () => log.readKeyValuesToList().map(([key, value]) => `${key}=${value}`),
    rows: () => driver.tasks[0]!.state.store('kept').approximateEntries(),
  }
}

for (const timestamped of [false, true]) {
  t.test(`by the time of the records${timestamped ? ', of timestamped values' : ''}`, async (t) => {
    const it = run({ after: 100 }, timestamped)
    it.put('a', '1', 0)
    it.put('b', '2', 50)
    it.put('a', '3', 60)
    it.put('c', '4', 100)
    t.same(it.found(), ['a=3', 'b=2', 'c=4'])
    t.same(it.logged(), ['a=1', 'b=2', 'a=3', 'c=4'])
    it.put('c', '5', 151)
    t.same(it.found(), ['a=3', 'c=5'], 'b has expired; a was written again')
    t.same(it.logged(), ['c=5', 'b=null'])
    t.equal(it.driver.getKeyValueStore<string, string>('kept').get('b'), undefined)
    it.driver.restart()
    it.put('d', '6', 160)
    t.same(it.found(), ['a=3', 'c=5', 'd=6'])
    it.driver.restore()
    it.put('d', '7', 161)
    t.same(it.found(), ['c=5', 'd=7'])
    t.same(it.logged(), ['d=6', 'd=7', 'a=null'])
    it.put('c', 'gone', 162)
    it.put('e', '8', 1_000)
    t.same(it.logged(), ['c=null', 'e=8', 'd=null'])
    t.equal(it.rows(), 2, 'the entry and its place in the order: nothing is left of what has gone')
    await it.driver.close()
  })
}

t.test('by the wall clock, without a record', async (t) => {
  const it = run({ after: 100, clock: 'wall-clock-time' }, false, { startTime: 1_000 })
  it.put('a', '1', 1_000)
  it.put('b', '2', 1_050)
  it.driver.advanceWallClockTime(100)
  t.same(it.found(), ['a=1', 'b=2'])
  it.driver.advanceWallClockTime(1)
  t.same(it.found(), ['b=2'])
  t.same(it.logged(), ['a=1', 'b=2', 'a=null'])
  it.driver.restore()
  it.driver.advanceWallClockTime(0)
  t.equal(it.driver.tasks[0]!.nextDeadline(), 1_151, 'the task is woken for it')
  it.driver.advanceWallClockTime(50)
  t.same(it.found(), [])
  t.same(it.logged(), ['b=null'])
  t.equal(it.driver.tasks[0]!.nextDeadline(), undefined)
  await it.driver.close()
})

t.test('a record that is taken back expires nothing', async (t) => {
  const it = run({ after: 100 })
  it.put('a', '1', 0)
  it.put('b', 'fail', 500)
  t.same(it.found(), ['a=1'])
  await it.driver.close()
})

t.test('a burst of expiry is spread over commits', async (t) => {
  const it = run({ after: 100 }, false, { commitEvery: 10_000 })
  for (let i = 0; i < 1_200; i++) {
    it.put(`k${i}`, 'x', i % 50)
  }
  it.driver.commit()
  it.logged()
  const rounds: number[] = []
  for (let time = 1_000; time < 1_004; time++) {
    it.put('clock', 'x', time)
    t.same(it.found(), ['clock=x'], 'nobody sees them in the meantime')
    it.driver.commit()
    rounds.push(it.logged().length)
  }
  t.same(rounds, [501, 501, 201, 1])
  await it.driver.close()
})

t.test('a table with a time to live, and what cannot have one', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('in', { key: string, value: string }).groupByKey().count({ name: 'counts', ttl: { after: '1s' } }).toStream().to('out')
  })
  const input = driver.createInputTopic('in', string, string)
  input.pipeAll([['a', 'x', 0], ['a', 'x', 900], ['b', 'x', 2_000], ['a', 'x', 2_001]])
  t.same(driver.createOutputTopic('out', string, Serdes.long()).readKeyValuesToList(), [['a', 1], ['a', 2], ['b', 1], ['a', 1]])
  await driver.close()
  t.throws(() => Stores.keyValueStore('s', { key: string, value: string, ttl: { after: 0 } }), { code: 'CONFIG_INVALID', message: /ttl.after/ })
  t.throws(() => Stores.keyValueStore('s', { key: string, value: string, ttl: { after: 1, clock: 'moon' as never } }), { code: 'CONFIG_INVALID', message: /ttl.clock/ })
  t.throws(
    () =>
      new TopologyTestDriver((b) => {
        b.stream('in', { key: string, value: string }).groupByKey().count({ name: 'c', ttl: { after: 1 }, historyRetention: 1 })
      }),
    { code: 'CONFIG_INVALID', message: /historyRetention/ }
  )
  const forgetful = Stores.keyValueStore('s', { key: string, value: string, ttl: { after: 1 } })
  t.throws(() => new TopologyBuilder().addGlobalStore(forgetful, 'topic', { key: string, value: string }), { code: 'TOPOLOGY_INVALID', message: /without a ttl/ })
  const windows = Stores.windowStore('w', { key: string, value: string, retention: 1, windowSize: 1 })
  t.throws(() => new TopologyBuilder().addGlobalStore(windows, 'topic', { key: string, value: string }), { code: 'TOPOLOGY_INVALID' })
})
