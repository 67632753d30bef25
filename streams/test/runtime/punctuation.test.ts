import t from 'tap'
import type { Cancellable, ProcessorContext } from '../../processor.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { oneStep, processor, text } from './topologies.ts'

function driverWith(init: (context: ProcessorContext<string, string>) => void, startTime = 0): TopologyTestDriver {
  return new TopologyTestDriver(
    oneStep(
      processor(() => {}, init)
    ),
    { startTime }
  )
}

t.test('stream-time punctuation fires once after a gap, then aligned to the first schedule', async (t) => {
  const fired: number[] = []
  const driver = driverWith((context) => context.schedule(10, 'stream-time', (time) => fired.push(time)))
  const input = driver.createInputTopic('in', text, text)
  const after: number[][] = []
  for (const time of [20, 25, 142, 145, 155, 159, 160, 161]) {
    input.pipeInput('k', 'v', time)
    after.push([...fired])
  }
  t.strictSame(fired, [20, 142, 155, 160])
  t.strictSame(after[1], [20], 'not at 25')
  t.strictSame(after[5], [20, 142, 155], 'not at 159')
  await driver.close()
})

t.test('wall-clock punctuation fires once after a gap, then aligned to the first schedule', async (t) => {
  const start = 1_000
  const fired: number[] = []
  const timers: Cancellable[] = []
  const driver = driverWith((context) => timers.push(context.schedule(10, 'wall-clock-time', (time) => fired.push(time - start))), start)
  t.equal(driver.tasks[0]!.nextDeadline(), start + 10)
  for (const step of [100, 10, 12, 8, 105, 5]) {
    driver.advanceWallClockTime(step)
  }
  t.strictSame(fired, [100, 110, 122, 130, 235, 240])
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  timers[0]!.cancel()
  driver.advanceWallClockTime(1_000)
  t.equal(fired.length, 6, 'a cancelled timer stops')
  t.equal(driver.tasks[0]!.nextDeadline(), undefined)
  await driver.close()
})

t.test('a punctuator has no record, forwards and writes like one, and what it does is committed', async (t) => {
  const driver = driverWith((context) => {
    context.schedule(10, 'wall-clock-time', (timestamp) => {
      t.equal(context.recordMetadata(), undefined)
      context.getStateStore<{ put(key: string, value: number): void }>('counts').put('fired', timestamp)
      context.forward({ key: 'k', value: String(timestamp), timestamp, headers: [] })
    })
  })
  driver.advanceWallClockTime(10)
  t.strictSame(driver.createOutputTopic('out', text, text).readKeyValuesToList(), [['k', '10']])
  t.equal(driver.getKeyValueStore('counts').get('fired'), 10)
  const offsets = driver.tasks[0]!.closeGeneration().offsets
  t.strictSame(offsets.map(({ topic, offset }) => [topic, offset]), [['in', 0]], 'an unchanged offset is the fence of a generation that moved none')
  await driver.close()
})

t.test('a punctuator that fails under a policy is undone and fires again at its next time', async (t) => {
  let times = 0
  const topology = oneStep(
    processor(
      () => {},
      (context) =>
        context.schedule(10, 'wall-clock-time', (timestamp) => {
          context.forward({ key: 'k', value: String(timestamp), timestamp, headers: [] })
          if (times++ === 0) {
            throw new Error('once')
          }
        })
    ),
    { processing: 'skip' }
  )
  const driver = new TopologyTestDriver(topology)
  driver.advanceWallClockTime(10)
  driver.advanceWallClockTime(10)
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['20'])
  await driver.close()
})

t.test('an interval below a millisecond is refused', (t) => {
  t.throws(() => driverWith((context) => context.schedule(0, 'stream-time', () => {})), { code: 'CONFIG_INVALID', message: /failed in init in task .*: schedule: the interval is 0 ms/ })
  t.end()
})
