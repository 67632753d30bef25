/** Parked keys of a running application, its thread in a worker: listed, released, dropped. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { KafkaStreams } from '../../index.ts'
import { millrace } from '../cli/run.ts'
import type { Settings } from './streams-parked-topology.ts'
import { TestCluster } from './streams-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(240_000)

t.test('a parked key waits alone until it is released or dropped', async (t) => {
  const cluster = new TestCluster()
  await cluster.connect()
  t.teardown(() => cluster.close())
  const folder = cluster.folder()
  const settings: Settings = { source: await cluster.topic('source', 2), sink: await cluster.topic('sink', 2), down: join(folder, 'down') }
  writeFileSync(settings.down, '')
  const app = new KafkaStreams({
    topology: new URL('./streams-parked-topology.ts', import.meta.url), settings, applicationId: cluster.name('park'),
    bootstrapServers: cluster.bootstrapServers, stateDir: join(folder, 'state'), sessionTimeoutMs: 60_000,
  })
  t.teardown(() => app.close())
  await app.start()
  await cluster.send(settings.source, [
    { key: 'ada', value: 'bad 1' }, { key: 'ada', value: 'good 2' }, { key: 'bob', value: 'good 3' }, { key: 'eve', value: 'bad 4' }, { key: 'eve', value: 'good 5' },
  ])
  const results = async () => (await cluster.committed(settings.sink)).map(({ value }) => value!.toString()).sort()
  const until = async (values: readonly string[]) => {
    while (JSON.stringify(await results()) !== JSON.stringify(values)) {
      await delay(20)
    }
  }
  await until(['good 3'])
  let keys = await app.parkedKeys()
  while (keys.length < 2 || keys.some(({ records }) => records < 2)) {
    await delay(20)
    keys = await app.parkedKeys()
  }
  const name = (id: string) => Buffer.from(id, 'base64url').toString()
  const [ada, eve] = [...keys].sort((a, b) => (name(a.id) < name(b.id) ? -1 : 1))
  t.match(ada, { operator: 'ask', attempts: 2, records: 2, failure: 'CALL_FAILED', topic: settings.source })

  // The changelog has what is committed; the command reads nothing else.
  let listed = await millrace('parked', 'list', app.config.applicationId, '--bootstrap-server', cluster.bootstrapServers)
  while (listed.lines.split('\n').length < 3) {
    await delay(20)
    listed = await millrace('parked', 'list', app.config.applicationId, '--bootstrap-server', cluster.bootstrapServers)
  }
  t.match(listed.lines, new RegExp(`ask +\\d +${settings.source}:\\d:\\d +CALL_FAILED +2 +20`))
  t.notMatch(listed.lines.replaceAll(cluster.prefix, ''), /bad|ada/)

  t.equal(await app.dropParked(eve!, 'head'), 1)
  await until(['good 3', 'good 5'])
  t.equal(await app.dropParked(eve!), 0, 'it is not parked any more')
  rmSync(settings.down)
  t.equal(await app.releaseParked(ada!), true)
  await until(['bad 1', 'good 2', 'good 3', 'good 5'])
  t.same(await app.parkedKeys(), [])
  t.equal(await app.releaseParked(ada!), false)
})
