import t from 'tap'
import type { Place } from '../../runtime/progress.ts'
import { Progress } from '../../runtime/progress.ts'
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

const call = (offset: number, operator = 1) => ({ topic: 'in', partition: 0, offset, operator })

t.test('the calls that are running can be read from outside: more than there is room for are not', async (t) => {
  const progress = new Progress()
  const seen = () => new Progress(progress.buffer).calls.read()
  const { calls } = progress
  const first = calls.begun('orders', 3, 2 ** 40, 7)
  const second = calls.begun('o', 0, 1, 2)
  t.same(seen().map(({ topic, partition, offset, operator }) => [topic, partition, offset, operator]).sort(), [['o', 0, 1, 2], ['orders', 3, 2 ** 40, 7]])
  calls.ended(first)
  t.same(seen(), [{ topic: 'o', partition: 0, offset: 1, operator: 2 }])
  t.same(calls.begun('returns', 1, 5, 1), first, 'its place is free again')
  const many = Array.from({ length: 100 }, (_, offset) => calls.begun('in', 0, offset, 1))
  t.equal(seen().length, 64)
  for (const place of [...many, first, second]) {
    calls.ended(place)
  }
  t.same(seen(), [])
})

t.test('a thread that ends between its turns: several calls are suspects only alone, one that ends it twice is one for good', async (t) => {
  const deaths = new Deaths()
  t.same(deaths.noteCalls([]), [])
  t.same(deaths.noteCalls([call(1), call(2)]), [{ ...call(1), alone: true }, { ...call(2), alone: true }])
  t.same(deaths.noteCalls([call(1)]), [call(1)], 'the second time it was the only one')
  t.same(deaths.noteCalls([call(1)]), [], 'said once')
  t.same(deaths.noteCalls([call(2), call(3)]), [{ ...call(3), alone: true }], 'twice among several is no proof')
  t.same(deaths.noteCalls([call(4)]), [], 'once is chance')
})

t.test('calls that have to run alone wait for the others, and the others for them', async (t) => {
  const suspects = new Suspects([{ ...call(1), alone: true }, { ...call(2), alone: true }])
  const [a, b] = [{}, {}]
  const of = (offset: number, owner: object) => ({ ...call(offset), owner })
  t.ok(suspects.mayBegin(of(7, a)))
  suspects.begun(of(7, a))
  t.notOk(suspects.mayBegin(of(1, b)), 'one is running')
  t.ok(suspects.closed)
  t.notOk(suspects.mayBegin(of(8, a)), 'nobody overtakes it')
  suspects.ended(a)
  t.notOk(suspects.closed)
  t.notOk(suspects.mayBegin(of(2, a)), 'it is not the next')
  t.ok(suspects.mayBegin(of(1, b)))
  suspects.begun(of(1, b))
  suspects.passed(b)
  t.ok(suspects.closed)
  t.notOk(suspects.mayBegin(of(2, a)))
  suspects.ended(b)
  t.ok(suspects.mayBegin(of(1, b)), 'it is as good as any now')
  t.ok(suspects.mayBegin(of(2, a)))
  suspects.passed(a)
  t.ok(suspects.mayBegin(of(9, b)), 'one that could not begin holds nobody up')
  suspects.begun(of(9, b))
  t.notOk(suspects.mayBegin(of(2, a)))
  suspects.forget(a)
  t.ok(suspects.mayBegin(of(10, b)), 'nor one whose task is gone')
})
