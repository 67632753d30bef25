import t from 'tap'
import { backoff } from '../../async/backoff.ts'
import type { StreamsError } from '../../errors.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { asyncTopology, ManualCalls, operator, text } from './calls.ts'

const none = [{ operator: 'call', pending: 0, running: 0, parked: 0 }]

t.test('back-off doubles up to its longest pause, with full jitter', (t) => {
  const policy = { attempts: 9, backoffMs: 100, maxBackoffMs: 1_000 }
  t.strictSame([1, 2, 3, 4, 5, 60].map((failures) => backoff(policy, failures, 0.9999999)), [99, 199, 399, 799, 999, 999])
  t.equal(backoff(policy, 5, 0), 0)
  t.equal(backoff({ attempts: 1 }, 1, 0.5), 100)
  t.end()
})

t.test('a failed call is tried again after its pause, in virtual time; the key waits, others do not', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { retry: { attempts: 2, backoffMs: 1_000 } })))
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeAll([['a', 'a1'], ['a', 'a2'], ['b', 'b1']])
  calls.of('a1').reject(new Error('503'))
  await driver.tick()
  t.equal(driver.tasks[0]!.nextDeadline(), 500, 'half of the pause by the test\'s jitter')
  driver.advanceWallClockTime(499)
  t.strictSame(calls.values, ['a1', 'b1'])
  driver.advanceWallClockTime(1)
  t.strictSame(calls.values, ['a1', 'b1', 'a1'])
  t.equal(calls.of('a1').info.attempt, 2)
  t.equal(calls.made[0]!.info.idempotencyKey, calls.made[2]!.info.idempotencyKey)
  calls.of('a1').resolve('ok')
  await driver.tick()
  t.strictSame(out.readValuesToList(), ['ok'])
  t.strictSame(calls.values.slice(3), ['a2'])
  await driver.close()
})

t.test('settle lets pauses pass by itself', async (t) => {
  let tries = 0
  const driver = new TopologyTestDriver(
    asyncTopology(
      operator(
        async () => {
          if (++tries < 4) {
            throw new Error('not yet')
          }
          return tries
        },
        { retry: { attempts: 5, backoffMs: 60_000, maxBackoffMs: 600_000 } }
      )
    )
  )
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  await driver.settle()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['4'])
  t.equal(driver.currentTime, 30_000 + 60_000 + 120_000)
  await driver.close()
})

t.test('a call that does not settle in time is aborted and tried again; its late answer is nobody\'s', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { timeoutMs: 100, retry: { attempts: 1, backoffMs: 0 } })))
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  const first = calls.of('v')
  t.equal(driver.tasks[0]!.nextDeadline(), 100)
  driver.advanceWallClockTime(100)
  t.equal(first.info.signal.aborted, true)
  t.equal((first.info.signal.reason as StreamsError).code, 'CALL_TIMEOUT')
  t.equal(calls.made.length, 2)
  first.resolve('late')
  await driver.tick()
  t.equal(driver.createOutputTopic('out', text, text).isEmpty, true)
  calls.of('v').resolve('second')
  await driver.tick()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['second'])
  await driver.close()
})

t.test('after the last try: fail stops the task and names the operator', async (t) => {
  const driver = new TopologyTestDriver(asyncTopology(operator(async () => {
    throw new Error('no')
  })))
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  await t.rejects(driver.settle(), { code: 'CALL_FAILED', message: /^call failed at in-0@0/ })
  await driver.close()
})

