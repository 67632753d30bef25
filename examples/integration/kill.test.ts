/** 07-exactly-once: killed with SIGKILL in the middle of the work, again and again; the outputs are those of an undisturbed run. */
import t from 'tap'
import { long, TestCluster } from '../../streams/test/integration/streams-support.ts'
import { ExampleProcess } from './process.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(240_000)

const KILLS = 3
const DEPOSITS = 4_000
const ACCOUNTS = 20

t.test('every total is written once, in order, through three kills', async (t) => {
  const cluster = new TestCluster()
  await cluster.connect()
  t.teardown(() => cluster.close())
  const admin = cluster.ours.admin()
  const topics = ['deposits', 'account-totals']
  await admin.deleteTopics(topics)
  await admin.createTopics(topics.map((name) => ({ name, partitions: 2, replicationFactor: 1, config: {} })))
  t.teardown(() => admin.deleteTopics(topics))

  const env = { KAFKA: cluster.bootstrapServers, APPLICATION_ID: cluster.name('ledger'), STATE_DIR: cluster.folder() }
  const amount = (i: number): Buffer => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(BigInt((i * 7919) % 1000))
    return bytes
  }
  const written = async () => (await cluster.committed('account-totals')).length
  let sent = 0
  for (let round = 0; round <= KILLS; round++) {
    const app = new ExampleProcess('07-exactly-once', env)
    t.teardown(() => app.stop())
    await app.running()
    const before = await written()
    for (let batch = 0; batch < 10; batch++) {
      const messages = Array.from({ length: DEPOSITS / 10 }, () => ({ key: `account-${sent % ACCOUNTS}`, value: amount(sent++) }))
      await cluster.producer.send({ topic: 'deposits', messages })
    }
    if (round < KILLS) {
      while ((await written()) === before) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await app.kill()
    } else {
      await cluster.consumed(env.APPLICATION_ID, 'deposits')
      t.equal(await app.stop(), 0, app.output)
    }
  }

  const expected = new Map<string, number[]>()
  for (let i = 0; i < sent; i++) {
    const totals = expected.get(`account-${i % ACCOUNTS}`) ?? []
    totals.push((totals.at(-1) ?? 0) + ((i * 7919) % 1000))
    expected.set(`account-${i % ACCOUNTS}`, totals)
  }
  const found = Map.groupBy(await cluster.committed('account-totals'), ({ key }) => key!.toString())
  t.equal(sent, (KILLS + 1) * DEPOSITS)
  t.same([...found.keys()].sort(), [...expected.keys()].sort())
  for (const [account, totals] of expected) {
    t.same(found.get(account)?.map(({ value }) => long(value)), totals, account)
  }
})
