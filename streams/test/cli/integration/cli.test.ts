/** The commands against a broker and a running application. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { KafkaStreams, Serdes, type StreamsBuilder } from '../../../index.ts'
import { long, TestCluster } from '../../integration/streams-support.ts'
import { millrace as run } from '../run.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

const cluster = new TestCluster()
await cluster.connect()
t.teardown(() => cluster.close())

const applicationId = cluster.name('shop')
const orders = await cluster.topic('orders', 2)
const letters = await cluster.topic('letters', 2)
const counts = await cluster.topic('counts', 2)
const stateDir = cluster.folder()
/** A service that is down for a while: what it refuses becomes dead letters. */
let down = true

function topology(b: StreamsBuilder): void {
  b.stream(orders, { key: Serdes.string(), value: Serdes.string(), retryTopic: true })
    .mapValues(
      (value) => {
        if (down && value.startsWith('bad')) {
          throw Object.assign(new Error(`refused ${value}`), { code: 'SERVICE_DOWN' })
        }
        return value
      },
      { name: 'check', value: Serdes.string() },
    )
    .groupByKey()
    .count({ name: 'orders-per-customer' })
    .toStream()
    .to(counts, { value: Serdes.long() })
}

async function application(): Promise<KafkaStreams> {
  const app = new KafkaStreams({
    topology, applicationId, bootstrapServers: cluster.bootstrapServers, stateDir, threads: 'in-process', sessionTimeoutMs: 60_000,
    errors: { processing: 'dead-letter' }, deadLetterTopic: letters,
  })
  await app.start()
  return app
}

const millrace = (...words: string[]) => run(...words, '--bootstrap-server', cluster.bootstrapServers)

/** The last count of each key once `topic` is processed to its end. */
async function finalCounts(topic = orders): Promise<{ [key: string]: number }> {
  await cluster.consumed(applicationId, topic)
  const rows = (await cluster.committed(counts)).map(({ key, value }) => [key!.toString(), long(value)] as const)
  return Object.fromEntries(rows) as { [key: string]: number }
}

/** A letter is in the topic once its transaction has ended; markers may be a moment behind the offsets. */
async function listed(count: number): Promise<string> {
  for (;;) {
    const { lines } = await millrace('dead-letters', 'list', letters, '--application', applicationId)
    if (lines.split('\n').length - 1 >= count) {
      return lines
    }
    await delay(50)
  }
}

let app = await application()
t.teardown(() => app.close())

t.test('groups shows the application, its members and its lag', async (t) => {
  await cluster.send(orders, [{ key: 'ada', value: 'good 1' }, { key: 'ada', value: 'bad secret-1' }, { key: 'bob', value: 'bad secret-2' }, { key: 'bob', value: 'good 2' }, { key: 'eve', value: 'bad secret-3' }])
  t.same(await finalCounts(), { ada: 1, bob: 1 })
  const all = await millrace('groups')
  t.equal(all.code, 0)
  t.match(all.lines, new RegExp(`^${applicationId} +Stable +1 +millrace$`, 'm'))
  const one = await millrace('groups', applicationId)
  t.match(one.lines, /Stable, 1 member\n/)
  t.match(one.lines, new RegExp(`${orders}_0 ${orders}_1`), 'its tasks')
  t.match(one.lines, /total lag: 0/)
  t.match(one.lines, new RegExp(`^${applicationId}-${orders}-retry +\\d `, 'm'))
  const json = JSON.parse((await millrace('groups', applicationId, '--format', 'json')).lines) as { topic: string; lag: number }[]
  // A task that has had no record yet may have committed nothing.
  t.same([...new Set(json.filter(({ topic }) => topic === orders).map(({ lag }) => lag))], [0])
  t.match(await millrace('groups', cluster.name('nobody')), { code: 1, lines: '', remarks: /there is no group/ })
})

t.test('a running application is not reset', async (t) => {
  const { code, remarks } = await millrace('reset', applicationId)
  t.equal(code, 1)
  t.match(remarks, /GROUP_ACTIVE: The group .* is Stable with 1 members/)
})

t.test('dead letters are listed and shown without their content', async (t) => {
  const list = await listed(3)
  t.equal(list.split('\n').length - 1, 3)
  t.match(list, new RegExp(`${orders}:\\d:\\d+ +check +PROCESSING_FAILED +SERVICE_DOWN`))
  t.notMatch(list.replaceAll(cluster.prefix, ''), /secret|ada|bob/)
  const filtered = await millrace('dead-letters', 'list', letters, '--operator', 'other')
  t.equal(filtered.lines, 'no dead letters')
  const [id] = list.split('\n')[1]!.split(' ')
  const hidden = await millrace('dead-letters', 'show', letters, id!)
  t.equal(hidden.code, 0)
  t.match(hidden.lines, /header +__streams.errors.topic = /)
  t.match(hidden.lines, /value +\d+ bytes/)
  t.notMatch(hidden.lines, /secret/)
  t.match((await millrace('dead-letters', 'show', letters, id!, '--values')).lines, /value +bad secret-\d/)
  t.match(await millrace('dead-letters', 'show', letters, '1:999'), { code: 1, remarks: /OFFSET_OUT_OF_RANGE/ })
})

