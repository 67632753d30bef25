// Servers are killed under load and started again: a Connect worker, the broker, the registry, the databases. Nobody
// restarts the topology. Afterwards everything is as if nothing had happened.
import t from 'tap'
import { SEED } from '../../state-stores/test/seeded.ts'
import { kill, type ServerName, type StackAddresses, up } from '../../stack/index.ts'
import { stackAddresses } from '../pipeline/bench.ts'
import { leaks } from '../pipeline/leaks.ts'
import { Workload } from '../pipeline/workload.ts'

/** Lifecycle events between one step of a scenario and the next: about six documents. */
const SOME_EVENTS = 40

t.setTimeout(900_000)
const addresses = stackAddresses()
const { folder } = addresses
const workload = await Workload.open({ seed: SEED, count: 200 })
const { disturbed } = workload
t.teardown(async () => {
  await up({ folder, ports: 'any' })
  await workload.close()
})

async function someEvents(what: string): Promise<void> {
  const target = disturbed.events + SOME_EVENTS
  await disturbed.progress(what, () => disturbed.events >= target || workload.left === 0)
}

/** @returns where everything answers afterwards */
async function restart(servers: readonly ServerName[]): Promise<StackAddresses> {
  const load = workload.load()
  await someEvents('documents before the kill')
  await Promise.all(servers.map((server) => kill(server, { folder })))
  if (!servers.includes('kafka')) {
    await someEvents('documents without it')
  }
  const now = await up({ folder, ports: 'any' })
  await someEvents('documents after it is back')
  await load.stop()
  return now
}

t.test('an undisturbed run', async (t) => {
  const expected = await workload.undisturbedRun()
  t.ok(expected.size > workload.documents.length, `${expected.size} entries to compare`)
})

for (const servers of [['connect'], ['registry'], ['kafka'], ['postgresql', 'cassandra']] as const satisfies readonly (readonly ServerName[])[]) {
  t.test(`${servers.join(', ')} killed under load`, async (t) => {
    const instance = workload.left === workload.more.length ? await workload.begin() : await disturbed.start()
    await instance.ready()
    t.same(await restart(servers), addresses, 'it answers where it did')
    t.notOk(instance.ended, 'nobody restarted the process')
    t.same(await workload.finish(instance), [])
  })
}

t.test('what was seen while servers came and went is known', async (t) => {
  const instance = await disturbed.start()
  await instance.ready()
  await workload.sendRest()
  await disturbed.allEnded()
  await disturbed.send(workload.last)
  t.same(await workload.finish(instance), [])
})

t.test('no log says what a document says', async (t) => {
  const logs = disturbed.logs()
  t.equal(logs.length, 2)
  t.same(leaks(logs, workload.documents), [])
})
