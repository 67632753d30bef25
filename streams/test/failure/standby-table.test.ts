/** A standby of a table whose source topic is its changelog (rule D5): it follows what was processed, and takes over with it. */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'

t.setTimeout(300_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const ROWS = 8_000

async function until(child: Child, tasks: number, copies: number): Promise<void> {
  for (;;) {
    const now = await child.asked()
    if (now.tasks!.length === tasks && now.copies!.length === copies) {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

t.test('the process of the active tasks is killed: the other joins with every row, and has not read them again', async (t) => {
  const rows = await cluster.topic('rows', 2, { 'cleanup.policy': 'compact' })
  const orders = await cluster.topic('orders', 2)
  const joined = await cluster.topic('joined', 2)
  const applicationId = cluster.name('table')
  const start = () =>
    new Child({
      topology: './table-topology.ts',
      settings: { rows, orders, joined },
      applicationId,
      stateDir: cluster.folder(),
      bootstrapServers: cluster.bootstrapServers,
      sessionTimeoutMs: 120_000,
      replicationFactor: 1,
      standbyReplicas: 1,
      acceptableRecoveryLag: 100,
    })
  const a = start()
  await a.running()
  const b = start()
  await Promise.all([until(a, 1, 1), until(b, 1, 1)])
  const keys = Array.from({ length: ROWS }, (_, i) => `key-${i}`)
  await cluster.send(rows, keys.map((key) => ({ key, value: `row ${key}` })))
  await cluster.consumed(applicationId, rows)
  await cluster.send(orders, keys.slice(0, 100).map((key) => ({ key, value: 'first' })))
  await cluster.consumed(applicationId, orders)
  // The copy has half of the rows, and hears of commits once a second: nearly all of them are enough.
  while ((await a.asked()).fed! < ROWS * 0.4) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await b.kill()
  await until(a, 2, 0)
  await cluster.send(orders, keys.map((key) => ({ key, value: 'second' })))
  await cluster.consumed(applicationId, orders)
  const { counters } = await a.stop()
  t.ok(counters![0]!['recordsRestored']! < ROWS / 4, `${counters![0]!['recordsRestored']} rows were read again`)
  const results = (await cluster.committed(joined)).map(({ value }) => value!.toString())
  t.same(results.filter((value) => value.startsWith('second')).sort(), keys.map((key) => `second of row ${key}`).sort(), 'each order found its row')
  t.same(results.filter((value) => value.startsWith('first')).sort(), keys.slice(0, 100).map((key) => `first of row ${key}`).sort())
})
