/** Random topologies and inputs through Java Kafka Streams' TopologyTestDriver and ours. More of them: `npm run test:differential`. */
import t from 'tap'
import { SEED } from '../../../state-stores/test/seeded.ts'
import { check } from '../check.ts'
import { differencesBetween } from '../compare.ts'
import { JavaPeer } from '../java-peer.ts'
import { deliberateDifferences, keptCases } from '../kept.ts'

const CASES = 100

const java = await JavaPeer.start((line) => t.comment(line))
t.teardown(() => java.close())

t.test('random cases give the same', async (t) => {
  t.comment(`seed ${SEED}`)
  const { cases, outputs, failure } = await check(java, { cases: CASES, seed: SEED, shrinkFor: 20_000 })
  t.same(failure, undefined)
  t.equal(cases, CASES)
  t.ok(outputs > CASES, `${outputs} records came out`)
})

t.test('the outcomes of kept cases are what Kafka Streams makes of them', async (t) => {
  for (const { name, kept } of keptCases()) {
    t.same(differencesBetween(await java.run(kept), kept.outcome), [], name)
  }
  for (const { name, difference } of deliberateDifferences()) {
    t.same(differencesBetween(await java.run(difference), difference.kafkaStreams), [], name)
  }
})
