import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import topology, { type Heartbeat } from './topology.ts'

t.test('a silent host is reported once, by virtual wall clock', async (t) => {
  const driver = new TopologyTestDriver(topology)
  t.teardown(() => driver.close())
  const heartbeats = driver.createInputTopic('heartbeats', Serdes.string(), Serdes.json<Heartbeat>())
  const silent = driver.createOutputTopic('silent-hosts', Serdes.string(), Serdes.string())
  heartbeats.pipeInput('a', { host: 'a' })
  heartbeats.pipeInput('b', { host: 'b' })
  driver.advanceWallClockTime(30_000)
  heartbeats.pipeInput('b', { host: 'b' })
  driver.advanceWallClockTime(30_000)
  t.same(silent.readKeyValuesToList(), [['a', 'silent for 60 s']])
  driver.restart()
  driver.advanceWallClockTime(30_000)
  t.same(silent.readKeyValuesToList(), [['b', 'silent for 60 s']], 'the store outlives the process')
})
