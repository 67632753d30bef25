/** Behaviour 47: the smoke topology in two and three processes, everything that can happen to them once, and to their broker. */
import t from 'tap'
import { Brokers } from '../brokers/brokers.ts'
import { runSmoke } from '../smoke/scenario.ts'

t.setTimeout(900_000)

t.test('rolling instances, SIGKILL, a lost disk, a zombie, a broker that dies: every output is exactly what the input says', async (t) => {
  const brokers = await Brokers.start()
  t.teardown(() => brokers.stop())
  const { problems, counts, sent, membershipsLost } = await runSmoke({
    brokers,
    windowMs: 3_600_000,
    standbys: 1,
    recordsPerSecond: 200,
    recordsBetween: 100,
    events: ['kill', 'join', 'zombie', 'roll', 'broker', 'lose-disk'],
    say: (line) => t.comment(line),
  })
  t.same(problems.slice(0, 20), [])
  t.ok(sent > 0 && [...counts].every(([, count]) => count > 0), 'every output was written')
  t.ok(membershipsLost > 0, 'the zombie has noticed')
})
