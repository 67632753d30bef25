import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t, { type Test } from 'tap'
import topology, { type Vote } from './topology.ts'

function election(t: Test, options: ConstructorParameters<typeof TopologyTestDriver>[1] = {}) {
  const driver = new TopologyTestDriver(topology, options)
  t.teardown(() => driver.close())
  return {
    driver,
    votes: driver.createInputTopic('votes', Serdes.string(), Serdes.json<Vote>()),
    results: driver.createOutputTopic('results', Serdes.string(), Serdes.long()),
  }
}

t.test('who votes again takes the former vote back', async (t) => {
  const { votes, results } = election(t)
  votes.pipeInput('ada', { candidate: 'mill' })
  votes.pipeInput('bob', { candidate: 'mill' })
  votes.pipeInput('ada', { candidate: 'race' })
  t.same([...results.readKeyValuesToMap()].sort(), [['mill', 1], ['race', 1]])
})

t.test('stores can be read, by partition', async (t) => {
  const { driver, votes } = election(t, { partitions: 1 })
  votes.pipeInput('ada', { candidate: 'mill' })
  t.equal(driver.getKeyValueStore<string, number>('votes-per-candidate').get('mill'), 1)
  t.same(driver.getTimestampedKeyValueStore<string, Vote>('votes').get('ada'), { value: { candidate: 'mill' }, timestamp: 0 })
})

t.test('a restart, a lost disk and an aborted transaction change no result', async (t) => {
  for (const disturb of ['restart', 'restore', 'abort'] as const) {
    const { driver, votes, results } = election(t)
    votes.pipeInput('ada', { candidate: 'mill' }, 1)
    driver[disturb]()
    votes.pipeInput('ada', { candidate: 'race' }, 2)
    driver[disturb]()
    t.same([...results.readKeyValuesToMap()].sort(), [['mill', 0], ['race', 1]], disturb)
  }
})

t.test('what runs between the parts is visible: internal topics, their names and records', async (t) => {
  const { driver, votes } = election(t, { applicationId: 'election' })
  votes.pipeInput('ada', { candidate: 'mill' })
  t.same([...driver.producedTopicNames()].sort(), ['election-votes-per-candidate-changelog', 'election-votes-per-candidate-repartition', 'results'])
})
