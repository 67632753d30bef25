import t from 'tap'
import { TopologyTestDriver } from '../../testing/index.ts'
import { asyncTopology, ManualCalls, operator, text } from './calls.ts'

t.test('order key: one call at a time per key, other keys overtake', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call)))
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeAll([['a', 'a1'], ['a', 'a2'], ['b', 'b1'], [null, 'n1'], [null, 'n2']])
  t.strictSame(calls.values, ['a1', 'b1', 'n1', 'n2'], 'records without a key have no order')
  calls.of('b1').resolve('B1')
  calls.of('n2').resolve('N2')
  await driver.tick()
  t.strictSame(out.readValuesToList(), ['B1', 'N2'])
  calls.of('a1').resolve('A1')
  await driver.tick()
  t.strictSame(calls.values.slice(4), ['a2'])
  calls.of('a2').resolve('A2')
  calls.of('n1').resolve('N1')
  await driver.tick()
  t.strictSame(out.readValuesToList(), ['A1', 'A2', 'N1'], 'results of a key in input order')
  t.strictSame(driver.inFlight(), [{ operator: 'call', pending: 0, running: 0, parked: 0 }])
  await driver.close()
})

t.test('order input: calls run together, results come out in input order', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { order: 'input' })))
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeAll([['a', '1'], ['a', '2'], ['b', '3']])
  t.strictSame(calls.values, ['1', '2', '3'])
  calls.of('3').resolve('3')
  calls.of('2').resolve('2')
  await driver.tick()
  t.strictSame(out.readValuesToList(), [])
  calls.of('1').resolve('1')
  await driver.tick()
  t.strictSame(out.readValuesToList(), ['1', '2', '3'])
  await driver.close()
})

t.test('order input: what gives up lets the results behind it go', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { order: 'input', onFailure: 'skip', timeoutMs: 100 })))
  driver.createInputTopic('in', text, text).pipeAll([['a', '1'], ['a', '2'], ['b', '3']])
  calls.of('2').resolve('2')
  await driver.tick()
  driver.advanceWallClockTime(99)
  calls.of('3').resolve('3')
  await driver.tick()
  driver.advanceWallClockTime(1)
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['2', '3'])
  await driver.close()
})

t.test('order none: as they come', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { order: 'none' })), { completionOrder: () => 0 })
  driver.createInputTopic('in', text, text).pipeAll([['a', '1'], ['a', '2']])
  calls.of('2').resolve('2')
  await driver.tick()
  calls.of('1').resolve('1')
  await driver.tick()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['2', '1'])
  await driver.close()
})

t.test('settle continues results in order of admission, or as the test says', async (t) => {
  const delays: { [value: string]: number } = { '1': 15, '2': 1, '3': 8 }
  const slow = (value: string) => new Promise((resolve) => setTimeout(resolve, delays[value], value))
  for (const [completionOrder, expected] of [[undefined, ['1', '2', '3']], [(a: { admission: number }, b: { admission: number }) => b.admission - a.admission, ['3', '2', '1']]] as const) {
    const driver = new TopologyTestDriver(asyncTopology(operator(slow, { order: 'none' })), { completionOrder })
    driver.createInputTopic('in', text, text).pipeAll([['a', '1'], ['b', '2'], ['c', '3']])
    await driver.settle()
    t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), expected)
    await driver.close()
  }
})

t.test('lanes take turns by weight: a flood in one delays no other', async (t) => {
  const order: string[] = []
  const call = async (value: string) => {
    order.push(value)
  }
  const driver = new TopologyTestDriver(
    asyncTopology(operator(call, { concurrency: 1, order: 'none', complete: () => {}, lane: (record) => record.key, laneWeight: (lane) => (lane === 'big' ? 2 : 1) }))
  )
  const input = driver.createInputTopic('in', text, text)
  for (let i = 0; i < 8; i++) {
    input.pipeInput('big', `big${i}`)
  }
  for (let i = 0; i < 3; i++) {
    input.pipeInput('small', `small${i}`)
  }
  await driver.settle()
  t.strictSame(order, ['big0', 'big1', 'big2', 'small0', 'big3', 'big4', 'small1', 'big5', 'big6', 'small2', 'big7'])
  await driver.close()
})

t.test('a weight below one gets its turns, only fewer', async (t) => {
  const order: string[] = []
  const driver = new TopologyTestDriver(
    asyncTopology(operator(async (value) => order.push(value), { concurrency: 1, order: 'none', complete: () => {}, lane: (record) => record.key, laneWeight: (lane) => (lane === 'slow' ? 0.5 : 1) }))
  )
  const input = driver.createInputTopic('in', text, text)
  input.pipeAll([['x', 'x0'], ['slow', 's0'], ['slow', 's1'], ['x', 'x1'], ['x', 'x2'], ['x', 'x3'], ['x', 'x4']])
  await driver.settle()
  t.strictSame(order, ['x0', 'x1', 's0', 'x2', 'x3', 's1', 'x4'])
  await driver.close()
})

t.test('a key waits in the lane of its oldest pending record', async (t) => {
  const order: string[] = []
  const driver = new TopologyTestDriver(
    asyncTopology(operator(async (value) => order.push(value), { concurrency: 1, complete: () => {}, lane: (record) => record.value.slice(0, 1) }))
  )
  // Key k has records in both lanes: they must not overtake each other.
  driver.createInputTopic('in', text, text).pipeAll([['k', 'A1'], ['k', 'B2'], ['x', 'A3'], ['k', 'A4'], ['y', 'B5']])
  await driver.settle()
  t.strictSame(order.filter((value) => '124'.includes(value[1]!)), ['A1', 'B2', 'A4'])
  t.equal(order.length, 5)
  await driver.close()
})
