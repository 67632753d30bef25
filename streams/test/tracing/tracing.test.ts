import * as api from '@opentelemetry/api'
import t from 'tap'
import { type Header, JoinWindows, KafkaStreams, type KeyValueStore, type OpenTelemetry, Serdes, type StreamsBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { loadTracing } from '../../tracing/load.ts'
import { traceParentOf, traceStateOf } from '../../tracing/traceparent.ts'
import { oneStep, processor } from '../runtime/topologies.ts'
import { same } from '../types/same.ts'
import { type Recorded, recordingApi, spans } from './recorder.ts'

t.ok(same<typeof api extends OpenTelemetry ? true : false, true>(true), '@opentelemetry/api is what is asked for')

const string = Serdes.string()
const TRACE = 'a'.repeat(32)
const header = (key: string, value: string): Header => ({ key, value: Buffer.from(value) })
const parent = (span: string, trace = TRACE) => header('traceparent', `00-${trace}-${span.repeat(16)}-01`)
const open = (topology: (b: StreamsBuilder) => void, tracing: OpenTelemetry = recordingApi(), config = {}) => new TopologyTestDriver(topology, { tracing, ...config })
const named = (name: string): Recorded[] => spans.filter((span) => span.name === name)
const contextIn = (headers: readonly Header[]) => headers.filter(({ key }) => key.startsWith('trace')).map(({ key, value }) => `${key}: ${Buffer.from(value!).toString()}`)

t.test('a span per record of a task; what leaves is its child, other headers stay', async (t) => {
  const driver = open((b) => void b.stream('in', { key: string, value: string }).mapValues((value) => value.toUpperCase()).filter(() => true).to('out', { value: string }))
  const input = driver.createInputTopic('in', string, string)
  input.pipeInput('k', 'v', 5, [parent('b'), header('tracestate', 'vendor=1'), header('mine', 'x')])
  input.pipeInput('k', 'v', 6)
  t.equal(spans.length, 2, 'one per record, however many operators')
  const [first, second] = spans as [Recorded, Recorded]
  t.match(first, {
    name: 'process in', traceId: TRACE, parent: 'b'.repeat(16), traceState: 'vendor=1', kind: api.SpanKind.CONSUMER, ended: 1, status: undefined,
    attributes: { 'messaging.system': 'kafka', 'messaging.destination.name': 'in', 'messaging.destination.partition.id': '0', 'messaging.kafka.offset': 0, 'messaging.consumer.group.name': 'test' },
  })
  t.equal(second.parent, undefined, 'without a context it begins a trace')
  const out = driver.createOutputTopic('out', string, string).readRecordsToList()
  t.strictSame(contextIn(out[0]!.headers), [`traceparent: 00-${TRACE}-${first.spanId}-01`, 'tracestate: vendor=1'])
  t.ok(out[0]!.headers.some(({ key }) => key === 'mine'))
  t.strictSame(contextIn(out[1]!.headers), [`traceparent: 00-${second.traceId}-${second.spanId}-01`])
  await driver.close()
})

t.test('through a repartition topic', async (t) => {
  const driver = open((b) => {
    b.stream('in', { key: string, value: string }).selectKey((_key, value) => value, { key: string }).repartition({ name: 'by-value', key: string, value: string }).groupByKey().count({ name: 'counts' }).toStream().to('out')
  })
  driver.createInputTopic('in', string, string).pipeInput('k', 'v', 5, [parent('b')])
  t.match(spans, [
    { name: 'process in', parent: 'b'.repeat(16) },
    { name: 'process test-by-value-repartition', traceId: TRACE, parent: spans[0]!.spanId },
  ])
  t.strictSame(contextIn(driver.createOutputTopic('out', string, Serdes.long()).readRecord().headers), [`traceparent: 00-${TRACE}-${spans[1]!.spanId}-01`])
  await driver.close()
})

t.test('an asynchronous operator: a span per try, one for the result; the context waits in the pending entry', async (t) => {
  let broken = true
  const inside: (string | undefined)[] = []
  const driver = open((b) => {
    b.stream('in', { key: string, value: string })
      .mapAsync(
        async (value) => {
          await Promise.resolve()
          inside.push(api.trace.getSpanContext(api.context.active())?.spanId)
          if (broken) {
            throw Object.assign(new Error('secret of the record'), { code: 'SERVICE_DOWN' })
          }
          return value
        },
        { name: 'ask', value: string, retry: { attempts: 5, backoffMs: 100 } },
      )
      .to('out')
  })
  driver.createInputTopic('in', string, string).pipeInput('k', 'v', 5, [parent('b')])
  await driver.settle({ retries: false })
  broken = false
  driver.restore()
  await driver.settle()
  const [process] = named('process in') as [Recorded]
  const calls = named('call ask')
  t.equal(calls.length, 2)
  t.match(calls, [
    { parent: process.spanId, traceId: TRACE, ended: 1, status: { code: api.SpanStatusCode.ERROR, message: 'SERVICE_DOWN' }, attributes: { 'error.type': 'SERVICE_DOWN', 'millrace.operator': 'ask', 'millrace.attempt': 1 } },
    { parent: process.spanId, traceId: TRACE, ended: 1, status: undefined, attributes: { 'millrace.attempt': 2 } },
  ], 'the second from the changelog')
  t.strictSame(inside, calls.map(({ spanId }) => spanId), 'what the call makes is a child of it')
  const [result] = named('process ask') as [Recorded]
  t.match(result, { parent: process.spanId, kind: api.SpanKind.INTERNAL, ended: 1 })
  t.strictSame(contextIn(driver.createOutputTopic('out', string, string).readRecord().headers), [`traceparent: 00-${TRACE}-${result.spanId}-01`])
  t.notMatch(JSON.stringify(spans), /secret/)
  await driver.close()
})

t.test('a result that cannot go on says so in its span, whatever the policy does then', async (t) => {
  const driver = open((b) => {
    b.stream('in', { key: string, value: string })
      .processAsync({
        call: async () => 'result',
        complete: () => {
          throw new Error('secret of the result')
        },
      }, { name: 'ask', key: string, value: string, onFailure: 'dead-letter' })
      .to('out')
  })
  driver.createInputTopic('in', string, string).pipeInput('k', 'v')
  await driver.settle()
  t.match(named('process ask'), [{ ended: 1, status: { code: api.SpanStatusCode.ERROR, message: 'PROCESSING_FAILED' } }])
  t.equal(driver.deadLetters().length, 1)
  t.notMatch(JSON.stringify(spans), /secret/)
  await driver.close()
})

t.test('calls that are given up end their spans', async (t) => {
  const driver = open((b) => {
    b.stream('in', { key: string, value: string }).mapAsync(() => new Promise<string>(() => undefined), { name: 'ask', value: string, timeout: 100, retry: 1 }).to('out')
  })
  driver.createInputTopic('in', string, string).pipeInput('k', 'v')
  driver.advanceWallClockTime(100)
  driver.advanceWallClockTime(200)
  await driver.close()
  t.match(named('call ask'), [{ ended: 1, status: { message: 'CALL_TIMEOUT' } }, { ended: 1, status: { message: 'NOT_RUNNING' } }])
})

t.test('a join is linked with what wrote the row, an aggregate with what wrote it before', async (t) => {
  const driver = open((b) => {
    const names = b.table('names', { key: string, value: string })
    b.stream('in', { key: string, value: string }).join(names, (value, name) => `${value} ${name}`, { value: string }).groupByKey().count({ name: 'counts' }).toStream().to('out')
  })
  driver.createInputTopic('names', string, string).pipeInput('k', 'n', 1, [parent('c', 'c'.repeat(32))])
  const input = driver.createInputTopic('in', string, string)
  input.pipeInput('k', 'v', 5, [parent('b')])
  input.pipeInput('k', 'w', 6, [parent('d')])
  input.pipeInput('other', 'w', 6, [parent('e')])
  const [table] = named('process names') as [Recorded]
  const [first, second, third] = named('process in') as [Recorded, Recorded, Recorded]
  t.strictSame(first.links.map(({ spanId }) => spanId), [table.spanId])
  t.strictSame(second.links.map(({ spanId }) => spanId), [table.spanId, first.spanId])
  t.strictSame(third.links, [])
  await driver.close()
})

t.test('the other side of a join of two streams is linked', async (t) => {
  const driver = open((b) => {
    const left = b.stream('left', { key: string, value: string })
    const right = b.stream('right', { key: string, value: string })
    left.join(right, (l, r) => `${l}${r}`, JoinWindows.ofTimeDifferenceWithNoGrace('1m'), { name: 'both', value: string }).to('out')
  })
  driver.createInputTopic('left', string, string).pipeInput('k', 'l', 1_000)
  driver.createInputTopic('right', string, string).pipeInput('k', 'r', 2_000)
  const [left] = named('process left') as [Recorded]
  t.ok(named('process right')[0]!.links.some(({ spanId }) => spanId === left.spanId))
  t.ok(named('process right')[0]!.links.length <= 32)
  await driver.close()
})

t.test('a punctuation is a span of its own: what it makes is its child, what it held goes on in its own trace', async (t) => {
  let held: readonly Header[] = []
  const supplier = processor(
    ({ headers }) => {
      held = headers
    },
    (context) => {
      context.schedule(10, 'stream-time', (timestamp) => context.forward({ key: 'held', value: 'v', timestamp, headers: held }))
      context.schedule(100, 'wall-clock-time', (timestamp) => {
        const counts = context.getStateStore<KeyValueStore<string, number>>('counts')
        counts.put('fired', (counts.get('fired') ?? 0) + 1)
        context.forward({ key: 'made', value: 'v', timestamp, headers: [header('mine', 'x')] })
      })
    },
  )
  const driver = new TopologyTestDriver(oneStep(supplier), { tracing: recordingApi(), startTime: 1_000 })
  driver.createInputTopic('in', string, string).pipeInput('k', 'v', 25, [parent('b')])
  driver.advanceWallClockTime(100)
  driver.advanceWallClockTime(100)
  const [onRecords, ...onClock] = named('punctuate step') as [Recorded, Recorded, Recorded]
  t.match(onRecords, {
    parent: undefined, kind: api.SpanKind.INTERNAL, ended: 1, status: undefined,
    attributes: { 'millrace.operator': 'step', 'millrace.task': 'in_0', 'millrace.punctuation.type': 'stream-time', 'millrace.punctuation.time': 25 },
  })
  t.not(onRecords.traceId, TRACE, 'the record that moved time is not what it is about')
  t.match(onClock, [1_100, 1_200].map((time) => ({ parent: undefined, ended: 1, attributes: { 'millrace.punctuation.type': 'wall-clock-time', 'millrace.punctuation.time': time } })))
  const out = driver.createOutputTopic('out', string, string).readRecordsToList()
  t.strictSame(out.map(({ headers }) => contextIn(headers)), [
    [`traceparent: 00-${TRACE}-${'b'.repeat(16)}-01`],
    ...onClock.map(({ traceId, spanId }) => [`traceparent: 00-${traceId}-${spanId}-01`]),
  ])
  t.ok(out[1]!.headers.some(({ key }) => key === 'mine'))
  t.match(onRecords.links, [{ spanId: 'b'.repeat(16) }])
  t.match(onClock[1]!.links, [{ spanId: onClock[0]!.spanId }], 'of the row it read')
  await driver.close()
})

t.test('a punctuator that fails says its code, under a policy too, and what comes next is another span', async (t) => {
  for (const policy of [{ processing: 'skip' }, undefined] as const) {
    const supplier = processor(() => undefined, (context) => context.schedule(100, 'wall-clock-time', () => {
      throw new Error('secret of the store')
    }))
    const driver = new TopologyTestDriver(oneStep(supplier, policy), { tracing: recordingApi() })
    if (policy === undefined) {
      t.throws(() => driver.advanceWallClockTime(100), { code: 'PROCESSING_FAILED' })
    } else {
      driver.advanceWallClockTime(100)
      driver.createInputTopic('in', string, string).pipeInput('k', 'v')
      t.match(spans.slice(1), [{ name: 'process in', status: undefined }])
    }
    t.match(spans[0], { name: 'punctuate step', ended: 1, status: { code: api.SpanStatusCode.ERROR, message: 'PROCESSING_FAILED' } })
    t.notMatch(JSON.stringify(spans), /secret/)
    await driver.close().catch(() => undefined)
  }
})

t.test('a failure says its code and nothing else; dead letters keep their context', async (t) => {
  const driver = open((b) => {
    b.stream('in', { key: string, value: string, onError: { deserialization: 'dead-letter' } })
      .mapValues((value): string => {
        throw new TypeError(`secret ${value}`)
      }, { name: 'throws', value: string, onError: { processing: 'dead-letter' } })
      .to('out')
  })
  driver.createInputTopic('in', string, string).pipeInput('k', 'v', 5, [parent('b')])
  t.match(spans, [{ ended: 1, status: { code: api.SpanStatusCode.ERROR, message: 'PROCESSING_FAILED' }, attributes: { 'error.type': 'PROCESSING_FAILED' } }])
  t.notMatch(JSON.stringify(spans), /secret/)
  t.equal(driver.deadLetters()[0]!.headers.traceparent, `00-${TRACE}-${'b'.repeat(16)}-01`)
  driver.createInputTopic('in', string, string).pipeInput('k', 'v', -1)
  t.match(spans[1], { ended: 1, status: { message: 'TIMESTAMP_INVALID' } })
  await driver.close()
})

t.test('without a provider the API does nothing, and what came goes on', async (t) => {
  api.trace.disable()
  const driver = open((b) => void b.stream('in', { key: string, value: string }).mapAsync(async (value) => value, { name: 'ask', value: string }).to('out'), api)
  driver.createInputTopic('in', string, string).pipeInput('k', 'v', 5, [parent('b')])
  driver.createInputTopic('in', string, string).pipeInput('l', 'v', 5)
  await driver.settle()
  const out = driver.createOutputTopic('out', string, string).readRecordsToList()
  t.strictSame(out.map(({ headers }) => contextIn(headers)), [[`traceparent: 00-${TRACE}-${'b'.repeat(16)}-01`], []])
  await driver.close()
})

t.test('traceparent: what is valid, and what hostile headers come to', (t) => {
  const of = (text: string) => traceParentOf([header('traceparent', text)])
  t.match(of(`00-${TRACE}-${'b'.repeat(16)}-01`), { traceId: TRACE, spanId: 'b'.repeat(16), flags: 1 })
  t.match(of(`cc-${TRACE}-${'b'.repeat(16)}-00-later`), { flags: 0 }, 'a later version may say more')
  for (const text of ['', '00', `00-${TRACE}-${'b'.repeat(16)}-01-more`, `ff-${TRACE}-${'b'.repeat(16)}-01`, `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `00-${TRACE.toUpperCase()}-${'b'.repeat(16)}-01`, `01-${TRACE}-${'b'.repeat(16)}-01-${'x'.repeat(1e6)}`, '\n'.repeat(55)]) {
    t.equal(of(text), undefined, text.slice(0, 60))
  }
  t.equal(traceParentOf([{ key: 'traceparent', value: null }]), undefined)
  t.match(traceParentOf([parent('b'), parent('c')]), { spanId: 'c'.repeat(16) }, 'the last one counts')
  t.equal(traceStateOf([header('tracestate', 'x'.repeat(600))]), undefined)
  t.end()
})

t.test('what gives no API is refused, with what to do', async (t) => {
  const here = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`
  await t.rejects(loadTracing(here('export const x = 1')), { code: 'CONFIG_INVALID', message: /default export \(\) => api/ })
  await t.rejects(loadTracing('file:///nowhere.ts'), { code: 'CONFIG_INVALID', message: /could not be loaded/ })
  await t.rejects(loadTracing(() => ({ trace: {} }) as never), { code: 'CONFIG_INVALID', message: /is no OpenTelemetry API/ })
  t.equal(await loadTracing(async () => api), api)
  const topology = new URL('file:///topology.ts')
  for (const options of [{ topology, tracing: () => api }, { topology: () => undefined, threads: 'in-process' as const, tracing: 'file:///tracing.ts' as never }]) {
    t.throws(() => new KafkaStreams({ ...options, applicationId: 'a', bootstrapServers: 'h:1' }), { code: 'CONFIG_INVALID', message: /^tracing: give the URL of a module/ })
  }
})
