/** Windows in processes that are killed and lose their disks: record for record what one undisturbed run gives. */
import { rmSync } from 'node:fs'
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { equalsUndisturbed } from './undisturbed.ts'
import topology from './windows-topology.ts'

t.setTimeout(300_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

/** Out of order by up to a second, so that some are late; of today, because the broker's retention goes by these times. */
function records(from: number, count: number, start: number) {
  return Array.from({ length: count }, (_, index) => {
    const i = from + index
    return { key: `k${(i * 7) % 5}`, value: `v${i}`, timestamp: start + i * 20 - ((i * 389) % 1_100), partition: 0 }
  })
}

t.test('killed, restarted, and restored from the changelogs', async (t) => {
  const settings = { source: await cluster.topic('windows-source', 1), sink: await cluster.topic('windows-sink', 1) }
  const options = {
    applicationId: cluster.name('windows'),
    topology: './windows-topology.ts',
    settings,
    stateDir: cluster.folder(),
    bootstrapServers: cluster.bootstrapServers,
    sessionTimeoutMs: 6_000,
    replicationFactor: 1,
  }
  const start = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000
  const input: ReturnType<typeof records> = []
  const send = async (count: number) => {
    const more = records(input.length, count, start)
    input.push(...more)
    await cluster.send(settings.source, more)
  }

  const first = new Child(options, { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: 'endTxn.answered:8' })
  await first.running()
  while (!first.ended) {
    await send(30)
    await Promise.race([first.exited, cluster.consumed(options.applicationId, settings.source).catch(() => undefined)])
  }
  t.match(await first.exited, { signal: 'SIGKILL' })

  t.comment(`killed after ${input.length} records`)
  const second = new Child(options)
  await second.running()
  await send(200)
  await cluster.consumed(options.applicationId, settings.source)
  await second.kill()
  rmSync(options.stateDir, { recursive: true })

  t.comment(`killed again after ${input.length} records`)
  const third = new Child(options)
  await third.running()
  await send(300)
  await cluster.consumed(options.applicationId, settings.source)
  const { counters } = await third.stop()
  t.ok(counters![0]!['recordsRestored']! > 0)

  const wanted = equalsUndisturbed(t, topology, settings, input, await cluster.committed(settings.sink), start)
  t.ok(wanted.some((line) => line.includes('late')) && ['tumbling', 'suppressed', 'hopping', 'sliding', 'sessions'].every((name) => wanted.some((line) => line.includes(name))))
  const config = await cluster.ours.admin().topicConfig(`${options.applicationId}-tumbling-changelog`)
  t.equal(config['cleanup.policy'], 'compact,delete')
  t.equal(config['retention.ms'], String(1_500 + 86_400_000))
})
