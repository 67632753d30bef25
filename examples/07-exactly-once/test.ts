import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology from './topology.ts'

t.test('an aborted generation leaves no trace; a lost disk is rebuilt from the changelog', async (t) => {
  const driver = new TopologyTestDriver(topology, { commitEvery: Number.POSITIVE_INFINITY })
  t.teardown(() => driver.close())
  const deposits = driver.createInputTopic('deposits', Serdes.string(), Serdes.long())
  const totals = driver.createOutputTopic('account-totals', Serdes.string(), Serdes.long())
  deposits.pipeInput('ada', 5)
  deposits.pipeInput('ada', 7)
  t.equal(totals.size, 0, 'nobody sees what is not committed')
  driver.abort()
  driver.commit()
  t.same(totals.readValuesToList(), [5, 12], 'processed again, counted once')
  driver.restore()
  deposits.pipeInput('ada', 1)
  driver.commit()
  t.same(totals.readValuesToList(), [13])
})
