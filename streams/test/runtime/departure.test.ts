import t from 'tap'
import type { MembershipState } from '../../membership/state-machine.ts'
import { Departure } from '../../runtime/departure.ts'

const identity = { memberId: 'm', generation: 1 }
const task = { subtopology: 's', fingerprint: 'f', partition: 0 }
const stable = (tasks = [task]): MembershipState => ({ name: 'stable', identity, owned: tasks })

/** A membership that the test puts into states, as the thread's does before it tells. */
function departing(state: MembershipState) {
  const membership = { state, awaited: 0, rejoins: 0, rejoin: () => void membership.rejoins++ }
  const departure = new Departure(membership)
  let done = false
  departure.done.then(() => (done = true))
  const becomes = async (next: MembershipState, awaited = 0) => {
    Object.assign(membership, { state: next, awaited })
    departure.look()
    await Promise.resolve()
    return done
  }
  return { membership, departure, becomes }
}

t.test('says so once, waits while others are not ready, and ends when nobody is waited for', async (t) => {
  const { membership, departure, becomes } = departing(stable())
  t.notOk(await becomes(stable()), 'the group has not heard of it')
  t.equal(membership.rejoins, 1)
  t.notOk(await becomes({ name: 'joining', identity, owned: [task] }))
  t.notOk(await becomes(stable(), 1), 'a copy is being made')
  t.notOk(await becomes({ name: 'revoking', identity, owned: [], releasing: [task] }))
  t.notOk(await becomes(stable([])), 'who took over is given the time to hear of it')
  await departure.done
  t.equal(membership.rejoins, 1)
})

t.test('a round under way is joined first; where nobody can take the tasks nothing is waited for', async (t) => {
  const { membership, becomes } = departing({ name: 'joining', identity, owned: [task] })
  t.notOk(await becomes({ name: 'syncing', identity, owned: [task] }))
  t.equal(membership.rejoins, 0)
  t.notOk(await becomes(stable()))
  t.equal(membership.rejoins, 1)
  t.ok(await becomes(stable(), 0))
})

t.test('without a membership there is nothing to hand over', async (t) => {
  const { becomes } = departing(stable())
  t.notOk(await becomes(stable()))
  t.ok(await becomes({ name: 'fenced', code: 25 }))
  const given = departing(stable())
  given.departure.giveUp()
  t.ok(await given.becomes(stable()))
})
