/** Behaviours 1, 2 and 9 to 13: joins of two streams. */
import t from 'tap'
import { JoinWindows, type KStream, type StreamsBuilder } from '../../index.ts'
import { dashed, outputs, plussed, SHARED_IN_ORDER, type Step, string, strings } from './support.ts'

type Join = 'join' | 'leftJoin' | 'outerJoin'

function joined(b: StreamsBuilder, join: Join, windows: JoinWindows, joiner = plussed): KStream<string, string> {
  const [left, right] = [b.stream('L', strings), b.stream('R', strings)]
  const options = { name: 'joined', value: string }
  switch (join) {
    case 'join':
      return left.join(right, joiner, windows, options)
    case 'leftJoin':
      return left.leftJoin(right, joiner, windows, options)
    case 'outerJoin':
      return left.outerJoin(right, joiner, windows, options)
  }
}

const run = (join: Join, windows: JoinWindows, steps: readonly Step[]) => outputs((b) => joined(b, join, windows).to('out'), steps, { keys: true })
const HUNDRED = JoinWindows.ofTimeDifferenceWithNoGrace(100)

const ten = JoinWindows.ofTimeDifferenceAndGrace('10s', '24h')
const shared = (join: Join) => outputs((b) => joined(b, join, ten, dashed).to('out'), SHARED_IN_ORDER)
const INNER = [
  [], [], [], ['A-a@4'], ['B-a@5'], ['A-b@6', 'B-b@6'], [], [], ['C-a@9', 'C-b@9'], ['A-c@10', 'B-c@10', 'C-c@10'],
  [], [], [], ['A-d@14', 'B-d@14', 'C-d@14'], ['D-a@15', 'D-b@15', 'D-c@15', 'D-d@15'],
]

t.test('1. an inner join: each record meets all of the other side in its window, with the later time of both', async (t) => {
  t.same(shared('join'), [...INNER, [], []])
})

t.test('2. a left and an outer join: the same, and a record without a key is told alone', async (t) => {
  t.same(shared('leftJoin'), [...INNER, ['E-null@16'], []])
  t.same(shared('outerJoin'), [...INNER, ['E-null@16'], ['null-e@17']])
})

t.test('9. a left join tells a record alone when its window and grace have passed, not before', async (t) => {
  const found = run('leftJoin', JoinWindows.ofTimeDifferenceAndGrace(100, 10), [
    ['L', '0', 'A0', 0],
    ['L', '1', 'A1', 0],
    ['R', '0', 'a0', 101],
    ['R', '1', 'a1', 101],
    ['R', '2', 'a2', 101],
    ['R', '3', 'a3', 101],
    ['R', '0', 'dummy', 1_201],
  ])
  t.same(found, [[], [], [], [], [], [], ['0 A0+null@0', '1 A1+null@0']])
})

t.test('10. what a record closes is told before what it joins', async (t) => {
  const found = run('leftJoin', HUNDRED, [
    ['L', '0', 'A0', 0],
    ['L', '1', 'A1', 100],
    ['R', '1', 'a1', 110],
  ])
  t.same(found, [[], [], ['0 A0+null@0', '1 A1+a1@110']])
})

t.test('11. two records of one key and time are told each, and both are settled by one partner', async (t) => {
  const found = run('leftJoin', HUNDRED, [
    ['L', '0', 'A0', 0],
    ['L', '0', 'A0-0', 0],
    ['R', '1', 'a0', 111],
    ['R', '2', 'dummy', 500],
    ['L', '2', 'A2', 1_000],
    ['L', '2', 'A2-0', 1_000],
    ['R', '2', 'a2', 1_001],
    ['R', '3', 'dummy', 1_500],
  ])
  t.same(found, [[], [], ['0 A0+null@0', '0 A0-0+null@0'], [], [], [], ['2 A2+a2@1001', '2 A2-0+a2@1001'], []])
})

t.test('12. an outer join: of equal times the right side is told first', async (t) => {
  const found = run('outerJoin', HUNDRED, [
    ['L', '0', 'A0', 0],
    ['L', '0', 'A0-0', 0],
    ['R', '1', '11', 0],
    ['R', '1', '12', 0],
    ['R', '3', '100', 211],
    ['L', '2', 'A2', 1_000],
    ['L', '2', 'A2-0', 1_000],
    ['R', '2', 'a2', 1_001],
    ['R', '2', 'a2-0', 1_001],
    ['R', '3', 'dummy', 1_500],
  ])
  t.same(found[4], ['1 null+11@0', '1 null+12@0', '0 A0+null@0', '0 A0-0+null@0'])
  t.same(found.slice(5), [['3 null+100@211'], [], ['2 A2+a2@1001', '2 A2-0+a2@1001'], ['2 A2+a2-0@1001', '2 A2-0+a2-0@1001'], []])
})

t.test('13. the table of the documentation: 15 s and 5 s of grace', async (t) => {
  const found = run('outerJoin', JoinWindows.ofTimeDifferenceAndGrace('15s', '5s'), [
    ['L', 'k', 'E', 40_000],
    ['L', 'k', 'F', 60_001],
    ['R', 'k', 'f', 100_000],
    ['L', 'x', 'later', 120_001],
  ])
  t.same(found, [[], ['k E+null@40000'], ['k F+null@60001'], ['k null+f@100000']])
})
