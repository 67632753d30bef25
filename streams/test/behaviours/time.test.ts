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

t.test('30, 31. anchored punctuation, with what Kafka Streams 4.3.1 gives (KIP-1146)', async (t) => {
  const streamTime = async (startTime: number, times: readonly number[]): Promise<number[]> => {
    const fired: number[] = []
    const driver = punctuating((context) => context.schedule(10, 'stream-time', (time) => fired.push(time), startTime))
    const input = driver.createInputTopic('in', string, string)
    for (const time of times) {
      input.pipeInput('k', 'v', time)
    }
    await driver.close()
    return fired
  }
  t.same(await streamTime(25, [20, 25, 142, 145, 155, 159, 160, 161]), [25, 142, 145, 155])
  t.same(await streamTime(3, [1, 2, 3, 4, 12, 13, 20, 23, 54, 63]), [3, 13, 23, 54, 63])
  t.same(await streamTime(5, [1_000, 1_004, 1_005, 1_014, 1_015]), [1_000, 1_005, 1_015])
  t.same(await streamTime(1_500, [1_000, 1_004, 1_499, 1_500, 1_509, 1_510, 1_600, 1_609, 1_610]), [1_500, 1_510, 1_600, 1_610])

  const wallClock = async (startTime: number, steps: readonly number[]): Promise<number[]> => {
    const fired: number[] = []
    const driver = punctuating((context) => context.schedule(10, 'wall-clock-time', (time) => fired.push(time), startTime), 1_000)
    for (const step of steps) {
      driver.advanceWallClockTime(step)
    }
    await driver.close()
    return fired
  }
  t.same(await wallClock(1_025, [10, 10, 10, 5, 5, 100, 3, 2, 5]), [1_030, 1_035, 1_140, 1_145])
  t.same(await wallClock(500, [1, 4, 5, 5, 5, 100]), [1_010, 1_020, 1_120])
  t.same(await wallClock(503, [1, 1, 1, 1, 5, 5, 5, 100]), [1_003, 1_014, 1_119])
  t.same(await wallClock(1_000, [0, 1, 9, 10]), [1_000, 1_010, 1_020])
  t.same(await wallClock(995, [1, 3, 1, 9, 1]), [1_005, 1_015])
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    await t.rejects(streamTime(wrong, []), { cause: { code: 'CONFIG_INVALID', message: /^schedule: the start time is/ } })
  }
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
