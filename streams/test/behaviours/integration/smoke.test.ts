/** Behaviour 47, without a broker: the smoke topology aborted, restarted and restored in the middle gives exactly what its input says. */
import t from 'tap'
import { type Serde, Serdes } from '../../../index.ts'
import { TopologyTestDriver } from '../../../testing/index.ts'
import { SmokeCheck } from '../../smoke/check.ts'
import { SmokeLoad } from '../../smoke/load.ts'
import topology, { SMOKE_TOPICS, type SmokeTopic } from '../../smoke/topology.ts'

const PARTITIONS = 2
const WINDOW_MS = 3_600_000
const topics = Object.fromEntries(SMOKE_TOPICS.map((topic) => [topic, topic])) as Record<SmokeTopic, string>
const VALUES: { readonly [topic in SmokeTopic]?: Serde<number> } = { sum: Serdes.long(), cnt: Serdes.long(), tagg: Serdes.long(), avg: Serdes.double() }

t.test('47: every output of the smoke topology is exactly what its input says', async (t) => {
  const load = new SmokeLoad({ keys: 7, windowMs: WINDOW_MS, stepMs: 150 })
  const driver = new TopologyTestDriver((b) => topology(b, { topics, windowMs: WINDOW_MS }), { partitions: PARTITIONS, commitEvery: 11, pipelined: true })
  const input = driver.createInputTopic('data', Serdes.string(), Serdes.integer())
  const check = new SmokeCheck(WINDOW_MS)
  const disturbances = [() => driver.abort(), () => driver.restart(), () => driver.restore()]
  for (const [at, { key, value, timestamp }] of load.take(500).entries()) {
    check.input(key, value, timestamp)
    input.pipeInput(key, value, timestamp)
    if (at % 89 === 88) {
      disturbances[at % disturbances.length]!()
    }
  }
  for (let partition = 0; partition < PARTITIONS; partition++) {
    input.pipeInput(load.flush.key, load.flush.value, load.flush.timestamp, undefined, { partition })
  }
  // Through every topic on the way.
  for (let hop = 0; hop < 5; hop++) {
    driver.commit()
  }
  for (const topic of SMOKE_TOPICS.filter((topic) => topic !== 'data')) {
    for (const { key, value, timestamp } of driver.createOutputTopic(topic, Serdes.string(), VALUES[topic] ?? Serdes.integer()).readRecordsToList()) {
      check.output(topic, key!, value!, timestamp)
    }
  }
  await driver.close()
  t.same(check.problems(), [])
  t.ok(check.counts.values().every((count) => count > 0), 'every topic was written')
})

t.test('what checks the smoke topology notices a record that is missing, doubled, or out of its place', async (t) => {
  const checked = (spoil: (echoed: [string, number, number][]) => void) => {
    const check = new SmokeCheck(WINDOW_MS)
    const echoed: [string, number, number][] = [1, 2, 3].map((value) => ['key', 2 ** 31 - 1 - value, value])
    for (const [key, value, timestamp] of echoed) {
      check.input(key, value, timestamp)
    }
    spoil(echoed)
    for (const [key, value, timestamp] of echoed) {
      check.output('echo', key, value, timestamp)
    }
    return check.problems().filter((problem) => problem.startsWith('echo')).length
  }
  t.equal(checked(() => undefined), 0)
  t.equal(checked((echoed) => echoed.pop()), 1)
  t.equal(checked((echoed) => echoed.push(echoed.at(-1)!)), 1)
  t.equal(checked((echoed) => echoed.reverse()), 1)
  t.equal(checked(([first]) => (first![2] = 7)), 1)
})
