/** Behaviours 30, 31 and 33: punctuation, the time of a partition. */
import t from 'tap'
import type { Cancellable, ProcessorContext } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { string, strings } from './support.ts'

function punctuating(init: (context: ProcessorContext<string, string>) => void, startTime = 0): TopologyTestDriver {
  return new TopologyTestDriver((b) => b.stream('in', strings).process(() => ({ init, process() {} }), { name: 'timed' }), { startTime })
}

t.test('30. punctuation by the time of records: once after a gap, then at multiples of the first', async (t) => {
  const fired: number[] = []
  const driver = punctuating((context) => context.schedule(10, 'stream-time', (time) => fired.push(time)))
  const input = driver.createInputTopic('in', string, string)
  for (const time of [20, 25, 142, 145, 155, 159, 160, 161]) {
    input.pipeInput('k', 'v', time)
  }
  t.same(fired, [20, 142, 155, 160])
  await driver.close()
})

t.test('31. punctuation by the wall clock: the same; a cancelled one stops', async (t) => {
  const now = 1_000
  const fired: number[] = []
  let timer: Cancellable | undefined
  const driver = punctuating((context) => {
    timer = context.schedule(10, 'wall-clock-time', (time) => fired.push(time - now))
  }, now)
  for (const step of [100, 10, 12, 8, 105, 5]) {
    driver.advanceWallClockTime(step)
  }
  t.same(fired, [100, 110, 122, 130, 235, 240])
  timer!.cancel()
  driver.advanceWallClockTime(1_000)
  t.equal(fired.length, 6)
  await driver.close()
})

t.test('33. the time of the records survives a restart with the committed offsets', async (t) => {
  const seen: number[] = []
  const driver = new TopologyTestDriver((b) =>
    b
      .stream('in', {
        ...strings,
        timestampExtractor: ({ timestamp }, _metadata, partitionTime) => {
          seen.push(partitionTime)
          return timestamp
        },
      })
      .to('out')
  )
  const input = driver.createInputTopic('in', string, string)
  input.pipeInput('k', 'a', 500)
  input.pipeInput('k', 'b', 300)
  driver.restart()
  input.pipeInput('k', 'c', 400)
  driver.restore()
  input.pipeInput('k', 'd', 600)
  t.same(seen, [-1, 500, 500, 500])
  await driver.close()
})
