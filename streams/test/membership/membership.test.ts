import t from 'tap'
import type { GroupClient, GroupIdentity, JoinRequest, JoinResponse } from '../../kafka/contract.ts'
import { KafkaError } from '../../kafka/kafka-error.ts'
import { Membership, type MembershipOptions } from '../../membership/membership.ts'
import { decodeSubscription, encodeAssignment } from '../../membership/protocol.ts'
import type { TaskVersion } from '../../membership/types.ts'

const DESCRIPTION = { name: 's', fingerprint: 'f', inputs: [{ topic: 'in', partitions: 2 }], changelogs: [], tasks: 2, weight: 1 }
const T0: TaskVersion = { subtopology: 's', fingerprint: 'f', partition: 0 }
const T1: TaskVersion = { subtopology: 's', fingerprint: 'f', partition: 1 }

/** A coordinator that answers when the test says so. */
class ScriptedGroup implements GroupClient {
  readonly calls: string[] = []
  readonly joins: { request: JoinRequest; answer: PromiseWithResolvers<JoinResponse> }[] = []
  readonly syncs: { identity: GroupIdentity; answer: PromiseWithResolvers<Uint8Array> }[] = []
  heartbeatAnswer: () => Promise<void> = async () => undefined
  #waiters: (() => void)[] = []

  #note(call: string): void {
    this.calls.push(call)
    for (const wake of this.#waiters.splice(0)) {
      wake()
    }
  }

  async called(call: string, times = 1): Promise<void> {
    while (this.calls.filter((each) => each === call).length < times) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  join(request: JoinRequest): Promise<JoinResponse> {
    const answer = Promise.withResolvers<JoinResponse>()
    this.joins.push({ request, answer })
    this.#note('join')
    return answer.promise
  }

  sync(identity: GroupIdentity): Promise<Uint8Array> {
    const answer = Promise.withResolvers<Uint8Array>()
    this.syncs.push({ identity, answer })
    this.#note('sync')
    return answer.promise
  }

  heartbeat(): Promise<void> {
    this.#note('heartbeat')
    return this.heartbeatAnswer()
  }

  async leave(_group: string, members: readonly string[]): Promise<void> {
    this.#note(`leave ${members.join(' ')}`)
  }

  async fetchOffsets(): Promise<never[]> {
    return []
  }

  async commitOffsets(): Promise<void> {}
}

function member(overrides: Partial<MembershipOptions> = {}) {
  const group = new ScriptedGroup()
  const events: string[] = []
  const names = (tasks: readonly TaskVersion[]) => tasks.map((task) => task.partition).join('')
  const membership = new Membership({
    group,
    groupId: 'g',
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 5,
    topics: () => ['in'],
    subscription: () => ({ processId: 'p', thread: 0, subtopologies: [DESCRIPTION], copies: [] }),
    onMemberId: async (id) => void events.push(`id ${id}`),
    onAssigned: (added, revoked) => void events.push(`+${names(added)} -${names(revoked)}`),
    onLost: (code) => void events.push(`lost ${code}`),
    onFailed: (error) => void events.push(`failed ${error.message}`),
    ...overrides,
  })
  const answerJoin = (generationId: number) => group.joins.at(-1)!.answer.resolve({ generationId, protocolName: 'millrace', leader: 'other', memberId: 'm', members: [] })
  const answerSync = (...tasks: TaskVersion[]) => group.syncs.at(-1)!.answer.resolve(encodeAssignment({ tasks }, new Map()))
  return { group, membership, events, answerJoin, answerSync }
}

async function stable(tasks: TaskVersion[], overrides: Partial<MembershipOptions> = {}) {
  const made = member(overrides)
  made.membership.start()
  await made.group.called('join')
  made.group.joins[0]!.answer.reject(new KafkaError(79, 'JoinGroup', { memberId: 'm' }))
  await made.group.called('join', 2)
  made.answerJoin(1)
  await made.group.called('sync')
  made.answerSync(...tasks)
  await made.group.called('heartbeat')
  return made
}

t.test('the member id is recorded before it is used (B7)', async (t) => {
  const recorded = Promise.withResolvers<void>()
  const { group, membership, events } = member({
    onMemberId: async (id) => {
      events.push(`id ${id}`)
      await recorded.promise
    },
  })
  membership.start()
  await group.called('join')
  group.joins[0]!.answer.reject(new KafkaError(79, 'JoinGroup', { memberId: 'm' }))
  await new Promise((resolve) => setImmediate(resolve))
  t.same(events, ['id m'])
  t.equal(group.joins.length, 1)
  recorded.resolve()
  await group.called('join', 2)
  t.equal(group.joins[1]!.request.memberId, 'm')
  await membership.leave()
})

