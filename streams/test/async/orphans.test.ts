import t from 'tap'
import { orphanedInFlightTopics, PendingRows } from '../../async/orphans.ts'
import { Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { asyncTopology, ManualCalls, operator } from './calls.ts'

const bytes = Serdes.bytes()
const text = Serdes.string()

t.test('in-flight changelogs that no operator owns are found by their names', (t) => {
  const topology = asyncTopology(operator(async () => undefined), 'new')
  t.strictSame(
    orphanedInFlightTopics(topology, ['app-new-in-flight-changelog', 'app-old-in-flight-changelog', 'app-counts-changelog', 'other-x-in-flight-changelog', 'app-out']),
    ['app-old-in-flight-changelog']
  )
  t.end()
})

t.test('what is pending in such a changelog is counted by operator', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call)))
  driver.createInputTopic('in', text, text).pipeAll([['a', '1'], ['b', '2'], ['c', '3']])
  calls.of('2').resolve('done')
  await driver.tick()
  const rows = new PendingRows()
  for (const { key, value } of driver.createOutputTopic('app-call-in-flight-changelog', bytes, bytes).readRecordsToList()) {
    rows.apply(key!, value)
  }
  t.strictSame(rows.counts, new Map([['call', 2]]))
  await driver.close()
})
