import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology, { type Click, type Impression, type Outcome } from './topology.ts'

const second = 1_000

t.test('a click in time makes a pair; without one the impression is told when none can come any more', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const impressions = driver.createInputTopic('impressions', Serdes.string(), Serdes.json<Impression>())
  const clicks = driver.createInputTopic('clicks', Serdes.string(), Serdes.json<Click>())
  const outcomes = driver.createOutputTopic('outcomes', Serdes.string(), Serdes.json<Outcome>())
  impressions.pipeInput('i-1', { ad: 'mill' }, 10 * second)
  impressions.pipeInput('i-2', { ad: 'race' }, 11 * second)
  clicks.pipeInput('i-1', { page: '/' }, 30 * second)
  t.same(outcomes.readKeyValuesToList(), [['i-1', { ad: 'mill', clicked: true }]])
  clicks.pipeInput('i-3', { page: '/' }, 45 * second)
  t.same(outcomes.readKeyValuesToList(), [], 'grace: a click of i-2 may still be on its way')
  impressions.pipeInput('i-4', { ad: 'dam' }, 60 * second)
  t.same(outcomes.readKeyValuesToList(), [['i-2', { ad: 'race', clicked: false }]])
})
