import t from 'tap'
import { setTimeout as delay } from 'node:timers/promises'
import { brokerCodeOf } from '../../kafka/kafka-error.ts'
import { cluster, committedOffset, join, joinAlone, newTopic, unique, until } from './kafka-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

t.test('79 carries the member id to use', async (t) => {
  const kafka = cluster(t)
  const request = {
    groupId: unique('group'),
    memberId: '',
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer' as const,
    protocols: [{ name: 'test', metadata: Buffer.from('me') }]
  }
  const error = await kafka
    .group()
    .join(request)
    .then(
      () => undefined,
      (e: { brokerCode: number; memberId: string }) => e
    )
  t.equal(error?.brokerCode, 79)
  t.match(error?.memberId, /^millrace-test-/)
  const joined = await kafka.group().join({ ...request, memberId: error!.memberId, reason: 'first time' })
  t.match(joined, { generationId: 1, protocolName: 'test', leader: error!.memberId, memberId: error!.memberId })
  t.same(joined.members.map(({ memberId, metadata }) => [memberId, Buffer.from(metadata).toString()]), [[error!.memberId, 'me']])
})

t.test('two members: rebalance, assignment, and a join that is held delays no heartbeat', async (t) => {
  const [one, two] = [cluster(t), cluster(t)]
  const groupId = unique('group')
  const first = await joinAlone(one, groupId)
  const group = one.group()
  await group.heartbeat(first)
  const held = join(two, groupId, '')
  await until(async () => (await group.heartbeat(first).then(() => 0, brokerCodeOf)) === 27, 'the first member hears of it')
  const client = two.group()
  const before = performance.now()
  await client.fetchOffsets(groupId, [{ topic: 'none', partition: 0 }])
  t.ok(performance.now() - before < 30_000, 'the second member is not blocked by its own join')
  const rejoined = await join(one, groupId, first.memberId)
  const joined = await held
  t.equal(joined.generationId, rejoined.generationId)
  const identities = [rejoined, joined].map(({ memberId, generationId }) => ({ groupId, memberId, generationId }))
  const leader = identities.find(({ memberId }) => memberId === rejoined.leader)!
  const follower = identities.find(({ memberId }) => memberId !== rejoined.leader)!
  const waiting = (follower.memberId === first.memberId ? one : two).group().sync(follower, 'test', [])
  const assignments = identities.map(({ memberId }) => ({ memberId, assignment: Buffer.from(`of ${memberId}`) }))
  const mine = await (leader.memberId === first.memberId ? one : two).group().sync(leader, 'test', assignments)
  t.equal(Buffer.from(mine).toString(), `of ${leader.memberId}`)
  t.equal(Buffer.from(await waiting).toString(), `of ${follower.memberId}`)

  // Anybody may leave for a member that is gone; the survivor hears of it at its next heartbeat.
  await cluster(t).group().leave(groupId, [follower.memberId], 'its process died')
  const survivor = (leader.memberId === first.memberId ? one : two).group()
  await until(async () => (await survivor.heartbeat(leader).then(() => 0, brokerCodeOf)) === 27, 'the survivor hears of it')
  await t.rejects(survivor.heartbeat(follower), { code: 'MEMBERSHIP_LOST', message: /UNKNOWN_MEMBER_ID/ })
  await survivor.leave(groupId, [follower.memberId])
  await survivor.leave(unique('no-such-group'), ['nobody'])
})

t.test('offsets outside of transactions', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka, 2)
  const identity = await joinAlone(kafka, unique('group'))
  const group = kafka.group()
  await group.commitOffsets(identity, [
    { topic, partition: 0, offset: 7, metadata: 'état' },
    { topic, partition: 1, offset: 0, metadata: '' }
  ])
  const offsets = await group.fetchOffsets(identity.groupId, [
    { topic, partition: 0 },
    { topic, partition: 1 },
    { topic, partition: 5 }
  ])
  t.same(
    offsets.map(({ partition, offset, metadata }) => [partition, offset, metadata]),
    [
      [0, 7, 'état'],
      [1, 0, ''],
      [5, -1, '']
    ]
  )
  await t.rejects(group.commitOffsets({ ...identity, generationId: 9 }, [{ topic, partition: 0, offset: 8, metadata: '' }]), { code: 'MEMBERSHIP_LOST' })
  t.equal(await committedOffset(kafka, identity.groupId, { topic, partition: 0 }), 7)
})

/** More than any other request takes on a busy machine. */
const REQUEST_TIMEOUT_MS = 4_000

t.test('a join waits longer than a request may take', async (t) => {
  const kafka = cluster(t, { requestTimeoutMs: REQUEST_TIMEOUT_MS })
  const groupId = unique('group')
  const first = await joinAlone(kafka, groupId)
  const held = join(cluster(t, { requestTimeoutMs: REQUEST_TIMEOUT_MS }), groupId, '')
  await until(async () => (await kafka.group().heartbeat(first).then(() => 0, brokerCodeOf)) === 27, 'the rebalance has begun')
  // The broker holds the join until the first member comes back: longer than the request time-out.
  await delay(1.25 * REQUEST_TIMEOUT_MS)
  await join(kafka, groupId, first.memberId)
  t.equal((await held).generationId, 2)
})
