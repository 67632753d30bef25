import t from 'tap'
import fc from '../../../state-stores/test/seeded.ts'
import type { MembershipEvent, MembershipState } from '../../membership/state-machine.ts'
import { identityOf, transition, UNJOINED } from '../../membership/state-machine.ts'
import type { TaskVersion } from '../../membership/types.ts'

const T0: TaskVersion = { subtopology: 's', fingerprint: 'f', partition: 0 }
const T1: TaskVersion = { subtopology: 's', fingerprint: 'f', partition: 1 }
const error = new Error('refused')
const refused = (call: 'join' | 'sync' | 'heartbeat' | 'commit', code: number): MembershipEvent => ({ type: 'refused', call, code, error })

function after(...events: MembershipEvent[]) {
  let state: MembershipState = UNJOINED
  let actions: ReturnType<typeof transition>['actions'] = []
  for (const event of events) {
    ;({ state, actions } = transition(state, event))
  }
  return { state, actions }
}

const JOIN: MembershipEvent[] = [{ type: 'join' }, { type: 'member-id', memberId: 'm' }, { type: 'joined', identity: { memberId: 'm', generation: 1 } }]
const STABLE: MembershipEvent[] = [...JOIN, { type: 'synced', tasks: [T0, T1] }]

t.test('joins with the id the coordinator gives, then syncs, then is stable', async (t) => {
  t.match(after({ type: 'join' }), { state: { name: 'joining' }, actions: [{ type: 'send-join', identity: { memberId: '', generation: -1 } }] })
  t.match(after(...JOIN.slice(0, 2)), { state: { name: 'joining' }, actions: [{ type: 'send-join', identity: { memberId: 'm' } }] })
  t.match(after(...JOIN), { state: { name: 'syncing' }, actions: [{ type: 'send-sync' }] })
  t.match(after(...STABLE), { state: { name: 'stable', owned: [T0, T1] }, actions: [{ type: 'assigned', added: [T0, T1], revoked: [] }] })
})

t.test('a rebalance: rejoins at once and keeps what it has until it is taken away', async (t) => {
  const rejoining = [...STABLE, refused('heartbeat', 27)]
  t.match(after(...rejoining), { state: { name: 'joining', owned: [T0, T1], identity: { generation: 1 } } })
  const next: MembershipEvent[] = [...rejoining, { type: 'joined', identity: { memberId: 'm', generation: 2 } }]
  t.same(identityOf(after(...next).state), { memberId: 'm', generation: 2 }, 'commits carry the new generation before SyncGroup')
  t.match(after(...next, { type: 'synced', tasks: [T0, T1] }), { state: { name: 'stable' }, actions: [{ type: 'assigned', added: [], revoked: [] }] })
  const revoking: MembershipEvent[] = [...next, { type: 'synced', tasks: [T0] }]
  t.match(after(...revoking), { state: { name: 'revoking', owned: [T0], releasing: [T1] }, actions: [{ type: 'assigned', revoked: [T1] }] })
  t.match(after(...revoking, refused('heartbeat', 27)), { state: { name: 'revoking' }, actions: [] }, 'another round waits for the release (C2)')
  t.match(after(...revoking, { type: 'released' }), { state: { name: 'joining', owned: [T0] }, actions: [{ type: 'send-join', owned: [T0] }] })
})

t.test('what a code means depends on the moment (C1)', async (t) => {
  const joining = [...STABLE, refused('heartbeat', 27)]
  t.match(after(...joining, refused('commit', 22)), { state: { name: 'joining' } }, '22 of a commit during our own JoinGroup: wait')
  t.match(after(...joining, refused('heartbeat', 27)), { state: { name: 'joining' } })
  t.match(after(...STABLE, refused('commit', 22)), { state: { name: 'fenced' }, actions: [{ type: 'lost', code: 22 }] }, '22 otherwise: lost')
  t.match(after(...STABLE, refused('commit', 27)), { state: { name: 'joining' } }, 'a commit hears of the rebalance first')
  for (const code of [25, 82]) {
    for (const before of [STABLE, joining, JOIN]) {
      t.match(after(...before, refused('commit', code)), { state: { name: 'fenced' } })
    }
  }
  t.match(after(...JOIN, refused('sync', 27)), { state: { name: 'joining' } })
  t.match(after(...JOIN, refused('commit', 22)), { state: { name: 'syncing' } })
  t.match(after({ type: 'join' }, refused('join', 30)), { state: { name: 'fatal' }, actions: [{ type: 'fail' }] })
})

t.test('fenced: joins anew, as nobody and with nothing, once everything is dropped', async (t) => {
  const fenced = [...STABLE, refused('heartbeat', 25)]
  t.match(after(...fenced), { state: { name: 'fenced' }, actions: [{ type: 'lost' }] })
  t.match(after(...fenced, { type: 'joined', identity: { memberId: 'm', generation: 3 } }), { state: { name: 'fenced' } })
  t.match(after(...fenced, { type: 'dropped' }), { state: { name: 'joining', owned: [] }, actions: [{ type: 'send-join', identity: { memberId: '', generation: -1 }, owned: [] }] })
})

t.test('property: any order of events keeps the rules', async () => {
  const task = fc.integer({ min: 0, max: 3 }).map((partition) => ({ subtopology: 's', fingerprint: 'f', partition }))
  const event: fc.Arbitrary<MembershipEvent> = fc.oneof(
    fc.constant<MembershipEvent>({ type: 'join' }),
    fc.constant<MembershipEvent>({ type: 'member-id', memberId: 'm' }),
    fc.integer({ min: 1, max: 9 }).map((generation): MembershipEvent => ({ type: 'joined', identity: { memberId: 'm', generation } })),
    fc.uniqueArray(task, { selector: (each) => each.partition }).map((tasks): MembershipEvent => ({ type: 'synced', tasks })),
    fc.tuple(fc.constantFrom('join' as const, 'sync' as const, 'heartbeat' as const, 'commit' as const), fc.constantFrom(22, 25, 27, 30, 82)).map(([call, code]) => refused(call, code)),
    fc.constantFrom<MembershipEvent>({ type: 'released' }, { type: 'dropped' }, { type: 'rejoin' }, { type: 'leave' }, { type: 'heartbeat' }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      let state: MembershipState = UNJOINED
      let held = new Set<number>()
      let ended = false
      for (const next of events) {
        const before = state
        const result = transition(state, next)
        state = result.state
        for (const action of result.actions) {
          if (action.type === 'assigned') {
            for (const { partition } of action.added) {
              if (held.has(partition)) {
                throw new Error(`task ${partition} was given twice`)
              }
              held.add(partition)
            }
            for (const { partition } of action.revoked) {
              if (!held.has(partition)) {
                throw new Error(`task ${partition} was taken away but never given`)
              }
            }
            if (action.revoked.length > 0 && state.name !== 'revoking') {
              throw new Error('tasks were revoked without waiting for their release')
            }
          }
          if (action.type === 'lost') {
            held = new Set()
          }
          if (action.type === 'send-join' && before.name === 'revoking') {
            if (next.type !== 'released') {
              throw new Error('a rejoin did not wait for the release')
            }
            for (const { partition } of before.releasing) {
              held.delete(partition)
            }
          }
          if (action.type === 'send-join' && action.owned.some(({ partition }) => !held.has(partition))) {
            throw new Error('a claim on a task this member does not hold')
          }
        }
        if (ended && state.name !== before.name) {
          throw new Error(`${before.name} is not the end`)
        }
        ended = state.name === 'leaving' || state.name === 'fatal'
      }
    }),
    { numRuns: 3_000 },
  )
})
