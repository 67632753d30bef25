/** Joins whose halves meet through topics of the application, over restarts that find their disk empty. */
import t from 'tap'
import { KafkaStreams } from '../../index.ts'
import { JoinLoad, joinInputs, joins, joinTopics } from './join-load.ts'
import { TestCluster } from './streams-support.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

t.test('joins of streams and by foreign key, each phase by an application without local state', async (t) => {
  const settings = await joinTopics(cluster, 'joins')
  const load = new JoinLoad(cluster, settings)
  const applicationId = cluster.name('joins')
  for (const phase of [() => load.send(400), () => load.send(400), () => load.finish()]) {
    const app = new KafkaStreams({
      topology: (b) => joins(b, settings),
      applicationId,
      bootstrapServers: cluster.bootstrapServers,
      stateDir: cluster.folder(),
      threads: 'in-process',
      sessionTimeoutMs: 60_000,
      replicationFactor: 1,
    })
    await app.start()
    await phase()
    for (const topic of joinInputs(applicationId, settings)) {
      await cluster.consumed(applicationId, topic)
    }
    await app.close()
  }
  const expected = load.expectedSeen()
  t.ok(expected.some((each) => each.includes('+null')) && expected.some((each) => each.includes(' null+')) && expected.some((each) => !each.includes('null')))
  t.same(await load.foundSeen(), expected, 'every result once, whatever came before and after a restart')
  t.same(await load.foundPriced(), load.expectedPriced())
})
