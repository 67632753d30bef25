import t from 'tap'
import type { TopicPartition } from '../../kafka/contract.ts'
import { Purger } from '../../runtime/purger.ts'
import type { TaskEntry } from '../../runtime/task-entry.ts'
import { Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { asyncTopology, ManualCalls, operator } from '../async/calls.ts'

const text = Serdes.string()

function purger(fail = false) {
  const calls: (TopicPartition & { offset: number })[][] = []
  const warnings: string[] = []
  const time = { now: 0 }
  const admin = {
    deleteRecords: async (offsets: readonly (TopicPartition & { readonly offset: number })[]) => {
      calls.push([...offsets])
      if (fail) {
        throw new Error('no rights')
      }
    },
  }
  return { purger: new Purger(admin, (warning) => warnings.push(warning), () => time.now), calls, warnings, time }
}

/** As much of an entry as the purger looks at. */
function entry(positions: { [key: string]: number }): TaskEntry {
  const inputs = [{ topic: 'app-r-repartition', partition: 2, repartition: true }, { topic: 'in', partition: 2, repartition: false }]
  const state = { position: (key: string) => (positions[key] === undefined ? undefined : { offset: positions[key] }) }
  return { partition: 2, status: 'running', inputs, state } as unknown as TaskEntry
}

const OFFSETS = [
  { topic: 'app-r-repartition', partition: 2, offset: 7, metadata: '' },
  { topic: 'in', partition: 2, offset: 9, metadata: '' },
]
const CHANGELOG = 'app-call-in-flight-changelog'

t.test('committed repartition records and changelogs of empty tables, at most every thirty seconds', async (t) => {
  const { purger: purges, calls, time } = purger()
  const positions = { [`${CHANGELOG}-2`]: 40 }
  const task = entry(positions)
  purges.committed(task, { offsets: OFFSETS, emptyInFlight: [CHANGELOG] })
  t.same(calls, [], 'not yet')
  time.now = 30_000
  positions[`${CHANGELOG}-2`] = 44
  purges.committed(task, { offsets: [], emptyInFlight: [CHANGELOG] })
  t.same(calls, [[{ topic: 'app-r-repartition', partition: 2, offset: 7 }], [{ topic: CHANGELOG, partition: 2, offset: 44 }]])
  time.now = 90_000
  purges.committed(task, { offsets: [], emptyInFlight: [CHANGELOG] })
  t.equal(calls.length, 2, 'a table that stayed empty has nothing new to delete')
  positions[`${CHANGELOG}-2`] = 60
  purges.committed(task, { offsets: [], emptyInFlight: [] })
  t.equal(calls.length, 2, 'and one that is not empty keeps everything')
  purges.committed(task, { offsets: [], emptyInFlight: [CHANGELOG] })
  t.same(calls[2], [{ topic: CHANGELOG, partition: 2, offset: 60 }])
})

t.test('nothing of a task that is on its way to somebody else; a refusal is a warning', async (t) => {
  const { purger: purges, calls, warnings, time } = purger(true)
  const gone = entry({ [`${CHANGELOG}-2`]: 40 })
  purges.committed(gone, { offsets: OFFSETS, emptyInFlight: [CHANGELOG] })
  gone.status = 'suspended'
  time.now = 30_000
  purges.committed(gone, { offsets: OFFSETS, emptyInFlight: [CHANGELOG] })
  t.same(calls, [])
  time.now = 60_000
  purges.committed(entry({}), { offsets: OFFSETS, emptyInFlight: [CHANGELOG] })
  await new Promise((resolve) => setImmediate(resolve))
  t.match(warnings, [/repartition topics could not be deleted: no rights/])
})

t.test('a task says that a table is empty when nothing is pending, parked keys included', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { onFailure: 'park' })))
  const task = driver.tasks[0]!
  const close = task.closeGeneration.bind(task)
  let last: readonly string[] = []
  task.closeGeneration = () => {
    const commit = close()
    last = commit.emptyInFlight
    return commit
  }
  driver.createInputTopic('in', text, text).pipeAll([['a', '1'], ['b', '2']])
  t.same(last, [], 'two calls are running')
  calls.of('1').resolve('done')
  calls.of('2').reject(new Error('not today'))
  await driver.tick()
  t.same(driver.parkedKeys().map(({ records }) => records), [1])
  t.same(last, [], 'one key is parked')
  driver.releaseParked('call', driver.parkedKeys()[0]!.id)
  await driver.tick()
  calls.made.at(-1)!.resolve('done')
  await driver.tick()
  t.same(last, [CHANGELOG])
  await driver.close()
})
