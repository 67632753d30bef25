import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology, { type Label, type Purchase } from './topology.ts'

t.test('either side changing writes the labels it concerns', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const purchases = driver.createInputTopic('purchases', Serdes.string(), Serdes.json<Purchase>())
  const addresses = driver.createInputTopic('addresses', Serdes.string(), Serdes.string())
  const labels = driver.createOutputTopic('labels', Serdes.string(), Serdes.json<Label>())
  purchases.pipeInput('o-1', { customer: 'ada', amount: 5 })
  addresses.pipeInput('ada', 'Mill Lane 1')
  purchases.pipeInput('o-2', { customer: 'ada', amount: 7 })
  t.same(labels.readKeyValuesToList(), [['o-1', { to: 'Mill Lane 1', amount: 5 }], ['o-2', { to: 'Mill Lane 1', amount: 7 }]])
  addresses.pipeInput('ada', 'Race Road 2')
  t.same([...labels.readKeyValuesToMap()].sort(), [['o-1', { to: 'Race Road 2', amount: 5 }], ['o-2', { to: 'Race Road 2', amount: 7 }]])
  purchases.pipeTombstone('o-1')
  t.same(labels.readKeyValuesToList(), [['o-1', null]])
})
