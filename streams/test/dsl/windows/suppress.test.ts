import { BufferConfig, Serdes, SessionWindows, type StreamsBuilder, Suppressed, TimeWindows } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import { type WindowRun, runWindows } from './support.ts'

const string = Serdes.string()
const unbounded = Suppressed.untilWindowCloses(BufferConfig.unbounded())

/** How often each value is the latest of a key, suppressed. */
function valueCounts(suppressed: Suppressed, name = 'suppressed') {
  return (b: StreamsBuilder) =>
    b
      .table('in', { key: string, value: string })
      .groupBy((_key, value) => [value, value], { key: string, value: string })
      .count({ name: 'counts' })
      .suppress(suppressed, { name })
      .toStream()
      .to('out')
}

function runCounts(suppressed: Suppressed) {
  const driver = new TopologyTestDriver(valueCounts(suppressed))
  const input = driver.createInputTopic('in', string, string)
  const output = driver.createOutputTopic('out', string, Serdes.long())
  return {
    driver,
    pipe: (key: string, value: string, time: number) => {
      input.pipeInput(key, value, time)
      return output.readRecordsToList().map((record) => `${record.key}=${record.value}@${record.timestamp}`)
    },
  }
}

function finalCounts(windows = TimeWindows.ofSizeAndGrace(2, 1)): WindowRun {
  return runWindows((grouped) => grouped.windowedBy(windows).count({ name: 'counts' }).suppress(unbounded, { name: 'final' }))
}

t.test('only final results of windows (§5.2, 26)', async (t) => {
  const it = finalCounts()
  const told = [0, 1, 2, 1, 0, 5, 0].map((time) => it.pipe(`k1:v1@${time}`))
  t.same(told, [[], [], [], [], [], ['k1@0/2=4@1', 'k1@2/4=1@2'], []])
  t.equal(it.dropped(), 1, 'the last one is late')
  await it.driver.close()
})

t.test('a large jump of time (§5.2, 27)', async (t) => {
  const it = finalCounts(TimeWindows.ofSizeAndGrace(2, 2))
  const told = [0, 1, 2, 0, 3, 0, 4].flatMap((time) => it.pipe(`k1:v1@${time}`))
  t.same(told, ['k1@0/2=4@1'])
  t.same(it.pipe('k1:v1@30'), ['k1@2/4=2@3', 'k1@4/6=1@4'])
  await it.driver.close()
})

t.test('sessions (§5.2, 28)', async (t) => {
  const it = runWindows((grouped) =>
    grouped
      .windowedBy(SessionWindows.ofInactivityGapAndGrace(5, 0))
      .count({ name: 'counts' })
      .suppress(unbounded, { name: 'final' })
  )
  const told = ['k1:v1@0', 'k1:v1@5', 'k1:v1@1', 'k2:v1@11', 'k1:v1@5', 'k1:v1@30'].flatMap((record) => it.pipe(record))
  t.same(told, ['k1@0/5=3@5', 'k2@11/11=1@11'])
  await it.driver.close()
})

t.test('a buffer of one record that emits early (§5.2, 29)', async (t) => {
  const it = runCounts(Suppressed.untilTimeLimit(Number.MAX_SAFE_INTEGER, BufferConfig.maxRecords(1).emitEarlyWhenFull()))
  t.same(it.pipe('k1', 'v1', 0), [])
  t.same(it.pipe('k1', 'v2', 1), ['v1=0@1'])
  t.same(it.pipe('k2', 'v1', 2), ['v2=1@1'])
  t.same(it.pipe('x', 'x', 3), ['v1=1@2'])
  await it.driver.close()
})

t.test('a buffer of bytes', async (t) => {
  const run = (bytes: number) => {
    const it = runCounts(Suppressed.untilTimeLimit(Number.MAX_SAFE_INTEGER, BufferConfig.maxBytes(bytes)))
    return ['a', 'b', 'c', 'd'].map((value, time) => it.pipe(`key ${value}`, value, time).length)
  }
  const [none, , , some] = run(200)
  t.equal(none, 0)
  t.equal(some, 1)
  t.same(run(0), [1, 1, 1, 1])
  t.same(run(10_000), [0, 0, 0, 0])
})

t.test('a full buffer that may not emit early fails the task', async (t) => {
  const suppressed = Suppressed.untilTimeLimit(100, BufferConfig.maxRecords(1).shutDownWhenFull())
  const it = runCounts(suppressed)
  it.pipe('k1', 'v1', 0)
  t.throws(() => it.pipe('k1', 'v2', 1), { code: 'PROCESSING_FAILED', cause: { code: 'BUFFER_FULL', message: /holds 2 records back/ } })
  await it.driver.close()
})

