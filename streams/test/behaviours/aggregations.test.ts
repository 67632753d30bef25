/** Behaviours 18 to 20 and 44: tables grouped anew, and branches. */
import t from 'tap'
import { TopologyTestDriver } from '../../testing/index.ts'
import { Serdes } from '../../index.ts'
import { outputs, type Step, string, strings } from './support.ts'

const add = (_key: string, value: string, aggregate: string) => `${aggregate}+${value}`
const subtract = (_key: string, value: string, aggregate: string) => `${aggregate}-${value}`
const row = (key: string, value: string | null, timestamp: number): Step => ['in', key, value, timestamp]
const flat = (found: readonly (readonly string[])[]) => found.flat()

t.test('18. the old value of a row is subtracted before its new one is added', async (t) => {
  const found = outputs(
    (b) =>
      b
        .table('in', strings)
        .groupBy((key, value) => [key, value], strings)
        .aggregate(() => '0', add, subtract, { name: 'sums', value: string })
        .toStream()
        .to('out'),
    [row('A', '1', 10), row('B', '2', 15), row('A', '3', 20), row('B', '4', 18), row('C', '5', 5), row('D', '6', 25), row('B', '7', 15), row('C', '8', 10)],
    { keys: true }
  )
  t.same(flat(found), ['A 0+1@10', 'B 0+2@15', 'A 0+1-1+3@20', 'B 0+2-2+4@18', 'C 0+5@5', 'D 0+6@25', 'B 0+2-2+4-4+7@18', 'C 0+5-5+8@10'])
})

t.test('19. remove and add come in one record, so nobody sees what is between', async (t) => {
  const found = outputs(
    (b) =>
      b
        .table('in', strings)
        .groupBy((key) => [key.charAt(0), key.charAt(1)], strings)
        .aggregate(
          () => '',
          (_key, value, aggregate) => aggregate + value,
          (_key, value, aggregate) => aggregate.replaceAll(value, ''),
          { name: 'digits', value: string }
        )
        .toStream()
        .to('out'),
    [row('11', 'A', 10), row('12', 'B', 8), row('11', null, 12), row('12', 'C', 6)]
  )
  t.same(flat(found), ['1@10', '12@10', '2@12', '2@12'])
})

t.test('20. rows that move between groups, or out of all of them', async (t) => {
  const found = outputs(
    (b) =>
      b
        .table('in', strings)
        .groupBy((key, value) => (key === 'null' ? [null as never, value] : value === 'null' ? [value, null as never] : [value, value]), strings)
        .aggregate(() => '0', add, subtract, { name: 'groups', value: string })
        .toStream()
        .to('out'),
    [row('A', '1', 10), row('A', null, 15), row('A', '1', 12), row('B', '2', 20), row('null', '3', 25), row('B', '4', 23), row('NULL', 'null', 24), row('B', '7', 22)],
    { keys: true }
  )
  t.same(found, [['1 0+1@10'], ['1 0+1-1@15'], ['1 0+1-1+1@15'], ['2 0+2@20'], [], ['2 0+2-2@23', '4 0+4@23'], [], ['4 0+4-4@23', '7 0+7@22']])
})

t.test('44. split: the first branch that matches takes a record, and what matches none goes nowhere', async (t) => {
  const integers = { key: Serdes.integer(), value: string }
  const driver = new TopologyTestDriver((b) => {
    const { even, threes, fives } = b
      .stream('in', integers)
      .split()
      .branch('even', (key) => key % 2 === 0)
      .branch('threes', (key) => key % 3 === 0)
      .branch('fives', (key) => key % 5 === 0)
      .noDefaultBranch()
    even.to('even')
    threes.to('threes')
    fives.to('fives')
  })
  const input = driver.createInputTopic('in', integers.key, string)
  for (let key = 0; key <= 6; key++) {
    input.pipeInput(key, `V${key}`, key)
  }
  const values = (topic: string) => driver.createOutputTopic(topic, integers.key, string).readValuesToList()
  t.same([values('even'), values('threes'), values('fives')], [['V0', 'V2', 'V4', 'V6'], ['V3'], ['V5']])
  await driver.close()
})
