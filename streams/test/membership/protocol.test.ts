import t from 'tap'
import fc from '../../../state-stores/test/seeded.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../../membership/protocol.ts'
import type { Subscription, SubtopologyDescription } from '../../membership/types.ts'

const description: SubtopologyDescription = { name: 'orders', fingerprint: 'abc', inputs: [{ topic: 'orders', partitions: 4 }, { topic: 'app-by-tenant-repartition', partitions: 2 }], changelogs: ['app-totals-changelog'], tasks: 4, weight: 2 }
const subscription: Subscription = {
  processId: 'p1',
  thread: 3,
  subtopologies: [description],
  owned: [
    { subtopology: 'orders', fingerprint: 'abc', partition: 1, generation: 7, size: 4096 },
    { subtopology: 'gone', fingerprint: 'old', partition: 0, generation: 6 },
  ],
  released: [{ subtopology: 'orders', fingerprint: 'abc', partition: 2 }],
  copies: [
    { subtopology: 'orders', partition: 3, lag: 1024, open: true, size: 2048 },
    { subtopology: 'orders', partition: 0, lag: 0, open: false },
  ],
  endpoint: { host: '127.0.0.1', port: 4711, machine: 'here' },
  transactionalId: 'app-p1-3-0123',
  feeds: true,
  tags: { zone: 'a' },
}

t.test('a subscription comes back, lags rounded up to powers of two', async (t) => {
  t.same(decodeSubscription(encodeSubscription(subscription, ['orders'])), subscription)
  const odd = { ...subscription, copies: [{ subtopology: 'orders', partition: 3, lag: 1000, open: false }] }
  t.same(decodeSubscription(encodeSubscription(odd, ['orders'])).copies, [{ subtopology: 'orders', partition: 3, lag: 1024, open: false }])
  const leaving = { ...subscription, leaving: true }
  t.same(decodeSubscription(encodeSubscription(leaving, ['orders'])), leaving)
  const stopping = { ...subscription, stop: 'PROCESSING_FAILED' }
  t.same(decodeSubscription(encodeSubscription(stopping, ['orders'])), stopping)
  const hostile = { ...subscription, stop: 'no code,\u001b[2J at all' }
  t.equal(decodeSubscription(encodeSubscription(hostile, ['orders'])).stop, 'UNKNOWN', 'it is shown to people')
  const { endpoint, transactionalId, feeds, tags, ...plain } = subscription
  t.same(decodeSubscription(encodeSubscription(plain, ['orders'])), plain, 'as earlier builds write it')
})

t.test('the broker and other tools read the topics and the partitions in it', async (t) => {
  const bytes = Buffer.from(encodeSubscription(subscription, ['orders', 'app-by-tenant-repartition']))
  t.equal(bytes.readInt16BE(0), 1, 'version of the consumer protocol')
  t.equal(bytes.readInt32BE(2), 2)
  t.equal(bytes.toString('utf8', 8, 8 + bytes.readInt16BE(6)), 'orders')
  const assignment = Buffer.from(encodeAssignment({ tasks: [{ subtopology: 'orders', fingerprint: 'abc', partition: 3 }] }, new Map([['orders@abc', description]])))
  t.equal(assignment.readInt32BE(2), 1, 'the repartition topic has no partition 3')
  t.equal(assignment.toString('utf8', 8, 14), 'orders')
  t.equal(assignment.readInt32BE(18), 3)
})

t.test('an assignment comes back; no bytes are no tasks', async (t) => {
  const tasks = [
    { subtopology: 'orders', fingerprint: 'abc', partition: 1 },
    { subtopology: 'orders', fingerprint: 'abc', partition: 3 },
    { subtopology: 'x', fingerprint: 'y', partition: 0 },
  ]
  t.same(decodeAssignment(encodeAssignment({ tasks }, new Map())).tasks, tasks)
  t.same(decodeAssignment(new Uint8Array(0)), { tasks: [] })
  const whole = {
    tasks: tasks.slice(0, 1),
    standbys: tasks.slice(1, 2),
    warmups: tasks.slice(2),
    watch: [{ processId: 'p2', endpoint: { host: 'h', port: 1 }, members: [{ memberId: 'm', transactionalId: 'x' }] }],
    awaited: 2,
    stop: 'PROCESSING_FAILED',
    follows: true,
  }
  t.same(decodeAssignment(encodeAssignment(whole, new Map())), whole)
})

t.test('user data of a later version, cut or foreign bytes are refused by name, never misread', async (t) => {
  const bytes = Buffer.from(encodeSubscription(subscription, ['orders']))
  const at = 2 + 4 + 2 + 'orders'.length + 4
  const later = Buffer.from(bytes)
  later[at] = 99
  t.throws(() => decodeSubscription(later), { code: 'RESPONSE_INVALID', message: /version 99/ })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
      try {
        decodeSubscription(junk)
      } catch (error) {
        if ((error as { code?: string }).code !== 'RESPONSE_INVALID') {
          throw error
        }
      }
    }),
  )
  for (let length = 0; length < bytes.length - 4; length++) {
    t.throws(() => decodeSubscription(bytes.subarray(0, length)), { code: 'RESPONSE_INVALID' }) 
  }
})

t.test('forty members with ten subtopologies each fit a group record with room to spare', async (t) => {
  const subtopologies = Array.from({ length: 10 }, (_, i) => ({ ...description, name: `subtopology-${i}`, fingerprint: `fingerprint-${i}` }))
  const owned = subtopologies.map(({ name, fingerprint }, i) => ({ subtopology: name, fingerprint, partition: i, generation: 12 }))
  const bytes = encodeSubscription({ ...subscription, subtopologies, owned, released: [] }, ['orders'])
  t.comment(`${bytes.length} bytes a member`)
  t.ok(bytes.length < 2_048)
})