t.test('until a time limit the last change of each key counts, from its first one on', async (t) => {
  const it = runCounts(Suppressed.untilTimeLimit(2, BufferConfig.unbounded()))
  t.same(it.pipe('k1', 'v1', 0), [])
  t.same(it.pipe('k2', 'v1', 1), [])
  t.same(it.pipe('k3', 'v2', 1), [])
  t.same(it.pipe('x', 'x', 2), ['v1=2@1'])
  t.same(it.pipe('y', 'x', 3), ['v2=1@1'])
  t.same(it.pipe('k1', null as unknown as string, 4), ['x=2@3'], 'deletions are changes, too')
  await it.driver.close()
})

t.test('what is held back survives a restart, a restore and an abort (§5.2, 37)', async (t) => {
  const records = ['a@0', 'b@1', 'a@3', 'a@1', 'c@7', 'b@8', 'a@12', 'c@20', 'd@21', 'a@40']
  const run = (disturb: (driver: TopologyTestDriver, round: number) => void, commitEvery = 1) => {
    let told: string[] = []
    const driver = new TopologyTestDriver(
      (b) =>
        b
          .stream('in', { key: string, value: string })
          .groupByKey()
          .windowedBy(TimeWindows.ofSizeAndGrace(5, 2))
          .count({ name: 'counts' })
          .suppress(unbounded, { name: 'final' })
          .toStream()
          .map(({ key, window }, count) => [`${key}@${window.start}`, `${count}`], { key: string, value: string })
          .to('out'),
      { commitEvery }
    )
    const input = driver.createInputTopic('in', string, string)
    for (const [round, record] of records.entries()) {
      const [key, time] = record.split('@')
      input.pipeInput(key!, 'x', Number(time))
      disturb(driver, round)
    }
    driver.commit()
    told = driver.createOutputTopic('out', string, string).readKeyValuesToList().map((pair) => pair.join('='))
    return told
  }
  const undisturbed = run(() => {})
  t.same(undisturbed, ['a@0=3', 'b@0=1', 'b@5=1', 'c@5=1', 'a@10=1', 'c@20=1', 'd@20=1'])
  t.same(run((driver) => driver.restart()), undisturbed)
  t.same(run((driver) => driver.restore()), undisturbed)
  t.same(run((driver, round) => (round % 3 === 2 ? driver.abort() : round % 3 === 1 ? driver.commit() : undefined), 100), undisturbed)
})

t.test('its changelog is Kafka Streams’, and its store is readable by joins as what it was', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    const table = b.table('in', { key: string, value: string }).suppress(Suppressed.untilTimeLimit(10, BufferConfig.unbounded()), { name: 'held' })
    b.stream('clicks', { key: string, value: string })
      .leftJoin(table, (click, row) => `${click}:${row}`, { value: string })
      .to('out')
  })
  const input = driver.createInputTopic('in', string, string)
  const clicks = driver.createInputTopic('clicks', string, string)
  const out = driver.createOutputTopic('out', string, string)
  input.pipeInput('a', 'one', 0)
  clicks.pipeInput('a', 'c', 1)
  input.pipeInput('a', 'two', 10)
  input.pipeInput('a', 'three', 11)
  clicks.pipeInput('a', 'd', 12)
  input.pipeInput('b', 'x', 30)
  clicks.pipeInput('a', 'e', 31)
  t.same(out.readValuesToList(), ['c:null', 'd:two', 'e:three'])
  const [first] = driver.createOutputTopic('test-held-changelog', string, Serdes.bytes()).readRecordsToList()
  t.same(first!.headers.map(({ key, value }) => [key, [...value!]]), [['v', [3]]])
  const bytes = Buffer.from(first!.value!)
  t.equal(bytes.toString('hex'), [
    '0000000000000000', // timestamp
    '0000000000000000', // offset
    '00000002', Buffer.from('in').toString('hex'), // topic
    '00000000', // partition
    '00000000', // headers
    'ffffffff', // prior
    'ffffffff', // old
    '00000003', Buffer.from('one').toString('hex'),
    '0000000000000000', // time in the buffer
  ].join(''))
  await driver.close()
})

t.test('what cannot be is refused', async (t) => {
  t.throws(() => Suppressed.untilWindowCloses(BufferConfig.maxRecords(1).emitEarlyWhenFull()), { code: 'CONFIG_INVALID', message: /final/ })
  t.throws(() => Suppressed.untilTimeLimit(1, undefined as unknown as BufferConfig), { code: 'CONFIG_INVALID' })
  t.throws(() => BufferConfig.maxRecords(-1), { code: 'CONFIG_INVALID' })
  t.throws(() => new TopologyTestDriver(valueCounts(unbounded)), { code: 'TOPOLOGY_INVALID', message: /has none/ })
  t.throws(() => new TopologyTestDriver(valueCounts({} as Suppressed)), { code: 'CONFIG_INVALID' })
  const unnamed = (b: StreamsBuilder) => b.table('in', { key: string, value: string }).suppress(unbounded, {} as { name: string })
  t.throws(() => new TopologyTestDriver(unnamed), { code: 'NAME_REQUIRED' })
})
