import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology, { type Customer, type EnrichedOrder, type Order } from './topology.ts'

t.test('an order is joined with the row as it is then', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const customers = driver.createInputTopic('customers', Serdes.string(), Serdes.json<Customer>())
  const orders = driver.createInputTopic('orders', Serdes.string(), Serdes.json<Order>())
  const enriched = driver.createOutputTopic('enriched-orders', Serdes.string(), Serdes.json<EnrichedOrder>())
  orders.pipeInput('o-1', { customer: 'ada', amount: 5 })
  customers.pipeInput('ada', { name: 'Ada', country: 'UK' })
  orders.pipeInput('o-2', { customer: 'ada', amount: 7 })
  customers.pipeTombstone('ada')
  orders.pipeInput('o-3', { customer: 'ada', amount: 9 })
  t.same(enriched.readKeyValuesToList(), [
    ['ada', { customer: 'ada', amount: 5, country: null }],
    ['ada', { customer: 'ada', amount: 7, country: 'UK' }],
    ['ada', { customer: 'ada', amount: 9, country: null }],
  ])
})
