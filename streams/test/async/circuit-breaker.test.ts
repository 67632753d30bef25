import t from 'tap'
import { CircuitBreaker, type CircuitCall, type CircuitEvent, circuitBreakerPolicy, circuitTransition, type CircuitState } from '../../async/circuit-breaker.ts'
import { Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { asyncTopology, ManualCalls, operator, type TextOperator, text } from './calls.ts'

const record = (): CircuitCall => ({ permit: 0, slot: -1 })

/** One call per record, each ending at once. */
function calls(breaker: CircuitBreaker, outcomes: string, now = 0): void {
  for (const outcome of outcomes) {
    const call = record()
    breaker.begin(call)
    breaker.ended(call, outcome === '+' ? 'success' : outcome === '-' ? 'failure' : 'ignored', now)
  }
}

t.test('three states, four events, nothing else', (t) => {
  const states: CircuitState[] = ['closed', 'open', 'half-open']
  const events: CircuitEvent[] = ['failures', 'waited', 'probes-succeeded', 'probes-failed']
  const allowed = new Map([['closed failures', 'open'], ['open waited', 'half-open'], ['half-open probes-succeeded', 'closed'], ['half-open probes-failed', 'open']])
  for (const state of states) {
    for (const event of events) {
      const next = allowed.get(`${state} ${event}`)
      if (next === undefined) {
        t.throws(() => circuitTransition(state, event), { message: `A circuit breaker that is ${state} can't go on ${event}.` })
      } else {
        t.equal(circuitTransition(state, event), next)
      }
    }
  }
  t.end()
})

t.test('opens at its share of failures, over the last records, not before the minimum', (t) => {
  const policy = circuitBreakerPolicy('x', { failureRate: 0.5, window: 4, minimumRecords: 3 })
  const few = new CircuitBreaker(policy)
  calls(few, '--')
  t.equal(few.state, 'closed')
  calls(few, '-')
  t.equal(few.state, 'open')
  const many = new CircuitBreaker(policy)
  calls(many, '++++++-?????+')
  t.equal(many.state, 'closed', 'one of the last four')
  calls(many, '-')
  t.equal(many.state, 'open', 'two of them')
  t.end()
})

t.test('a record that fails over and over is one failure; a late success takes it back', (t) => {
  const breaker = new CircuitBreaker(circuitBreakerPolicy('x', { window: 10, minimumRecords: 3 }))
  const bad = record()
  const again = (outcome: 'failure' | 'success') => {
    breaker.begin(bad)
    breaker.ended(bad, outcome, 0)
  }
  calls(breaker, '++')
  for (let i = 0; i < 50; i++) {
    again('failure')
  }
  t.equal(breaker.state, 'closed')
  calls(breaker, '+')
  again('success')
  calls(breaker, '---')
  t.equal(breaker.state, 'closed', '3 of 7')
  calls(breaker, '-')
  t.equal(breaker.state, 'open', '4 of 8')
  t.end()
})

t.test('pauses double up to the longest; the probes decide as soon as they can', (t) => {
  const breaker = new CircuitBreaker(circuitBreakerPolicy('x', { minimumRecords: 1, openFor: 100, maxOpenFor: 300, probes: 3 }))
  calls(breaker, '-', 1_000)
  t.strictSame([breaker.state, breaker.deadline, breaker.permits(1_099)], ['open', 1_100, false])
  t.equal(breaker.permits(1_100), true)
  t.equal(breaker.state, 'half-open')
  calls(breaker, '-', 1_100)
  t.equal(breaker.state, 'half-open', 'one of three is less than half')
  calls(breaker, '-', 1_100)
  t.strictSame([breaker.state, breaker.deadline], ['open', 1_300])
  breaker.permits(1_300)
  calls(breaker, '--', 1_300)
  t.equal(breaker.deadline, 1_600, 'not 400 ms')
  breaker.permits(1_600)
  const probes = [record(), record(), record()]
  for (const probe of probes) {
    t.equal(breaker.permits(1_600), true)
    breaker.begin(probe)
  }
  t.equal(breaker.permits(1_600), false, 'no fourth')
  breaker.ended(probes[0]!, 'ignored', 1_600)
  t.equal(breaker.permits(1_600), true, 'a bad record does not use up a probe')
  breaker.ended(probes[1]!, 'success', 1_600)
  breaker.ended(probes[2]!, 'success', 1_600)
  t.strictSame([breaker.state, breaker.counts()], ['closed', { state: 'closed', opened: 3 }])
  calls(breaker, '-', 1_600)
  t.equal(breaker.deadline, 1_700, 'the pauses begin anew')
  t.end()
})

t.test('calls of before a transition say nothing of after it', (t) => {
  const breaker = new CircuitBreaker(circuitBreakerPolicy('x', { minimumRecords: 2, openFor: 100, probes: 1 }))
  const early = [record(), record()]
  for (const call of early) {
    breaker.begin(call)
  }
  calls(breaker, '--')
  breaker.permits(100)
  breaker.ended(early[0]!, 'success', 100)
  t.equal(breaker.state, 'half-open')
  const probe = record()
  breaker.begin(probe)
  breaker.forgetCalls()
  t.equal(breaker.permits(100), true, 'a probe nobody waits for any more is made again')
  breaker.ended(probe, 'failure', 100)
  breaker.ended(early[1]!, 'failure', 100)
  t.equal(breaker.state, 'half-open')
  calls(breaker, '+', 100)
  t.equal(breaker.state, 'closed')
  t.end()
})

t.test('settings: defaults, bounds, errors that say what to do', (t) => {
  t.strictSame(circuitBreakerPolicy('x', {}), { failureRate: 0.5, window: 20, minimumRecords: 5, openFor: 10_000, maxOpenFor: 120_000, probes: 3 })
  t.match(circuitBreakerPolicy('x', { openFor: '5m' }), { openFor: 300_000, maxOpenFor: 300_000 })
  t.match(circuitBreakerPolicy('x', { window: 3 }), { minimumRecords: 3 })
  t.match(circuitBreakerPolicy('x', { minimumRecords: 50 }), { window: 50 })
  for (const [options, message] of [
    [{ failureRate: 0 }, /^x: circuitBreaker.failureRate is 0: give a share above 0 and up to 1/],
    [{ failureRate: 1.1 }, /failureRate is 1.1/],
    [{ window: 0 }, /circuitBreaker.window is 0: give a whole number of at least 1/],
    [{ window: 100_000 }, /window is 100000: give at most 10000/],
    [{ window: 5, minimumRecords: 6 }, /minimumRecords is 6, more than the window of 5/],
    [{ openFor: 0 }, /circuitBreaker.openFor is 0/],
    [{ openFor: '1m', maxOpenFor: '5s' }, /maxOpenFor is 5000 ms, less than openFor \(60000 ms\)/],
    [{ probes: 1.5 }, /probes is 1.5/],
    [{ failures: 3 }, /failures is no setting: known are failureRate/],
    [null, /must be an object of settings/],
  ] as const) {
    t.throws(() => circuitBreakerPolicy('x', options as never), { code: 'CONFIG_INVALID', message })
  }
  const topology = asyncTopology(operator(async () => undefined, { circuitBreaker: { probes: 0 } }))
  t.throws(() => new TopologyTestDriver(topology), { code: 'CONFIG_INVALID', message: /^call: circuitBreaker.probes/ })
  t.throws(
    () =>
      new TopologyTestDriver((b) => {
        b.stream('in', { key: text, value: text }).mapAsync(async (value) => value, { name: 'ask', circuitBreaker: { failureRate: 2 } }).to('out')
      }),
    { code: 'CONFIG_INVALID', message: /^mapAsync 'ask': circuitBreaker.failureRate/ },
  )
  t.end()
})

/** A service that is down while `down`, and counts how often it was called. */
function service(options: Partial<TextOperator> = {}) {
  const made: string[] = []
  const state = { down: true, made }
  const driver = new TopologyTestDriver(
    asyncTopology(
      operator(
        async (value) => {
          made.push(value)
          if (value.startsWith('bad')) {
            throw new RangeError('bad record')
          }
          if (state.down) {
            throw new Error('down')
          }
          return value.toUpperCase()
        },
        { onFailure: 'dead-letter', retry: { attempts: 2, backoffMs: 10 }, isPermanent: (error) => error instanceof RangeError, circuitBreaker: { minimumRecords: 4, openFor: '1s', maxOpenFor: '4s' }, ...options },
      ),
    ),
  )
  return { state, driver, input: driver.createInputTopic('in', text, text), out: driver.createOutputTopic('out', text, text) }
}

const values = (count: number, prefix = 'v') => Array.from({ length: count }, (_, i) => `${prefix}${i}`)
const circuitOf = (driver: TopologyTestDriver) => driver.inFlight()[0]!.circuit

t.test('an outage uses up nobody\'s tries: records wait, a few probes are made, then all go on', async (t) => {
  const { state, driver, input, out } = service()
  input.pipeAll(values(30).map((value) => [value, value] as const))
  // Far longer than all tries of a record take.
  for (let second = 0; second < 60; second++) {
    await driver.settle({ retries: false })
    driver.advanceWallClockTime(1_000)
  }
  await driver.settle({ retries: false })
  t.equal(circuitOf(driver)?.state, 'open')
  t.strictSame(driver.deadLetters(), [])
  t.match(driver.inFlight(), [{ pending: 30, running: 0 }])
  // 8 at once, twice, until it opens; then 3 probes after each pause of 1, 2, 4, 4 … seconds.
  t.ok(state.made.length <= 2 * 8 + 3 * 17, `${state.made.length} calls in a minute`)
  t.equal(out.isEmpty, true)
  state.down = false
  await driver.settle()
  t.strictSame(out.readValuesToList().sort(), values(30, 'V').sort())
  t.strictSame(driver.deadLetters(), [])
  t.match(driver.inFlight(), [{ pending: 0, running: 0, circuit: { state: 'closed' } }])
  await driver.close()
})

t.test('per key the order of the input is kept through an outage', async (t) => {
  const { state, driver, input, out } = service({ retry: { attempts: 1, backoffMs: 50 } })
  const records = values(24).map((value, i) => [`k${i % 6}`, value] as const)
  input.pipeAll(records)
  await driver.settle({ retries: false })
  driver.advanceWallClockTime(1_500)
  await driver.settle({ retries: false })
  state.down = false
  await driver.settle()
  const results = out.readKeyValuesToList()
  for (let key = 0; key < 6; key++) {
    t.strictSame(results.filter(([of]) => of === `k${key}`).map(([, value]) => value), [0, 1, 2, 3].map((i) => `V${i * 6 + key}`))
  }
  await driver.close()
})

t.test('bad records open nothing', async (t) => {
  const { state, driver, input, out } = service()
  state.down = false
  input.pipeAll([...values(40, 'bad'), ...values(4)].map((value) => [value, value] as const))
  await driver.settle()
  t.equal(driver.deadLetters().length, 40)
  t.equal(out.readValuesToList().length, 4)
  t.strictSame(circuitOf(driver), { state: 'closed', opened: 0 })
  await driver.close()
})

t.test('calls that do not settle in time open it', async (t) => {
  const manual = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(manual.call, { concurrency: 4, timeoutMs: 100, retry: { attempts: 0 }, onFailure: 'skip', circuitBreaker: { minimumRecords: 2, openFor: 1_000, probes: 1 } })))
  driver.createInputTopic('in', text, text).pipeAll([['a', 'a'], ['b', 'b'], ['c', 'c'], ['d', 'd'], ['e', 'e']])
  driver.advanceWallClockTime(100)
  t.match(driver.inFlight(), [{ pending: 4, running: 0, circuit: { state: 'open', opened: 1 } }], 'only what failed before it opened was given up')
  driver.advanceWallClockTime(1_000)
  t.match(driver.inFlight(), [{ pending: 4, running: 1, circuit: { state: 'half-open' } }])
  manual.made.at(-1)!.resolve('ok')
  await driver.tick()
  t.match(driver.inFlight(), [{ pending: 3, running: 3, circuit: { state: 'closed' } }])
  await driver.close()
})

