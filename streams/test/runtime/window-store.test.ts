/** Window stores in a task: what is committed with them, what a restart and a restore bring back, what a failure undoes. */
import type { WindowStore } from 'millrace-state-stores'
import { Serdes, type StoreBuilder, Stores, type StreamsBuilder } from 'millrace'
import { TopologyTestDriver, type TopologyTestDriverOptions } from 'millrace/testing'
import t from 'tap'

const MINUTE = 60_000
const string = Serdes.string()

function windows(settings: { readonly retainDuplicates?: boolean; readonly logged?: boolean } = {}): StoreBuilder<string, string> {
  return Stores.windowStore('windows', { key: string, value: string, retention: '10m', windowSize: '1m', ...settings })
}

/** Puts every record into the window of its minute; a value 'fail' throws behind the put. */
function run(store: StoreBuilder<string, string>, options: TopologyTestDriverOptions = {}) {
  const builder = (b: StreamsBuilder) =>
    b
      .stream('in', { key: string, value: string })
      .process(
        () => {
          let kept: WindowStore<string, string>
          return {
            init(context) {
              kept = context.getStateStore('windows')
            },
            process({ key, value, timestamp }) {
              kept.put(key, value, Math.floor(timestamp / MINUTE) * MINUTE)
              if (value === 'fail') {
                throw new Error('asked for')
              }
            },
          }
        },
        { name: 'keeper', stores: [store], onError: { processing: 'skip' } }
      )
      .foreach(() => {})
  const driver = new TopologyTestDriver(builder, options)
  const input = driver.createInputTopic('in', string, string)
  return {
    driver,
    put: (key: string, value: string, minute: number) => input.pipeInput(key, value, minute * MINUTE),
    found: () =>
      Array.from(driver.getWindowStore<string, string>('windows').all(), ([{ key, window }, value]) => `${key}@${window.start / MINUTE}=${value}`).sort(),
    dropped: () => driver.tasks.reduce((sum, task) => sum + task.counters.dropped, 0),
  }
}

t.test('a window that has expired is dropped, counted, and stays so after a restart and a restore', async (t) => {
  const it = run(windows())
  it.put('a', '1', 1)
  it.put('b', '2', 30)
  t.same(it.found(), ['b@30=2'])
  it.put('a', 'too late', 20)
  t.equal(it.dropped(), 1)
  it.driver.restart()
  it.put('a', 'too late', 20)
  it.put('a', 'in time', 21)
  t.equal(it.dropped(), 1, 'counted by the new task')
  t.same(it.found(), ['a@21=in time', 'b@30=2'])
  it.driver.restore()
  t.same(it.found(), ['a@21=in time', 'b@30=2'])
  it.put('a', 'too late', 20)
  t.equal(it.dropped(), 1)
  await it.driver.close()
})

t.test('time is taken back with the record that moved it (B1), and with the generation (B6)', async (t) => {
  const it = run(windows(), { commitEvery: Number.POSITIVE_INFINITY })
  it.put('a', '1', 1)
  it.driver.commit()
  it.put('b', 'fail', 50)
  t.same(it.found(), ['a@1=1'])
  it.put('a', '2', 2)
  t.same(it.found(), ['a@1=1', 'a@2=2'])
  t.equal(it.dropped(), 0)
  it.put('b', 'later', 60)
  t.same(it.found(), ['b@60=later'])
  it.driver.abort()
  it.driver.commit()
  t.same(it.found(), ['b@60=later'], 'run again')
  await it.driver.close()
})

t.test('duplicates are numbered on across restarts', async (t) => {
  const it = run(windows({ retainDuplicates: true }))
  it.put('a', '1', 1)
  it.driver.restart()
  it.put('a', '2', 1)
  it.driver.restore()
  it.put('a', '3', 1)
  t.same(it.found(), ['a@1=1', 'a@1=2', 'a@1=3'])
  t.same(
    Array.from(it.driver.getWindowStore<string, string>('windows').fetch('a', 0, 2 * MINUTE), ([, value]) => value),
    ['1', '2', '3']
  )
  await it.driver.close()
})

t.test('the changelog has Kafka Streams’ keys and forgets by time', async (t) => {
  const it = run(windows())
  it.put('a', '1', 1)
  const bytes = it.driver.createOutputTopic('test-windows-changelog', Serdes.bytes(), string)
  const [record] = bytes.readRecordsToList()
  t.equal(Buffer.from(record!.key!).toString('hex'), `${Buffer.from('a').toString('hex')}${(MINUTE).toString(16).padStart(16, '0')}00000000`)
  t.equal(record!.value, '1')
  t.equal(record!.timestamp, MINUTE)
  const topic = it.driver.topology.subtopologies[0]!.internalTopics.find(({ name }) => name === 'test-windows-changelog')!
  t.equal(topic.config['cleanup.policy'], 'compact,delete')
  t.equal(topic.config['retention.ms'], String(10 * MINUTE + 86_400_000))
  await it.driver.close()
})

t.test('a store of another kind, or settings that cannot be, are refused', async (t) => {
  const it = run(windows())
  t.throws(() => it.driver.getKeyValueStore('windows'), { code: 'CONFIG_INVALID', message: /window store, not a key-value store/ })
  t.throws(() => it.driver.getTimestampedWindowStore('windows'), { code: 'CONFIG_INVALID' })
  t.throws(() => Stores.windowStore('w', { key: string, value: string, retention: '1m', windowSize: '2m' }), { code: 'CONFIG_INVALID', message: /retention/ })
  t.throws(() => Stores.windowStore('w', { key: string, value: string, retention: 0, windowSize: 0 }), { code: 'CONFIG_INVALID', message: /retention/ })
  await it.driver.close()
})
