import t from 'tap'
import { rowKey } from '../../async/entry.ts'
import { orphanedInFlightTopics, PendingRows, rowOf } from '../../async/orphans.ts'
import { Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { asyncTopology, ManualCalls, operator } from './calls.ts'

const bytes = Serdes.bytes()
const text = Serdes.string()

t.test('in-flight changelogs that nobody owns are found by their names', (t) => {
  t.strictSame(
    orphanedInFlightTopics('app', new Set(['app-new-in-flight-changelog']), [
      'app-old-in-flight-changelog', 'app-new-in-flight-changelog', 'app-counts-changelog', 'other-x-in-flight-changelog', 'app-out',
    ]),
    ['app-old-in-flight-changelog']
  )
  t.end()
})

t.test('rows of another application, whose id begins with ours, are not ours', (t) => {
  const key = rowKey(1, Buffer.from('price'), 7)
  t.strictSame(rowOf('orders', 'orders-price-in-flight-changelog', key), { kind: 1, operator: 'price', admission: 7 })
  t.equal(rowOf('orders', 'orders-v2-price-in-flight-changelog', key), undefined, 'operator price of application orders-v2')
  t.strictSame(rowOf('orders', 'orders-v2-price-in-flight-changelog', rowKey(2, Buffer.from('v2-price'), 0))?.operator, 'v2-price')
  for (const foreign of [null, Buffer.alloc(0), Buffer.from('a'), Buffer.from('a key of some other store'), key.subarray(0, -1)]) {
    t.equal(rowOf('orders', 'orders-price-in-flight-changelog', foreign), undefined)
  }
  t.end()
})

t.test('what is pending in such a changelog is counted by operator', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call)))
  driver.createInputTopic('in', text, text).pipeAll([['a', '1'], ['b', '2'], ['c', '3']])
  calls.of('2').resolve('done')
  await driver.tick()
  const rows = new PendingRows()
  const topic = 'app-call-in-flight-changelog'
  const records = driver.createOutputTopic(topic, bytes, bytes).readRecordsToList()
  for (const [offset, { key, value }] of records.entries()) {
    rows.apply(rowOf('app', topic, key)!, value, offset)
  }
  t.strictSame(rows.counts, new Map([['call', 2]]))
  const pending = records.filter(({ key }, offset) => rows.isPending(rowOf('app', topic, key)!, offset))
  t.equal(pending.length, 2, 'each pending entry is told from the other records of its key')
  t.ok(pending.every(({ value }) => value !== null))
  await driver.close()
})
