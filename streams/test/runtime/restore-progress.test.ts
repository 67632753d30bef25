import t from 'tap'
import type { RestoreEvent } from '../../runtime/restore-progress.ts'
import { RestoreProgress } from '../../runtime/restore-progress.ts'

t.test('start, at most two events a second with what is left at the pace so far, end', async (t) => {
  const events: RestoreEvent[] = []
  let now = 0
  const of = { task: 's_0', store: 'totals', topic: 'app-totals-changelog', partition: 0, from: 1_000, to: 5_000, copy: false }
  const progress = new RestoreProgress(of, (event) => events.push(event), () => now)
  for (let chunk = 1; chunk <= 10; chunk++) {
    now += 100
    progress.applied(50, 1_000 + chunk * 200)
  }
  t.same(events.map(({ type, position, records, secondsLeft }) => ({ type, position, records, secondsLeft })), [
    { type: 'start', position: 1_000, records: 0, secondsLeft: undefined },
    { type: 'progress', position: 2_000, records: 250, secondsLeft: 1.5 },
    { type: 'progress', position: 3_000, records: 500, secondsLeft: 1 },
  ])
  progress.end()
  t.match(events.at(-1), { ...of, type: 'end', position: 5_000, secondsLeft: 0 })
  progress.suspended()
  t.equal(events.at(-1)!.type, 'suspended')
})
