/** Behaviours 37 to 39 and 45: what a bad record and a crash leave. */
import t from 'tap'
import { BufferConfig, JoinWindows, Suppressed, TimeWindows } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { plussed, string, strings } from './support.ts'

t.test('37. what suppress and joins hold back survives a crash and a lost disk', async (t) => {
  for (const disturb of ['abort', 'restart', 'restore'] as const) {
    const told: string[] = []
    const driver = new TopologyTestDriver((b) => {
      b.stream('in', strings)
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeWithNoGrace(10))
        .count({ name: 'counts' })
        .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()), { name: 'final' })
        .toStream()
        .foreach(({ key, window }, count) => told.push(`${key}@${window.start}=${count}`))
      b.stream('L', strings)
        .leftJoin(b.stream('R', strings), plussed, JoinWindows.ofTimeDifferenceWithNoGrace(10), { name: 'joined', value: string })
        .to('out')
    })
    const pipe = (topic: string, key: string, time: number) => driver.createInputTopic(topic, string, string).pipeInput(key, 'v', time)
    pipe('in', 'a', 1)
    pipe('in', 'a', 2)
    pipe('L', 'alone', 1)
    driver[disturb]()
    pipe('in', 'b', 10)
    pipe('R', 'other', 12)
    t.same(told, ['a@0=2'], disturb)
    t.same(driver.createOutputTopic('out', string, string).readKeyValuesToList(), [['alone', 'v+null']], disturb)
    await driver.close()
  }
})

function kaboom(processing: 'dead-letter' | 'fail'): TopologyTestDriver {
  return new TopologyTestDriver((b) =>
    b
      .stream('in', strings)
      .mapValues(
        (value) => {
          if (value === 'value-2') {
            throw new Error('KABOOM')
          }
          return value
        },
        { value: string, onError: { processing } }
      )
      .to('out')
  )
}

t.test('38. a record that cannot be processed goes to the dead letters as it came, with where it came from and why', async (t) => {
  const driver = kaboom('dead-letter')
  const input = driver.createInputTopic('in', string, string)
  for (const number of [1, 2, 3]) {
    input.pipeInput('key', `value-${number}`, number)
  }
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['value-1', 'value-3'])
  const [letter, ...others] = driver.deadLetters()
  t.equal(others.length, 0)
  t.same([letter!.key, letter!.value].map(String), ['key', 'value-2'])
  t.match(letter!.headers, {
    '__streams.errors.exception': 'Error',
    '__streams.errors.code': 'PROCESSING_FAILED',
    '__streams.errors.node': 'in/mapValues',
    '__streams.errors.attempts': '1',
    '__streams.errors.topic': 'in',
    '__streams.errors.partition': '0',
    '__streams.errors.offset': '1',
  })
  t.notMatch(JSON.stringify(letter!.headers), /KABOOM/, 'but no message or stack, which may hold what the record holds')
  await driver.close()

  const failing = kaboom('fail')
  const pipe = failing.createInputTopic('in', string, string)
  pipe.pipeInput('key', 'value-1', 1)
  t.throws(() => pipe.pipeInput('key', 'value-2', 2), { code: 'PROCESSING_FAILED' }, 'unless the policy is to fail')
})

t.test('39. offsets go on over records that cannot be read', async (t) => {
  const json = { serialize: string.serialize, deserialize: (_topic: string, bytes: Uint8Array): string => JSON.parse(Buffer.from(bytes).toString()) as string }
  const driver = new TopologyTestDriver((b) =>
    b.stream('in', { key: string, value: json, onError: { deserialization: 'skip' } }).to('out', { value: string })
  )
  const input = driver.createInputTopic('in', string, string)
  for (const text of ['{', '[', '"fine"', 'neither']) {
    input.pipeInput('k', text, 1)
  }
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['fine'])
  driver.restart()
  input.pipeInput('k', '"after"', 1)
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['fine', 'after'], 'none of them came again')
  await driver.close()
})

t.test('45. a record that is processed again after a failure is told again: nothing swallows it as unchanged', async (t) => {
  let failed = false
  const driver = new TopologyTestDriver((b) =>
    b
      .table('in', { key: string, value: string })
      .toStream()
      .mapValues(
        (value) => {
          if (value === 'A' && !failed) {
            failed = true
            throw new Error('once')
          }
          return value ?? ''
        },
        { value: string }
      )
      .to('out')
  )
  const input = driver.createInputTopic('in', string, string)
  t.throws(() => input.pipeInput('1', 'A', 1), { code: 'PROCESSING_FAILED' })
  driver.abort()
  input.pipeInput('1', 'B', 2)
  t.same(driver.createOutputTopic('out', string, string).readKeyValuesToList(), [['1', 'A'], ['1', 'B']])
  await driver.close()
})