t.test('a rebalance is joined at once, with claims; what is taken away is released before the next join', async (t) => {
  const { group, membership, events, answerJoin, answerSync } = await stable([T0, T1])
  group.heartbeatAnswer = () => Promise.reject(new KafkaError(27, 'Heartbeat'))
  await group.called('join', 3)
  group.heartbeatAnswer = async () => undefined
  const claims = decodeSubscription(group.joins[2]!.request.protocols[0]!.metadata).owned
  t.same(claims, [{ ...T0, generation: 1 }, { ...T1, generation: 1 }])
  t.equal(membership.identity!.generationId, 1, 'commits go on under the old generation')
  answerJoin(2)
  await group.called('sync', 2)
  t.equal(membership.identity!.generationId, 2, 'and under the new one before SyncGroup')
  answerSync(T0)
  while (events.at(-1) !== '+ -1') {
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(group.joins.length, 3)
  membership.released()
  await group.called('join', 4)
  const after = decodeSubscription(group.joins[3]!.request.protocols[0]!.metadata)
  t.same(after.owned, [{ ...T0, generation: 2 }])
  t.same(after.released, [T1])
  await membership.leave()
  t.ok(group.calls.includes('leave m'))
})

t.test('while another round is known to follow the group is asked often, not at the next interval', async (t) => {
  const { group, membership, answerJoin } = member({ heartbeatIntervalMs: 3_600_000 })
  membership.start()
  await group.called('join')
  answerJoin(1)
  await group.called('sync')
  group.syncs[0]!.answer.resolve(encodeAssignment({ tasks: [T0], awaited: 3, follows: true }, new Map()))
  await group.called('heartbeat', 2)
  t.equal(membership.awaited, 3)
  group.heartbeatAnswer = () => Promise.reject(new KafkaError(27, 'Heartbeat'))
  await group.called('join', 2)
  await membership.leave()
})

t.test('22 of a commit during our own rejoin waits for its answer (C1)', async (t) => {
  const { group, membership, answerJoin, answerSync } = await stable([T0])
  group.heartbeatAnswer = () => Promise.reject(new KafkaError(27, 'Heartbeat'))
  await group.called('join', 3)
  group.heartbeatAnswer = async () => undefined
  const used = { groupId: 'g', memberId: 'm', generationId: 1 }
  const next = membership.identityAfterRefusal(used, 22, new Error('22'))
  answerJoin(2)
  t.same(await next, { ...used, generationId: 2 })
  t.same(await membership.identityAfterRefusal(used, 22, new Error('22')), { ...used, generationId: 2 }, 'a commit that was late for the old generation goes again')
  await group.called('sync', 2)
  answerSync(T0)
  await group.called('heartbeat', 2)
  await membership.leave()
})

t.test('22 otherwise, and 25, mean that the membership is lost', async (t) => {
  for (const code of [22, 25]) {
    const { membership, events, group } = await stable([T0])
    const used = membership.identity!
    t.equal(await membership.identityAfterRefusal(used, code, new Error('refused')), undefined)
    t.same(events.slice(-1), [`lost ${code}`])
    t.equal(membership.identity, undefined)
    t.equal(group.joins.length, 2, 'it does not join before everything is dropped')
    membership.dropped()
    await group.called('join', 3)
    t.equal(group.joins[2]!.request.memberId, '')
    t.same(decodeSubscription(group.joins[2]!.request.protocols[0]!.metadata).owned, [], 'and claims nothing (A12)')
    await membership.leave()
  }
})

t.test('answers to an earlier generation mean nothing any more', async (t) => {
  const { group, membership, events, answerJoin, answerSync } = await stable([T0])
  const late = Promise.withResolvers<void>()
  group.heartbeatAnswer = () => late.promise
  await group.called('heartbeat', group.calls.filter((call) => call === 'heartbeat').length + 1)
  membership.rejoin()
  await group.called('join', 3)
  group.heartbeatAnswer = async () => undefined
  answerJoin(2)
  await group.called('sync', 2)
  answerSync(T0)
  late.reject(new KafkaError(22, 'Heartbeat'))
  await new Promise((resolve) => setImmediate(resolve))
  t.notOk(events.some((event) => event.startsWith('lost')))
  t.equal(membership.state.name, 'stable')
  await membership.leave()
})

t.test('no coordinator for a while: asked again; no rights: failed', async (t) => {
  const { group, membership, events, answerJoin } = member()
  membership.start()
  await group.called('join')
  group.joins[0]!.answer.reject(new KafkaError(16, 'JoinGroup'))
  await group.called('join', 2)
  answerJoin(1)
  await group.called('sync')
  group.syncs[0]!.answer.reject(new KafkaError(30, 'SyncGroup'))
  while (events.length === 0 || !events.at(-1)!.startsWith('failed')) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.match(events.at(-1), /GROUP_AUTHORIZATION_FAILED/)
  t.equal(membership.state.name, 'fatal')
})

t.test('27 of a commit that arrives when tasks are to be released already is about the round that has ended: it goes again', async (t) => {
  const { group, membership, answerJoin, answerSync } = await stable([T0, T1])
  group.heartbeatAnswer = () => Promise.reject(new KafkaError(27, 'Heartbeat'))
  await group.called('join', 3)
  group.heartbeatAnswer = async () => undefined
  answerJoin(2)
  await group.called('sync', 2)
  const used = membership.identity!
  answerSync(T0)
  while (membership.state.name === 'syncing') {
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(membership.state.name, 'revoking')
  t.same(await membership.identityAfterRefusal(used, 27, new Error('27')), used)
  await membership.leave()
})
