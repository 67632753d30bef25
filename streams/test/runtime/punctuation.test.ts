import t from 'tap'
import { BufferConfig, EmitStrategy, JoinWindows, Serdes, SessionWindows, SlidingWindows, type StreamsBuilder, Suppressed, TimeWindows, type Windowed, WindowedSerdes } from '../../index.ts'
import type { Cancellable, ProcessorContext } from '../../processor.ts'
import { TopologyTestDriver, type TopologyTestDriverOptions } from '../../testing/index.ts'
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

// --- time that goes on without records (A7) ----------------------------------------------------------------------------

const MINUTE = 60_000
const strings = { key: Serdes.string(), value: Serdes.string() }
const windowed = { key: WindowedSerdes.timeWindowed(Serdes.string(), 5 * MINUTE), value: Serdes.long() }

function run(topology: (b: StreamsBuilder) => void, options: TopologyTestDriverOptions = {}) {
  const driver = new TopologyTestDriver(topology, { ...options, config: { sourceIdleTimeoutMs: MINUTE, ...options.config } })
  const input = (topic: string) => driver.createInputTopic(topic, Serdes.string(), Serdes.string())
  return { driver, input }
}

const onClose = (b: StreamsBuilder) =>
  b.stream('in', strings).groupByKey().windowedBy(TimeWindows.ofSizeAndGrace(5 * MINUTE, MINUTE)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'n' }).toStream().to('out', windowed)

/** Start of the window in minutes, and its count; of what has come since the last call. */
function windowsOf(driver: TopologyTestDriver): () => unknown[] {
  const out = driver.createOutputTopic('out', windowed.key, windowed.value)
  return () => out.readRecordsToList().map(({ key, value }) => [(key as Windowed<string>).window.start / MINUTE, value])
}

t.test('the last window closes when its inputs are idle, as late as the wall clock says, once', async (t) => {
  const { driver, input } = run(onClose)
  const windows = windowsOf(driver)
  input('in').pipeInput('k', 'v', 2 * MINUTE)
  input('in').pipeInput('k', 'v', 3 * MINUTE)
  driver.advanceWallClockTime(2 * MINUTE)
  t.same(windows(), [], 'it is 5, and the grace is left')
  driver.advanceWallClockTime(MINUTE)
  t.same(windows(), [[0, 2]], 'it is 6')
  driver.advanceWallClockTime(60 * MINUTE)
  driver.restart()
  driver.advanceWallClockTime(60 * MINUTE)
  t.same(windows(), [], 'also after a restart')
  input('in').pipeInput('k', 'late', 4 * MINUTE)
  input('in').pipeInput('k', 'v', 11 * MINUTE)
  driver.advanceWallClockTime(10 * MINUTE)
  t.same(windows(), [[10, 1]], 'what comes for a window that has closed is late')
  await driver.close()
})

t.test('a record ends idleness: what it begins stays open for as long as nothing else comes', async (t) => {
  const { driver, input } = run(onClose)
  const windows = windowsOf(driver)
  input('in').pipeInput('k', 'v', 2 * MINUTE)
  driver.advanceWallClockTime(10 * MINUTE)
  t.same(windows(), [[0, 1]])
  driver.advanceWallClockTime(60 * MINUTE)
  input('in').pipeInput('k', 'v', 72 * MINUTE)
  driver.advanceWallClockTime(1)
  t.same(windows(), [], 'the hour before it does not count')
  input('in').pipeInput('k', 'v', 73 * MINUTE)
  driver.advanceWallClockTime(3 * MINUTE)
  t.same(windows(), [[70, 2]], 'nothing is late')
  await driver.close()
})

t.test('without the setting only records move time', async (t) => {
  const { driver, input } = run(onClose, { config: { sourceIdleTimeoutMs: undefined } as never })
  input('in').pipeInput('k', 'v', 2 * MINUTE)
  driver.advanceWallClockTime(60 * MINUTE)
  t.same(windowsOf(driver)(), [])
  await driver.close()
})

t.test('an input that has something to read, or whose broker is silent, is not idle', async (t) => {
  const { driver, input } = run(onClose)
  input('in').pipeInput('k', 'v', 2 * MINUTE)
  const [task] = driver.tasks
  const answer = (highWatermark: number, receivedAt: number) =>
    task!.enqueue({ topic: 'in', partition: 0, epoch: 0, cursor: { next: () => false } as never, bytes: 0, maxRecords: 0, nextOffset: 1, highWatermark, lastStableOffset: 1, logStartOffset: 0, receivedAt })
  const at = (now: number) => Object.defineProperty((task as unknown as { core: { clock: object } }).core.clock, 'now', { value: () => now, configurable: true })
  at(10 * MINUTE)
  t.equal(task!.punctuate(), false, 'it was not answered for')
  answer(2, 10 * MINUTE)
  t.equal(task!.punctuate(), false, 'an undecided transaction holds back what is there')
  answer(1, 10 * MINUTE)
  t.equal(task!.punctuate(), false, 'from now on it is')
  at(20 * MINUTE)
  answer(1, 20 * MINUTE)
  t.equal(task!.punctuate(), true)
  await driver.close()
})

t.test('sessions, sliding windows, suppressed tables, and what waits for a partner', async (t) => {
  const cases: { readonly [name: string]: (b: StreamsBuilder) => void } = {
    sessions: (b) =>
      b.stream('in', strings).groupByKey().windowedBy(SessionWindows.ofInactivityGapAndGrace(5 * MINUTE, 0)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'n' })
        .toStream().map((key, value) => [key.key, String(value)]).to('out', strings),
    sliding: (b) =>
      b.stream('in', strings).groupByKey().windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(5 * MINUTE, 0)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'n' })
        .toStream().map((key, value) => [key.key, String(value)]).to('out', strings),
    suppressed: (b) =>
      b.stream('in', strings).groupByKey().windowedBy(TimeWindows.ofSizeAndGrace(5 * MINUTE, 0)).count({ name: 'n' })
        .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 's' })
        .toStream().map((key, value) => [key.key, String(value)]).to('out', strings),
    joined: (b) =>
      b.stream('in', strings).leftJoin(b.stream('other', strings), (left, right) => `${left}${right}`, JoinWindows.ofTimeDifferenceAndGrace(5 * MINUTE, 0), { name: 'j', value: Serdes.string() }).to('out', strings),
  }
  for (const [name, topology] of Object.entries(cases)) {
    const { driver, input } = run(topology)
    input('in').pipeInput('k', 'v', 2 * MINUTE)
    driver.advanceWallClockTime(2 * MINUTE)
    const out = driver.createOutputTopic('out', Serdes.string(), Serdes.string())
    t.same(out.readValuesToList(), [], name)
    driver.advanceWallClockTime(20 * MINUTE)
    t.same(out.readValuesToList(), [name === 'joined' ? 'vnull' : '1'], name)
    await driver.close()
  }
})
