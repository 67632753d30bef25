/** Rule C10: whoever watches a thread sees the operator and the record it hangs in. */
import t from 'tap'
import { TopologyBuilder } from '../../graph/topology-builder.ts'
import { placeName, Progress } from '../../runtime/progress.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { asyncTopology, operator } from '../async/calls.ts'
import { processor, text } from './topologies.ts'

t.test('the supervisor reads what the thread has written last', (t) => {
  const thread = new Progress()
  const supervisor = new Progress(thread.buffer)
  t.equal(supervisor.read(), undefined)
  thread.enter('orders_3', 1_000)
  t.same(supervisor.read(), { task: 'orders_3', since: 1_000, operator: -1, record: undefined })
  thread.turn('orders', 3, 2 ** 40)
  thread.operator = 2
  t.same(supervisor.read(), { task: 'orders_3', since: 1_000, operator: 2, record: { topic: 'orders', partition: 3, offset: 2 ** 40 } })
  thread.turn('x', 3, 5)
  t.match(supervisor.read(), { operator: -1, record: { topic: 'x', offset: 5 } })
  thread.turn('', -1, -1)
  t.equal(supervisor.read()?.record, undefined, 'a punctuator has none')
  thread.leave()
  t.equal(supervisor.read(), undefined)
  t.end()
})

t.test('a task keeps operator and record while it runs, and goes back to the operator above', async (t) => {
  const seen: string[] = []
  let driver: TopologyTestDriver | undefined
  const look = (who: string) => {
    const { place } = (driver!.tasks[0] as unknown as { core: { place: Progress } }).core
    seen.push(`${who}: ${placeName({ task: driver!.tasks[0]!.id, since: 1, operator: place.operator, record: recordOf(place) }, topology)}`)
  }
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addProcessor(
      'first',
      processor((record, context) => {
        look('before')
        context.forward(record)
        look('after')
      }),
      'source'
    )
    .addProcessor('second', processor(() => look('below')), 'first')
    .build({ applicationId: 'app' })
  driver = new TopologyTestDriver(topology)
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('secret', 'secret')
  input.pipeInput('secret', 'secret')
  t.same(seen, [
    "before: in 'first' at in-0@0", "below: in 'second' at in-0@0", "after: in 'first' at in-0@0",
    "before: in 'first' at in-0@1", "below: in 'second' at in-0@1", "after: in 'first' at in-0@1",
  ])
  await driver.close()
})

t.test('an asynchronous operator is named with the record its entry came from', async (t) => {
  const seen: string[] = []
  const topology = asyncTopology(
    operator(async (value) => value, {
      complete: () => {
        const { place } = (driver.tasks[0] as unknown as { core: { place: Progress } }).core
        seen.push(placeName({ task: driver.tasks[0]!.id, since: 1, operator: place.operator, record: recordOf(place) }, topology))
      },
    })
  )
  const driver = new TopologyTestDriver(topology)
  driver.createInputTopic('in', text, text).pipeInput('a', '1')
  await driver.tick()
  t.same(seen, ["in 'call' at in-0@0"])
  t.equal(placeName({ task: 'gone_0', since: 1, operator: 0, record: undefined }, topology), 'without a record (a punctuator, init)')
  await driver.close()
})

/** The driver enters no slice: only the thread's loop does. */
function recordOf(place: Progress) {
  const copy = new Progress(place.buffer)
  new Float64Array(place.buffer, 0, 1)[0] = 1
  const { record } = copy.read()!
  return record
}