t.test('a replay sends each letter to the retry topic once', async (t) => {
  down = false
  const replay = (...words: string[]) => millrace('dead-letters', 'replay', letters, '--application', applicationId, ...words)
  t.match(await replay('--dry-run'), { code: 0, lines: /would be sent to .*-retry: 3/ })
  const [id] = (await listed(3)).split('\n')[2]!.split(' ')
  t.match(await replay('--letter', id!), { code: 0, lines: /^sent to .*-retry: 1$/ }, 'one from the middle')
  t.match(await replay(), { code: 0, lines: /^sent to .*-retry: 2\nreplayed before: 1$/ })
  t.match(await replay(), { code: 0, lines: /^nothing to replay\nreplayed before: 3$/ })
  t.same(await finalCounts(`${applicationId}-${orders}-retry`), { ada: 2, bob: 2, eve: 1 })
  t.notMatch(await listed(3), / -$/m, 'all are marked as replayed')

  down = true
  await cluster.send(orders, [{ key: 'eve', value: 'bad secret-4' }])
  await listed(4)
  down = false
  t.match(await replay('--to', 'source'), { code: 0, lines: new RegExp(`^sent to ${orders}: 1\nreplayed before: 3$`) })
  t.same(await finalCounts(), { ada: 2, bob: 2, eve: 2 })
  const headers = await cluster.headers(`${applicationId}-${orders}-retry`)
  t.match(headers.get('__millrace.replayed-from'), new RegExp(`^${letters}/\\d/\\d+$`))
  t.equal(headers.get('__streams.errors.code'), undefined)
})

t.test('replays of sources without a retry topic, and two at once, are refused', async (t) => {
  const elsewhere = await millrace('dead-letters', 'replay', letters, '--application', cluster.name('other'))
  t.match(elsewhere, { code: 1, remarks: /REPLAY_REFUSED: There is no topic .*-retry.*retryTopic: true/ })
  const group = cluster.ours.group()
  const request = { groupId: `${applicationId}-dead-letter-replay`, memberId: '', sessionTimeoutMs: 120_000, rebalanceTimeoutMs: 10_000, protocolType: 'consumer' as const, protocols: [{ name: 'x', metadata: Buffer.alloc(0) }] }
  const memberId = await group.join(request).catch((error: { memberId: string }) => error.memberId) as string
  await group.join({ ...request, memberId })
  t.match(await millrace('dead-letters', 'replay', letters, '--application', applicationId), { code: 1, remarks: /REPLAY_REFUSED: Another replay is under way/ })
  await group.leave(request.groupId, [memberId])
})

t.test('a stopped application is reset: offsets, internal topics and local state', async (t) => {
  await app.close()
  const dry = await millrace('reset', applicationId, '--state-dir', stateDir, '--dry-run')
  t.equal(dry.code, 0)
  t.match(dry.lines, new RegExp(`^${orders} +0 +0$`, 'm'))
  t.match(dry.lines, new RegExp(`would be deleted: ${applicationId}-orders-per-customer-changelog`))
  t.match(dry.lines, /would delete the state of \d tasks/)
  t.ok((await cluster.ours.admin().listTopics()).includes(`${applicationId}-orders-per-customer-changelog`), 'nothing has happened')
  t.match(await millrace('reset', applicationId, '--input-topics', 'no-such-topic'), { code: 1, remarks: /SOURCE_TOPIC_MISSING/ })

  const reset = await millrace('reset', applicationId, '--state-dir', stateDir)
  t.equal(reset.code, 0, reset.remarks)
  t.match(reset.lines, /deleted the state of \d tasks[\s\S]*done$/)
  t.notOk((await cluster.ours.admin().listTopics()).includes(`${applicationId}-orders-per-customer-changelog`))
  app = await application()
  t.same(await finalCounts(), { ada: 2, bob: 2, eve: 3 }, 'counted anew from the beginning: the records of orders, nothing of the retry topic')
})

t.test('to a time, and members of dead instances by force', async (t) => {
  await app.close()
  const start = new Date(Date.now() + 3_600_000).toISOString()
  const { lines } = await millrace('reset', applicationId, '--to-datetime', start, '--dry-run')
  const ends = await cluster.ours.listOffsets([0, 1].map((partition) => ({ topic: orders, partition })), 'latest', 'read_committed')
  t.match(lines, new RegExp(`^${orders} +1 +${ends.get(`${orders}-1`)}$`, 'm'), 'nothing is that young: the end')
  const before = (await cluster.ours.admin().groupOffsets(applicationId)).find(({ topic, partition }) => topic === orders && partition === 1)!
  t.match((await millrace('reset', applicationId, '--shift-by=-1', '--dry-run')).lines, new RegExp(`^${orders} +1 +${before.offset - 1}$`, 'm'), 'one back from what is committed')
  t.match((await millrace('reset', applicationId, '--shift-by', '1000', '--dry-run')).lines, new RegExp(`^${orders} +1 +${ends.get(`${orders}-1`)}$`, 'm'), 'not beyond the end')
  t.match((await millrace('reset', applicationId, '--by-duration', '1d', '--dry-run')).lines, new RegExp(`^${orders} +1 +0$`, 'm'), 'everything is younger')
  const group = cluster.ours.group()
  const request = { groupId: applicationId, memberId: '', sessionTimeoutMs: 120_000, rebalanceTimeoutMs: 10_000, protocolType: 'consumer' as const, protocols: [{ name: 'x', metadata: Buffer.alloc(0) }] }
  const memberId = await group.join(request).catch((error: { memberId: string }) => error.memberId) as string
  await group.join({ ...request, memberId })
  t.match(await millrace('reset', applicationId), { code: 1, remarks: /GROUP_ACTIVE/ })
  t.match(await millrace('reset', applicationId, '--force', '--to-latest'), { code: 0, lines: /done$/ })
  t.equal((await cluster.ours.admin().groupOffsets(applicationId)).find(({ topic, partition }) => topic === orders && partition === 0)?.offset, ends.get(`${orders}-0`))
})
