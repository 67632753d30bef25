/** Rule A6: nothing is late because a call was slow. Windows behind an asynchronous map are those behind a synchronous one. */
import { BufferConfig, EmitStrategy, type KStream, Serdes, SessionWindows, SlidingWindows, Suppressed, TimeWindows } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'

const string = Serdes.string()

function windows(stream: KStream<string, string>): void {
  const grouped = stream.groupByKey()
  const counted = grouped.windowedBy(TimeWindows.ofSizeAndGrace(20, 5)).count({ name: 'tumbling' })
  const tables = {
    tumbling: counted,
    final: counted.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 'final' }),
    closed: grouped.windowedBy(TimeWindows.ofSizeAndGrace(20, 5).advanceBy(10)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'closed' }),
    sliding: grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(10, 5)).count({ name: 'sliding' }),
    sessions: grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(6, 5)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'sessions' }),
  }
  for (const [name, table] of Object.entries(tables)) {
    table.toStream().map(({ key, window }, count) => [key, `${name} ${window.start}-${window.end} ${count}`], { key: string, value: string }).to('out')
  }
}

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

/** The last value of each window told, by its name: overtaking changes when results are told, not what they are. */
async function results(asynchronous: boolean, seed: number): Promise<Record<string, string>> {
  const random = generator(seed)
  const overtaking = generator(seed + 100)
  const order = new Map<number, number>()
  const place = (admission: number) => order.get(admission) ?? order.set(admission, overtaking()).get(admission)!
  const driver = new TopologyTestDriver(
    (b) => {
      const source = b.stream('in', { key: string, value: string })
      windows(asynchronous ? source.mapAsync(async (value) => value, { name: 'call', concurrency: 50, value: string }) : source.mapValues((value) => value))
    },
    { completionOrder: (a, b) => place(a.admission) - place(b.admission), commitEvery: 7 }
  )
  const input = driver.createInputTopic('in', string, string)
  for (let i = 0; i < 120; i++) {
    // In order: whatever is late is late by overtaking alone.
    input.pipeInput(`k${Math.floor(random() * 4)}`, 'v', i * 3)
    if (random() < 0.2) {
      await driver.settle()
    }
  }
  await driver.settle()
  for (let time = 360; time < 480; time += 3) {
    input.pipeInput('end', 'v', time)
    await driver.settle()
  }
  driver.commit()
  const last: Record<string, string> = {}
  for (const { key, value } of driver.createOutputTopic('out', string, string).readRecordsToList()) {
    const [name, window, count] = value!.split(' ')
    if (key !== 'end') {
      last[`${key} ${name} ${window}`] = count!
    }
  }
  const dropped = driver.tasks.reduce((sum, task) => sum + task.counters.dropped, 0)
  await driver.close()
  return { ...last, dropped: `${dropped}` }
}

t.test('calls that overtake each other', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const expected = await results(false, seed)
    t.ok(Object.keys(expected).length > 100)
    t.equal(expected['dropped'], '0')
    t.same(await results(true, seed), expected, `seed ${seed}`)
  }
})

t.test('what the end of a call closes is told then, not with the next record', async (t) => {
  const shapes: { readonly [name: string]: (stream: KStream<string, string>) => void } = {
    windows: (stream) =>
      stream.groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace(10)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'n' })
        .toStream().map(({ key, window }, count) => [key, `${window.start} ${count}`]).to('out', { key: string, value: string }),
    sessions: (stream) =>
      stream.groupByKey().windowedBy(SessionWindows.ofInactivityGapWithNoGrace(10)).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'n' })
        .toStream().map(({ key, window }, count) => [key, `${window.start} ${count}`]).to('out', { key: string, value: string }),
    suppressed: (stream) =>
      stream.groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace(10)).count({ name: 'n' }).suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 's' })
        .toStream().map(({ key, window }, count) => [key, `${window.start} ${count}`]).to('out', { key: string, value: string }),
  }
  for (const [name, shape] of Object.entries(shapes)) {
    const driver = new TopologyTestDriver((b) => shape(b.stream('in', { key: string, value: string }).mapAsync(async (value) => value, { name: 'call', value: string })), {
      // The one that closes the window of the other overtakes it.
      completionOrder: (a, b) => b.admission - a.admission,
    })
    driver.createInputTopic('in', string, string).pipeAll([['early', 'v', 3], ['late', 'v', 30]])
    await driver.settle()
    const out = driver.createOutputTopic('out', string, string)
    t.strictSame(out.readKeyValuesToList(), [['early', name === 'sessions' ? '3 1' : '0 1']], name)
    driver.restart()
    driver.advanceWallClockTime(1_000)
    t.equal(out.isEmpty, true, 'once')
    await driver.close()
  }
})
