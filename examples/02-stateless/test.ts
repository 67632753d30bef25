import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology, { type Reading } from './topology.ts'

t.test('each reading takes one way', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const readings = driver.createInputTopic('readings', Serdes.string(), Serdes.json<Reading>())
  const alarms = driver.createOutputTopic('alarms', Serdes.string(), Serdes.string())
  const temperatures = driver.createOutputTopic('temperatures', Serdes.string(), Serdes.json<{ fahrenheit: number }>())
  readings.pipeInput('gateway', { sensor: 'a', celsius: 21.5 })
  readings.pipeInput('gateway', { sensor: 'b', celsius: 80 })
  readings.pipeInput('gateway', { sensor: 'c', celsius: null })
  t.same(alarms.readValuesToList(), ['b: 176 °F', 'c: no reading'])
  t.same(temperatures.readKeyValuesToList(), [['a', { sensor: 'a', fahrenheit: 70.7 }]])
})
