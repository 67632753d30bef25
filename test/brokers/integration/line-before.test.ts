/** The newest broker of the major line before: exactly once through a SIGKILL and a lost disk, with the transactions it knows. */
import t from 'tap'
import { readLock } from '../../../stack/lock.ts'
import { Child } from '../../../streams/test/failure/child.ts'
import { endlessLines } from '../../../streams/test/failure/load.ts'
import { outputProblems, topics } from '../../../streams/test/failure/word-load.ts'
import { TestCluster } from '../../../streams/test/integration/streams-support.ts'
import { eventually } from '../../connectors/integration/support.ts'
import { Brokers } from '../brokers.ts'

t.setTimeout(600_000)

t.test('two processes count words, one is killed in the middle of a commit, its successor has no disk', async (t) => {
  const brokers = await Brokers.start({ release: 'kafka-3' })
  t.teardown(() => brokers.stop())
  const cluster = new TestCluster(brokers.address(1), { initialRetryTime: 100, maxRetryTime: 500, retries: 1_000 })
  await eventually('the broker answers', async () => {
    await cluster.connect()
    return true
  })
  t.teardown(() => cluster.close())
  t.match(readLock().components['kafka-3'].version, /^3\./)

  const settings = await topics(cluster, 'before', 2)
  const applicationId = cluster.name('before')
  const start = (environment = {}) =>
    new Child({ applicationId, settings, stateDir: cluster.folder(), bootstrapServers: cluster.bootstrapServers, sessionTimeoutMs: 30_000, replicationFactor: 1 }, environment)
  const survivor = start()
  await survivor.running()
  const killed = start({ MILLRACE_TEST: '1', MILLRACE_FAILPOINT: 'offsets.sent:10' })
  const load = endlessLines(cluster, settings.source)
  t.match(await killed.exited, { signal: 'SIGKILL' })
  t.comment(`killed after ${load.input.length} lines`)
  const successor = start()
  await successor.running()
  const input = await load.stop()
  await cluster.consumed(applicationId, settings.source, 300_000)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`, 300_000)
  await Promise.all([survivor.stop(), successor.stop()])
  t.same(await outputProblems(cluster, settings, input), [])
})