for (const onFailure of ['skip', 'dead-letter'] as const) {
  t.test(`after the last try: ${onFailure}`, async (t) => {
    const driver = new TopologyTestDriver(
      asyncTopology(
        operator(
          async (value) => {
            if (value === 'bad') {
              throw new TypeError('no')
            }
            return value
          },
          { onFailure, retry: { attempts: 2 } }
        )
      )
    )
    driver.createInputTopic('in', text, text).pipeAll([['k', 'bad'], ['k', 'good']])
    await driver.settle()
    t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['good'])
    t.strictSame(driver.inFlight(), none)
    const letters = driver.deadLetters()
    t.equal(letters.length, onFailure === 'skip' ? 0 : 1)
    if (onFailure === 'dead-letter') {
      t.equal(Buffer.from(letters[0]!.key!).toString(), 'k')
      t.equal(Buffer.from(letters[0]!.value!).toString(), 'bad')
      t.match(letters[0]!.headers, {
        '__streams.errors.exception': 'TypeError',
        '__streams.errors.node': 'call',
        '__streams.errors.attempts': '3',
        '__streams.errors.code': 'CALL_FAILED',
        '__streams.errors.topic': 'in',
        '__streams.errors.offset': '0',
        '__streams.errors.raw': 'operator',
      })
    }
    await driver.close()
  })
}

t.test('a permanent error is not tried again', async (t) => {
  let tries = 0
  const driver = new TopologyTestDriver(
    asyncTopology(
      operator(
        async () => {
          tries++
          throw new RangeError('never')
        },
        { onFailure: 'skip', retry: { attempts: 5 }, isPermanent: (error) => error instanceof RangeError }
      )
    )
  )
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  await driver.settle()
  t.equal(tries, 1)
  await driver.close()
})

t.test('a complete that fails is taken back, and not called again', async (t) => {
  let tries = 0
  const driver = new TopologyTestDriver(
    asyncTopology(
      operator(async () => ++tries, {
        onFailure: 'dead-letter',
        retry: { attempts: 5 },
        complete: (_result, record, context) => {
          context.forward(record)
          throw new Error('after the effect')
        },
      })
    )
  )
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  await driver.settle()
  t.equal(tries, 1)
  t.equal(driver.createOutputTopic('out', text, text).isEmpty, true)
  t.equal(driver.deadLetters().length, 1)
  t.strictSame(driver.inFlight(), none)
  await driver.close()
})

t.test('park: only that key waits, outside maxPending; release calls it again, the others follow', async (t) => {
  let broken = true
  const called: string[] = []
  const driver = new TopologyTestDriver(
    asyncTopology(
      operator(
        async (value) => {
          called.push(value)
          if (broken && value.startsWith('a')) {
            throw new Error('no')
          }
          return value.toUpperCase()
        },
        { onFailure: 'park', retry: { attempts: 1 }, maxPending: 3 }
      )
    )
  )
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeInput('a', 'a1')
  await driver.settle()
  for (let i = 2; i <= 10; i++) {
    input.pipeInput('a', `a${i}`)
  }
  input.pipeAll([['b', 'b1'], ['c', 'c1']])
  await driver.settle()
  t.strictSame(out.readValuesToList(), ['B1', 'C1'])
  t.strictSame(called, ['a1', 'a1', 'b1', 'c1'])
  t.strictSame(driver.inFlight(), [{ operator: 'call', pending: 0, running: 0, parked: 10 }])
  t.equal(driver.tasks[0]!.paused({ topic: 'in', partition: 0 }), false)
  const [parked] = driver.parkedKeys()
  t.match(parked, { operator: 'call', id: Buffer.from('a').toString('base64url'), records: 10, attempts: 2, failure: 'CALL_FAILED', topic: 'in', partition: 0, offset: 0 })
  driver.restart()
  await driver.settle()
  t.match(driver.parkedKeys(), [{ records: 10, attempts: 2 }], 'parked across a restart')
  driver.restore()
  await driver.settle()
  t.match(driver.parkedKeys(), [{ records: 10, attempts: 2 }], 'and a lost disk')
  t.equal(called.length, 4, 'nothing was called again')
  t.equal(driver.releaseParked('call', 'bm9ib2R5'), false)
  t.equal(driver.releaseParked('call', parked!.id), true)
  await driver.settle()
  t.match(driver.parkedKeys(), [{ records: 10, attempts: 2 }], 'it failed again with all its tries')
  broken = false
  driver.releaseParked('call', parked!.id)
  await driver.settle()
  t.strictSame(out.readValuesToList(), Array.from({ length: 10 }, (_, i) => `A${i + 1}`))
  t.strictSame(driver.parkedKeys(), [])
  driver.restart()
  await driver.settle()
  t.strictSame(driver.inFlight(), none)
  t.equal(out.isEmpty, true)
  await driver.close()
})