t.test('while it is open the sources pause at maxPending, and nothing is read on', async (t) => {
  const { state, driver, input, out } = service({ maxPending: 10 })
  input.pipeAll(values(25).map((value) => [value, value] as const))
  await driver.settle({ retries: false })
  t.equal(circuitOf(driver)?.state, 'open')
  t.match(driver.inFlight(), [{ pending: 10 }])
  t.equal(driver.tasks[0]!.paused({ topic: 'in', partition: 0 }), true)
  state.down = false
  await driver.settle()
  t.equal(out.readValuesToList().length, 25)
  t.equal(driver.tasks[0]!.paused({ topic: 'in', partition: 0 }), false)
  await driver.close()
})

t.test('an abort, a restart and a lost disk in the middle of an outage lose nothing', async (t) => {
  for (const how of ['abort', 'restart', 'restore'] as const) {
    const { state, driver, input, out } = service()
    input.pipeAll(values(12).map((value) => [value, value] as const))
    await driver.settle({ retries: false })
    t.equal(circuitOf(driver)?.state, 'open')
    driver[how]()
    await driver.settle({ retries: false })
    t.equal(circuitOf(driver)?.state, 'open', how === 'abort' ? 'what is known of the service outlives an abort' : 'found out again')
    driver.advanceWallClockTime(1_000)
    state.down = false
    await driver.settle()
    t.strictSame(out.readValuesToList().sort(), values(12, 'V').sort(), how)
    t.strictSame(driver.deadLetters(), [])
    await driver.close()
  }
})

t.test('each task has a breaker of its own; counts of all tell the worst', async (t) => {
  const driver = new TopologyTestDriver(
    (b) => {
      b.stream('in', { key: Serdes.string(), value: Serdes.string() })
        .mapAsync(
          async (value) => {
            if (value === 'fails') {
              throw new Error('down')
            }
            return value
          },
          { name: 'ask', value: Serdes.string(), retry: { attempts: 5, backoffMs: 10 }, circuitBreaker: { minimumRecords: 1, openFor: '1h' } },
        )
        .to('out')
    },
    { partitions: 2 },
  )
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('k', 'fails', undefined, undefined, { partition: 0 })
  input.pipeInput('k', 'works', undefined, undefined, { partition: 1 })
  await driver.settle({ retries: false })
  t.strictSame(driver.tasks.map((task) => task.inFlight()[0]!.circuit), [{ state: 'open', opened: 1 }, { state: 'closed', opened: 0 }])
  t.strictSame(circuitOf(driver), { state: 'open', opened: 1 })
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['works'])
  await driver.close()
})
