import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology, { type Payment } from './topology.ts'

t.test('a payment is looked up by its currency, in whatever partition it lies', async (t) => {
  const driver = new TopologyTestDriver(topology, { partitions: 3 })
  t.teardown(() => driver.close())
  const rates = driver.createInputTopic('exchange-rates', Serdes.string(), Serdes.double())
  const payments = driver.createInputTopic('payments', Serdes.string(), Serdes.json<Payment>())
  const euros = driver.createOutputTopic('payments-in-euros', Serdes.string(), Serdes.double())
  rates.pipeInput('USD', 0.9)
  rates.pipeInput('CHF', 1.05)
  payments.pipeInput('p-1', { amount: 10, currency: 'USD' })
  payments.pipeInput('p-2', { amount: 10, currency: 'CHF' })
  payments.pipeInput('p-3', { amount: 10, currency: 'XXX' })
  t.same(euros.readKeyValuesToMap(), new Map([['p-1', 9], ['p-2', 10.5]]), 'an inner join drops what finds nothing')
})