t.test('parked records can be dropped: the failed one, or the whole key', async (t) => {
  const make = () => {
    const driver = new TopologyTestDriver(
      asyncTopology(
        operator(
          async (value) => {
            if (value === 'a1') {
              throw new Error('no')
            }
            return value
          },
          { onFailure: 'park' }
        )
      )
    )
    driver.createInputTopic('in', text, text).pipeAll([['a', 'a1'], ['a', 'a2'], ['a', 'a3']])
    return driver
  }
  const head = make()
  await head.settle()
  t.equal(head.dropParked('call', head.parkedKeys()[0]!.id, 'head'), 1)
  await head.settle()
  t.strictSame(head.createOutputTopic('out', text, text).readValuesToList(), ['a2', 'a3'])
  t.strictSame(head.inFlight(), none)
  await head.close()
  const key = make()
  await key.settle()
  t.equal(key.dropParked('call', key.parkedKeys()[0]!.id, 'key'), 3)
  await key.settle()
  t.equal(key.createOutputTopic('out', text, text).isEmpty, true)
  t.strictSame(key.inFlight(), none)
  key.restore()
  t.strictSame(key.inFlight(), none, 'their rows are gone')
  await key.close()
})

t.test('above the bound of parked records the next policy acts', async (t) => {
  const driver = new TopologyTestDriver(
    asyncTopology(
      operator(
        async () => {
          throw new Error('no')
        },
        { onFailure: 'park' }
      )
    ),
    { config: { parkedMaxRecords: 2 } }
  )
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('a', '1')
  await driver.settle()
  input.pipeAll([['a', '2'], ['a', '3'], ['b', '4']])
  await driver.settle()
  t.match(driver.inFlight(), [{ parked: 2, pending: 0 }])
  t.strictSame(driver.deadLetters().map(({ value }) => Buffer.from(value!).toString()).sort(), ['3', '4'])
  await driver.close()
})

t.test('prepare that fails counts as a try', async (t) => {
  let tries = 0
  const driver = new TopologyTestDriver(
    asyncTopology(
      operator(async (value) => value, {
        retry: { attempts: 1 },
        prepare: (record) => {
          if (tries++ === 0) {
            throw new Error('once')
          }
          return `prepared ${record.value}`
        },
      })
    )
  )
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  await driver.settle()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['prepared v'])
  await driver.close()
})

t.test('an entry too large for its changelog strikes the record that made it', async (t) => {
  const driver = new TopologyTestDriver(asyncTopology(operator(async (value) => value.length, { onFailure: 'dead-letter' })), {
    maxMessageBytes: (topic) => (topic.endsWith('-changelog') ? 1_000 : undefined),
  })
  driver.createInputTopic('in', text, text).pipeAll([['k', 'x'.repeat(2_000)], ['k', 'small']])
  await driver.settle()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['5'])
  t.match(driver.deadLetters(), [{ headers: { '__streams.errors.code': 'RECORD_TOO_LARGE', '__streams.errors.raw': 'source' } }])
  await driver.close()
})

t.test('limits and combinations that make no sense are refused', (t) => {
  const call = async () => undefined
  for (const [options, message] of [
    [{ concurrency: 0 }, /call: concurrency is 0/],
    [{ maxPending: 0 }, /maxPending/],
    [{ timeoutMs: Number.NaN }, /timeoutMs/],
    [{ retry: { attempts: -1 } }, /retry.attempts/],
    [{ order: 'input', onFailure: 'park' }, /order 'key'/],
  ] as const) {
    t.throws(() => new TopologyTestDriver(asyncTopology(operator(call, options))), { code: 'CONFIG_INVALID', message })
  }
  t.end()
})
