import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { commitAcross, LAST_EPOCH, PARTITIONS } from './rollover.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(400_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const BEFORE = 30
const COMMITS = 80

for (const loseLast of [false, true]) {
  t.test(`commits across the last epoch of a producer id${loseLast ? ', its answer lost' : ''}: the next one goes on, nothing is lost or doubled (C16)`, async (t) => {
    const { identities, problems, records, answersLost, commitsDropped, producersReplaced, errors } = await commitAcross(cluster, loseLast ? 'lost' : 'across', {
      firstEpoch: LAST_EPOCH - BEFORE,
      commits: COMMITS,
      loseLast,
    })
    t.same(errors, [])
    t.same(problems, [])
    t.equal(records, COMMITS * PARTITIONS)
    t.same([commitsDropped, producersReplaced], [0, 0], 'no commit was refused: ids, epochs and sequence numbers are what the broker wants')
    // A broker before 4.0 raises no epochs by commits.
    if (identities.length > 0) {
      t.equal(new Set(identities.map(({ producerId }) => producerId)).size, 2, 'the broker has given another producer id')
      const rolled = identities.findIndex(({ producerId }) => producerId !== identities[0]!.producerId)
      t.equal(identities[rolled - 1]?.producerEpoch, LAST_EPOCH)
      t.same(identities.slice(rolled, rolled + 3).map(({ producerEpoch }) => producerEpoch), [0, 1, 2])
      t.equal(answersLost, loseLast ? 1 : 0)
    }
  })
}
