/** Behaviours 14 to 16: joins by a foreign key. */
import t from 'tap'
import { outputs, type Step, string, strings } from './support.ts'

/** A left row's value is its foreign key; `-` has none. */
function run(join: 'join' | 'leftJoin', steps: readonly Step[]): string[][] {
  const found = outputs(
    (b) => {
      const options = { name: 'by-key', value: string }
      const foreignKey = (row: string) => (row === '-' ? null : row)
      const joiner = (row: string, other: string | null) => `${row},${other}`
      const left = b.table('L', strings)
      const right = b.table('R', strings)
      const joined = join === 'join' ? left.join(right, foreignKey, joiner, options) : left.leftJoin(right, foreignKey, joiner, options)
      joined.toStream().to('out')
    },
    steps,
    { keys: true }
  )
  return found.map((lines) => lines.map((line) => line.replace(/@\d+$/, '')))
}

const left = (key: string, value: string | null): Step => ['L', key, value, 0]
const right = (key: string, value: string | null): Step => ['R', key, value, 0]

t.test('14. the table of the documentation', async (t) => {
  const steps = [
    left('k', '1'), right('1', 'foo'), left('k', '2'), left('k', '3'), right('3', 'bar'), left('k', '-'), left('k', '1'),
    left('q', '10'), left('r', '10'), right('10', 'baz'),
  ]
  t.same(run('join', steps), [[], ['k 1,foo'], ['k null'], ['k null'], ['k 3,bar'], ['k null'], ['k 1,foo'], [], [], ['q 10,baz', 'r 10,baz']])
  t.same(run('leftJoin', steps), [
    ['k 1,null'], ['k 1,foo'], ['k 2,null'], ['k 3,null'], ['k 3,bar'], ['k -,null'], ['k 1,foo'], ['q 10,null'], ['r 10,null'], ['q 10,baz', 'r 10,baz'],
  ])
})

t.test('15. a row that goes is taken back once, also if it never joined; one that never was, not at all', async (t) => {
  const steps = [left('a', '1'), left('a', null), left('a', null), left('never', null)]
  t.same(run('join', steps), [[], ['a null'], [], []])
  t.same(run('leftJoin', steps), [['a 1,null'], ['a null'], [], []])
})

t.test('16. a foreign key that moves between rows that are not there; a right row nobody points to', async (t) => {
  const steps = [left('a', '1'), left('a', '2'), left('a', '3'), right('unreferenced', 'x')]
  t.same(run('join', steps), [[], ['a null'], ['a null'], []])
  t.same(run('leftJoin', steps), [['a 1,null'], ['a 2,null'], ['a 3,null'], []])
})
