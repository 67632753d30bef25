/** Behaviours 3 to 8 and 17: joins with tables. */
import t from 'tap'
import type { KTable, StreamsBuilder } from '../../index.ts'
import { dashed, outputs, SHARED, type Step, spoken, string, strings } from './support.ts'

const value = { value: string }
const versioned = { ...strings, historyRetention: '1h' } as const
const run = (topology: (b: StreamsBuilder) => { to(topic: string): void }, steps: readonly Step[] = SHARED) => spoken(outputs((b) => topology(b).to('out'), steps))

t.test('3. a stream looks up the row of its moment; only the stream triggers', async (t) => {
  t.same(
    run((b) => b.stream('L', strings).join(b.table('R', strings), dashed, value)),
    ['5: B-a@5', '15: D-d@6', '19: E-e@15']
  )
  t.same(
    run((b) => b.stream('L', strings).leftJoin(b.table('R', strings), dashed, value)),
    ['3: A-null@3', '5: B-a@5', '9: C-null@9', '15: D-d@6', '19: E-e@15', '22: F-null@4']
  )
})

t.test('4. with grace a record waits for the versioned table, and finds the row of its own time', async (t) => {
  const graced = { name: 'graced', value: string, grace: 2 } as const
  t.same(
    run((b) => b.stream('L', strings).join(b.table('R', versioned), dashed, graced)),
    ['9: B-a@5', '15: D-b@6', '22: F-a@4']
  )
  t.same(
    run((b) => b.stream('L', strings).leftJoin(b.table('R', versioned), dashed, graced)),
    ['5: A-null@3', '9: B-a@5', '15: D-b@6', '19: C-null@9', '22: F-a@4']
  )
})

const both = (b: StreamsBuilder): [KTable<string, string>, KTable<string, string>] => [b.table('L', strings), b.table('R', strings)]
const tables = (join: (left: KTable<string, string>, right: KTable<string, string>) => KTable<string, string>) => run((b) => join(...both(b)).toStream())

t.test('5. two tables, inner: a row that both have, and null when it leaves', async (t) => {
  t.same(
    tables((left, right) => left.join(right, dashed, value)),
    ['4: A-a@4', '5: B-a@5', '6: B-b@6', '7: null@7', '10: C-c@10', '11: null@11', '15: D-d@7', '16: null@7', '19: E-e@15', '20: null@14', '23: F-f@4']
  )
})

t.test('6. left: every left row', async (t) => {
  t.same(
    tables((left, right) => left.leftJoin(right, dashed, value)),
    [
      '3: A-null@3', '4: A-a@4', '5: B-a@5', '6: B-b@6', '7: null@7', '9: C-null@9', '10: C-c@10', '11: C-null@11', '12: null@12',
      '15: D-d@7', '16: null@7', '19: E-e@15', '20: null@14', '22: F-null@4', '23: F-f@4',
    ]
  )
})

t.test('7. outer: every row of either', async (t) => {
  t.same(
    tables((left, right) => left.outerJoin(right, dashed, value)),
    [
      '3: A-null@3', '4: A-a@4', '5: B-a@5', '6: B-b@6', '7: null-b@7', '8: null@8', '9: C-null@9', '10: C-c@10', '11: C-null@11', '12: null@12',
      '14: null-d@7', '15: D-d@7', '16: null-d@7', '17: null@3', '18: null-e@14', '19: E-e@15', '20: null-e@14', '21: null@9', '22: F-null@4', '23: F-f@4',
    ]
  )
})

t.test('8. both versioned: what comes out of order changes nothing', async (t) => {
  t.same(
    run((b) => b.table('L', versioned).join(b.table('R', versioned), dashed, value).toStream()),
    ['4: A-a@4', '5: B-a@5', '6: B-b@6', '7: null@7', '10: C-c@10', '11: null@11', '19: E-e@15']
  )
})

t.test('17. a record without a key: a left join tells it alone, whatever it is joined with', async (t) => {
  const alone: readonly Step[] = [['L', null, 'leftValue', 1]]
  const bar = (left: string | null, right: string | null) => `${left}|${right}`
  t.same(
    run((b) => b.stream('L', strings).leftJoin(b.table('R', strings), bar, value), alone),
    ['1: leftValue|null@1']
  )
  t.same(
    run((b) => b.stream('L', strings).leftJoin(b.globalTable('R', strings), (key) => key, bar, value), alone),
    ['1: leftValue|null@1']
  )
  const rekeyed = (b: StreamsBuilder) => b.stream('L', strings).selectKey((key) => key)
  t.same(
    run((b) => rekeyed(b).leftJoin(b.table('R', strings), bar, { ...value, name: 'joined' }), alone),
    ['1: leftValue|null@1'],
    'through a repartition topic'
  )
  t.same(
    run((b) => rekeyed(b).repartition({ name: 'nothing', key: string }), alone),
    [],
    'a repartition without such a join behind it drops it'
  )
})
