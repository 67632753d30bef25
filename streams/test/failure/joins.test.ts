/** Joins in processes that are killed: what waits for a partner, who subscribed to what, and how far time had come must survive. */
import t from 'tap'
import { JoinLoad, joinInputs, joinTopics } from '../integration/join-load.ts'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const KILLED_AT = ['generation.closed', 'endTxn.answered'] as const

t.test('killed within commits and between them: every result of both joins once', async (t) => {
  const settings = await joinTopics(cluster, 'killed')
  const load = new JoinLoad(cluster, settings)
  const app = {
    applicationId: cluster.name('killed'),
    settings,
    topology: './joins-topology.ts',
    stateDir: cluster.folder(),
    bootstrapServers: cluster.bootstrapServers,
    sessionTimeoutMs: 6_000,
    replicationFactor: 1,
  }
  const consumedAll = async () => {
    for (const topic of joinInputs(app.applicationId, settings)) {
      await cluster.consumed(app.applicationId, topic)
    }
  }
  for (const failpoint of KILLED_AT) {
    const child = new Child(app, { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: `${failpoint}:6` })
    while (!child.ended) {
      await load.send(20)
      // A pace, not a wait: what is sent while the process starts is compared pair by pair later.
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.match(await child.exited, { signal: 'SIGKILL' }, failpoint)
  }
  const third = new Child(app)
  await third.running()
  await load.send(200)
  await cluster.consumed(app.applicationId, settings.clicks)
  await third.kill()
  const last = new Child(app)
  await last.running()
  await load.send(200)
  await consumedAll()
  await load.finish()
  await consumedAll()
  await last.stop()
  t.same(await load.foundSeen(), load.expectedSeen())
  t.same(await load.foundPriced(), load.expectedPriced())
})
