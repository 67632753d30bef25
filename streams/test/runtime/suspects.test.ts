import t from 'tap'
import type { Place } from '../../runtime/progress.ts'
import { Deaths, Suspects } from '../../runtime/suspects.ts'

const place = (offset: number, operator: number): Place => ({ task: 's_0', since: 1, operator, record: { topic: 'in', partition: 0, offset } })

t.test('once may be chance; twice at the same record in the same operator is none; a punctuator and no operator are nobody', async (t) => {
  const deaths = new Deaths()
  t.equal(deaths.note(place(7, 1)), undefined)
  t.equal(deaths.note(place(8, 1)), undefined)
  t.equal(deaths.note(place(7, 2)), undefined)
  t.same(deaths.note(place(7, 1)), { topic: 'in', partition: 0, offset: 7, operator: 1 })
  t.equal(deaths.note(place(7, 1)), undefined, 'said once')
  t.equal(deaths.note({ ...place(0, 1), record: undefined }), undefined)
  t.equal(deaths.note(place(9, -1)), undefined)
  const suspects = new Suspects(deaths.suspects)
  t.notOk(suspects.none)
  t.equal(suspects.operatorAt('in', 0, 7), 1)
  t.equal(suspects.operatorAt('in', 1, 7), -1)
  t.ok(new Suspects().none)
})
