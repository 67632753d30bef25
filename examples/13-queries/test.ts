import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology from './topology.ts'

t.test('what comes and goes adds up', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const movements = driver.createInputTopic('movements', Serdes.string(), Serdes.json<{ pieces: number }>())
  movements.pipeInput('bolt', { pieces: 10 })
  movements.pipeInput('nut', { pieces: 4 })
  movements.pipeInput('bolt', { pieces: -3 })
  const stock = driver.getKeyValueStore<string, number>('stock')
  t.equal(stock.get('bolt'), 7)
  t.equal(stock.get('nut'), 4)
})
