/** Partitions that come while an application runs (rule C15). */
import t from 'tap'
import { KafkaStreams } from '../../index.ts'
import topology, { type GrowthSettings } from './streams-growth-topology.ts'
import { TestCluster } from './streams-support.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Until the brokers know of the partitions: the test's producer drops records for one it has not heard of. */
async function grow(topic: string, count: number): Promise<void> {
  await cluster.admin.createPartitions({ timeout: 60_000, topicPartitions: [{ topic, count }] })
  await until(async () => (await cluster.admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions.length === count)
}

t.test('stateless tasks take new partitions from their first record on, a global table follows its own, and what has a state goes on with the old ones, loudly', async (t) => {
  const names = ['plain', 'copied', 'counted', 'counts', 'names'] as const
  const settings = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await cluster.topic(name, 2)] as const))) as unknown as GrowthSettings
  const applicationId = cluster.name('grows')
  const warnings: string[] = []
  // The second looks by itself only long after the test: it hears of the partitions because the first one has told the group.
  const [first, second] = [300, 600_000].map(
    (metadataMaxAgeMs) =>
      new KafkaStreams({
        topology: (b, given) => topology(b, given as GrowthSettings),
        settings,
        applicationId,
        bootstrapServers: cluster.bootstrapServers,
        stateDir: cluster.folder(),
        threads: 'in-process',
        sessionTimeoutMs: 30_000,
        replicationFactor: 1,
        metadataMaxAgeMs,
        onWarning: (warning) => warnings.push(warning),
      }),
  ) as [KafkaStreams, KafkaStreams]
  await Promise.all([first.start(), second.start()])
  t.teardown(() => Promise.all([first.close(), second.close()]))
  const running = async () => (await Promise.all([first, second].map(async (app) => (await app.metrics()).flatMap(({ tasks }) => tasks.filter(({ status }) => status === 'running').map(({ id }) => id)))))
  const counts = async () => (await running()).map((ids) => ids.length)
  await until(async () => (await counts()).every((count) => count === 2))
  const before = { key: 'k', value: 'v0', partition: 0 }
  await Promise.all([settings.plain, settings.counted].map((topic) => cluster.send(topic, [before])))
  await Promise.all([settings.plain, settings.counted].map((topic) => cluster.consumed(applicationId, topic)))

  await Promise.all([grow(settings.plain, 4), grow(settings.counted, 3), grow(settings.names, 3)])
  // Written before anybody reads there: the source's offsetReset is 'latest', and nothing is left out nevertheless.
  await cluster.send(settings.names, [{ key: 'v2', value: 'late', partition: 2 }])
  await cluster.send(settings.plain, [{ key: 'k', value: 'v1', partition: 2 }, { key: 'k', value: 'v1', partition: 3 }])
  await cluster.send(settings.counted, [{ key: 'k', value: 'refused', partition: 2 }, { key: 'k', value: 'counted', partition: 0 }])
  await cluster.consumed(applicationId, settings.plain)
  await until(async () => (await counts()).every((count) => count === 3))
  t.same((await running()).flat().filter((id) => id.startsWith(settings.plain)).sort(), [0, 1, 2, 3].map((partition) => `${settings.plain}_${partition}`))
  t.same((await cluster.committed(settings.copied)).map(({ value }) => value!.toString()), ['v0 nobody', 'v1 nobody', 'v1 nobody'])

  // The global table has the new partition sooner or later: a record finds what was written there.
  let found = false
  await until(async () => {
    await cluster.send(settings.plain, [0, 1, 2, 3].map((partition) => ({ key: 'k', value: 'v2', partition })))
    await cluster.consumed(applicationId, settings.plain)
    found = (await cluster.committed(settings.copied)).some(({ value }) => value!.toString() === 'v2 late')
    return found
  })
  t.ok(found)

  await until(async () => (await cluster.committed(settings.counts)).length === 2)
  t.ok((await running()).flat().every((id) => id !== `${settings.counted}_2`))
  const refusals = warnings.filter((warning) => warning.includes(`'${settings.counted}' has 3 partitions now, of which only the first 2 are read`))
  t.ok(refusals.length >= 1 && refusals.length <= 2, 'each instance says it once')
  t.match(refusals[0], /INTERNAL_TOPIC_MISMATCH/)
  await until(async () => (await first.metrics())[0]!.refusedPartitions === 1)
  t.match(first.state, /^(RUNNING|REBALANCING)$/)
})
