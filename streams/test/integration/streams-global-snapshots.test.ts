/** Global tables begin with a snapshot and the rest of their topic, on an empty disk and on one that is damaged. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { KafkaStreams, Serdes, type StreamsBuilder } from '../../index.ts'
import { TestCluster } from './streams-support.ts'

t.setTimeout(120_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const TEXT = { key: Serdes.string(), value: Serdes.string() }
const wait = () => new Promise((resolve) => setTimeout(resolve, 20))

t.test('what the topic has no longer is in the snapshot, what came since is read', async (t) => {
  const rates = await cluster.topic('rates', 2)
  const orders = await cluster.topic('orders', 1)
  const priced = await cluster.topic('priced', 1)
  const applicationId = cluster.name('global')
  const kept = cluster.folder()
  const stateDir = cluster.folder()
  const warnings: string[] = []
  const start = async () => {
    const app = new KafkaStreams({
      topology: (b: StreamsBuilder) => {
        const table = b.globalTable(rates, { ...TEXT, name: 'rates' })
        b.stream(orders, TEXT).leftJoin(table, (_key, value) => value, (order, rate) => `${order}=${rate}`, { value: Serdes.string() }).to(priced)
      },
      applicationId, bootstrapServers: cluster.bootstrapServers, stateDir, threads: 'in-process', replicationFactor: 1,
      snapshots: { folder: kept, intervalMs: 1_000 },
      onWarning: (warning) => warnings.push(warning),
    })
    t.teardown(() => app.close())
    await app.start()
    return app
  }
  const snapshots = () => {
    try {
      return readdirSync(join(kept, applicationId, 'global')).filter((name) => !name.startsWith('.'))
    } catch {
      return []
    }
  }
  /** What orders of these give now. */
  const price = async (...names: string[]) => {
    const before = (await cluster.committed(priced)).length
    await cluster.send(orders, names.map((name) => ({ key: 'k', value: name })))
    let found = await cluster.committed(priced)
    while (found.length < before + names.length) {
      await wait()
      found = await cluster.committed(priced)
    }
    return found.slice(before).map(({ value }) => value!.toString())
  }

  await cluster.send(rates, [{ key: 'a', value: '1', partition: 0 }, { key: 'b', value: '2', partition: 1 }, { key: 'c', value: '3', partition: 0 }])
  const first = await start()
  while (snapshots().length === 0) {
    await wait()
  }
  t.same(await price('a', 'b', 'c', 'd'), ['a=1', 'b=2', 'c=3', 'd=null'])
  await first.close()

  const ends = await cluster.highWatermarks(rates)
  await cluster.ours.admin().deleteRecords([...ends].map(([partition, offset]) => ({ topic: rates, partition, offset })))
  await cluster.send(rates, [{ key: 'b', value: '5', partition: 1 }, { key: 'c', value: null, partition: 0 }])
  const local = join(stateDir, 'global-0')
  rmSync(local, { recursive: true })
  const second = await start()
  t.same(await price('a', 'b', 'c', 'd'), ['a=1', 'b=5', 'c=null', 'd=null'])
  t.same(warnings, [])
  await second.close()

  writeFileSync(join(local, 'CURRENT'), 'damaged')
  const third = await start()
  t.same(await price('a', 'b', 'c', 'd'), ['a=1', 'b=5', 'c=null', 'd=null'])
  await third.close()
  t.equal(warnings.length, 1)
  t.match(warnings[0], /The local state of task global could not be gone on with: .*global-0.* Snapshot \d+-\w+ has taken its place/)
})
