import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology from './topology.ts'

t.test('every word is counted, each change goes out', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const lines = driver.createInputTopic('lines', Serdes.string(), Serdes.string())
  const counts = driver.createOutputTopic('word-counts', Serdes.string(), Serdes.long())
  lines.pipeInput('1', 'The mill race')
  lines.pipeInput('2', 'The race, the water')
  t.same(counts.readKeyValuesToList(), [['the', 1], ['mill', 1], ['race', 1], ['the', 2], ['race', 2], ['the', 3], ['water', 1]])
  t.same([...driver.getKeyValueStore<string, number>('words').all()], [['mill', 1], ['race', 2], ['the', 3], ['water', 1]])
})
