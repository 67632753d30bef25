import t from 'tap'
import { KafkaStreams, StreamsError } from '../../index.ts'
import { plainError, revivedError } from '../../runtime/messages.ts'
import { MAX_REPLACEMENTS } from '../../runtime/replacements.ts'
import { StreamThreads } from '../../runtime/stream-threads.ts'
import type { ThreadHost } from '../../runtime/thread-host.ts'
import { type UncaughtErrorAction, type UncaughtErrorCallback, UncaughtErrors } from '../../runtime/uncaught-errors.ts'

const FAILED = new StreamsError('PROCESSING_FAILED', 'price failed at orders-3@17')
const PERMANENT = new StreamsError('AUTHORIZATION_FAILED', 'no right to read orders')

function deciding(callback: UncaughtErrorCallback | undefined, policy: UncaughtErrorAction = 'fail', answerMs?: number) {
  const warnings: string[] = []
  const errors = new UncaughtErrors({ policy, callback, onWarning: (message) => warnings.push(message), ...(answerMs === undefined ? {} : { answerMs }) })
  return { errors, warnings, decide: (error: Error = FAILED) => errors.decide(1, error) }
}

const REPLACED = { replace: true } as const
const ends = (everywhere: boolean, error: Error = FAILED) => ({ replace: false, error, everywhere })

t.test('without a callback the policy decides', async (t) => {
  t.same(await deciding(undefined).decide(), ends(false))
  t.same(await deciding(undefined, 'replace-thread').decide(), REPLACED)
  t.same(await deciding(undefined, 'replace-thread').decide(PERMANENT), ends(false, PERMANENT), 'it would only come again')
  t.same(await deciding(undefined, 'stop-application').decide(), ends(true))
  t.same(await deciding(undefined, 'stop-application').decide(PERMANENT), ends(false, PERMANENT), 'it is only this instance that cannot')
})

t.test('the callback decides about each error, at once or later', async (t) => {
  const asked: unknown[] = []
  const { decide, warnings } = deciding((error, thread) => {
    asked.push([thread, (error as StreamsError).code])
    return error === PERMANENT ? Promise.resolve('stop-application' as const) : 'replace-thread'
  })
  t.same(await decide(), REPLACED)
  t.same(await decide(PERMANENT), ends(true, PERMANENT), 'it has said so of this very error')
  t.same(asked, [[1, 'PROCESSING_FAILED'], [1, 'AUTHORIZATION_FAILED']])
  t.same(await deciding(() => 'fail', 'replace-thread').decide(), ends(false))
  t.same(warnings, [])
})

t.test('replacing has its limits, whoever wants it', async (t) => {
  const { decide } = deciding(() => 'replace-thread')
  t.same(await decide(PERMANENT), ends(false, PERMANENT))
  for (let i = 0; i < MAX_REPLACEMENTS; i++) {
    t.same(await decide(), REPLACED)
  }
  t.match(await decide(), { replace: false, error: { code: 'THREAD_DIED', cause: FAILED }, everywhere: false })
})

t.test('a callback without an answer leaves it to the policy', async (t) => {
  const silent = deciding(() => undefined, 'replace-thread')
  t.same(await silent.decide(), REPLACED)
  t.same(silent.warnings, [], 'it may')
  for (const [callback, warning] of [
    [() => { throw new TypeError('secret of a record') }, /onUncaughtError has thrown \(TypeError\): uncaughtError \('replace-thread'\) decides about the error of thread 1/],
    [async () => { throw 'secret of a record' }, /has thrown \(string\)/],
    [() => 'REPLACE_THREAD' as 'fail', /has given what is none of 'fail', 'replace-thread', 'stop-application'/],
    [() => new Promise<undefined>(() => undefined), /has not answered within 1 ms/],
  ] as [UncaughtErrorCallback, RegExp][]) {
    const { decide, warnings } = deciding(callback, 'replace-thread', 1)
    t.same(await decide(), REPLACED)
    t.equal(warnings.length, 1)
    t.match(warnings[0], warning)
    t.notMatch(warnings[0], /secret/)
  }
})

t.test('nobody waits for an answer once the application ends', async (t) => {
  const { errors, decide, warnings } = deciding(() => new Promise<undefined>(() => undefined))
  const decision = decide()
  errors.close()
  t.same(await decision, ends(false))
  t.same(warnings, [])
})

t.test('what it goes by crosses from the thread: codes, names, messages and stacks of the causes', async (t) => {
  const deepest = Object.assign(new RangeError('beyond'), { code: 7 })
  const thrown = Object.assign(new Error('prices are down', { cause: deepest }), { code: 'PRICES_DOWN' })
  const error = revivedError(structuredClone(plainError(new StreamsError('PROCESSING_FAILED', 'price failed', { cause: thrown }))))
  t.ok(error instanceof StreamsError)
  t.match(error, { code: 'PROCESSING_FAILED', message: 'price failed', cause: { code: 'PRICES_DOWN', message: 'prices are down', cause: { name: 'RangeError', message: 'beyond', code: undefined } } })
  t.equal((error.cause as Error).stack, thrown.stack, 'which leads to the line that threw')
  t.equal(revivedError(plainError(new Error('plain'))).cause, undefined)
})

t.test('a failed thread keeps its number for its successor, however long the decision takes', async (t) => {
  const threads = new StreamThreads(2)
  const host = (thread: number) => ({ thread }) as ThreadHost
  threads.add(host(0))
  threads.add(host(1))
  t.equal(threads.failed(0)?.thread, 0)
  t.equal(threads.failed(0), undefined, 'once')
  t.equal(threads.free(), 2, 'who is added meanwhile has another one')
  threads.add(host(0))
  t.same(threads.hosts.map(({ thread }) => thread), [1, 0])
})

t.test('it must be a function', async (t) => {
  t.throws(() => new KafkaStreams({ topology: () => undefined, threads: 'in-process', applicationId: 'a', bootstrapServers: 'h:1', onUncaughtError: 'fail' as never }), {
    code: 'CONFIG_INVALID',
    message: /onUncaughtError must be a function/,
  })
})
