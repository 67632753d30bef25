/** Tokens of OAUTHBEARER: asked for once, again before they end, and not too often when they cannot be had. */
import { mock } from 'node:test'
import t from 'tap'
import type { OAuthToken, TokenCallback } from '../../kafka/contract.ts'
import { TokenCache } from '../../kafka/token-cache.ts'

const START = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START }))
t.afterEach(() => mock.timers.reset())

/** Moves the clock; what was due has happened when it resolves. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms)
  await new Promise((resolve) => setImmediate(resolve))
}

/** A server whose tokens are good for an hour, until it is told otherwise. */
function server(): { readonly callback: TokenCallback; asked: number; answer: () => OAuthToken | Promise<OAuthToken> } {
  const made = {
    asked: 0,
    answer: (): OAuthToken | Promise<OAuthToken> => ({ value: `token-${made.asked}`, expiresAt: Date.now() + HOUR }),
    callback: () => {
      made.asked++
      return made.answer()
    },
  }
  return made
}

t.test('one token for everybody, another one at three quarters of its life', async (t) => {
  const idp = server()
  const cache = new TokenCache(idp.callback)
  t.teardown(() => cache.close())
  const all = await Promise.all([cache.get(), cache.get(), cache.get()])
  t.same(all.map(({ value }) => value), ['token-1', 'token-1', 'token-1'])
  await pass(0.75 * HOUR - 1)
  t.equal(idp.asked, 1)
  await pass(1)
  t.equal(idp.asked, 2, 'though nobody needed one')
  t.equal((await cache.get()).value, 'token-2')
  await pass(0.75 * HOUR)
  t.equal((await cache.get()).value, 'token-3')
  cache.close()
  await pass(HOUR - 5_001)
  t.equal((await cache.get()).value, 'token-3')
  await pass(1)
  t.equal((await cache.get()).value, 'token-4', 'one that could end on its way is not shown')
})

t.test('while another one cannot be had the one at hand serves to its end', async (t) => {
  const idp = server()
  const warnings: string[] = []
  const cache = new TokenCache(idp.callback, (message) => warnings.push(message))
  t.teardown(() => cache.close())
  await cache.get()
  const { answer } = idp
  idp.answer = () => Promise.reject(new TypeError('secret=hunter2'))
  await pass(0.75 * HOUR)
  t.equal((await cache.get()).value, 'token-1')
  t.same(warnings, ['sasl.token: the callback has thrown (TypeError). The token at hand ends at 2026-01-01T01:00:00.000Z.'])
  for (const pause of [1_000, 2_000, 4_000]) {
    const { asked } = idp
    await pass(pause - 1)
    t.equal(idp.asked, asked)
    await pass(1)
    t.equal(idp.asked, asked + 1, `after ${pause} ms`)
  }
  idp.answer = answer
  await pass(8_000)
  t.equal((await cache.get()).value, 'token-6')
})

t.test('without any: to be tried again, but not by everybody at once', async (t) => {
  const idp = server()
  const { answer } = idp
  idp.answer = () => {
    throw 'no error'
  }
  const cache = new TokenCache(idp.callback)
  t.teardown(() => cache.close())
  await t.rejects(cache.get(), { code: 'CONNECTION_FAILED', message: 'sasl.token: the callback has thrown (string).' })
  await t.rejects(cache.get(), { code: 'CONNECTION_FAILED' })
  t.equal(idp.asked, 1)
  idp.answer = answer
  await pass(1_000)
  t.equal((await cache.get()).value, 'token-2')

  const silent = new TokenCache(() => new Promise(() => {}))
  const refused = t.rejects(silent.get(), { code: 'CONNECTION_FAILED', message: /not answered within 10000 ms/ })
  await pass(10_000)
  await refused
  const late = new TokenCache(() => ({ value: 'a', expiresAt: START - 1 }))
  await t.rejects(late.get(), { code: 'CONNECTION_FAILED', message: /ended at 2025-12-31T23:59:59.999Z/ })
})

t.test('what is no token is refused, and not shown', async (t) => {
  for (const given of [undefined, 'text', {}, { value: '', expiresAt: START + 1 }, { value: 'a\u0001auth=x', expiresAt: START + 1 }, { value: 'a', expiresAt: '1h' }, { value: 'a', expiresAt: Number.NaN }]) {
    const error = await new TokenCache(() => given as OAuthToken).get().catch((cause: Error) => cause)
    t.match(error, { code: 'CONFIG_INVALID', message: /^sasl\.token: the callback has given no token: give \{ value, expiresAt \}/ })
  }
})
