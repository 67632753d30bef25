/** Stopping without brokers: bounded, and the next start finds everything released. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { BroadcastChannel } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { KafkaStreams, type KafkaStreamsOptions } from '../../../index.ts'
import { within } from '../../../within.ts'
import topology from './close-topology.ts'

/** A server that takes connections and never answers, as a broker behind a dead network path. */
const silent = createServer(() => undefined).listen(0, '127.0.0.1')
t.before(() => once(silent, 'listening'))
t.teardown(() => silent.close())

/** Two lives on one state directory; `stuck` resolves when a life is where it cannot go on. Gives what was warned of. */
async function closedTwice(t: Test, options: Pick<KafkaStreamsOptions, 'topology' | 'threads' | 'closeTimeoutMs'>, stuck: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = []
  const stateDir = t.testdir()
  const bootstrapServers = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  for (let life = 1; life <= 2; life++) {
    const begun = stuck()
    const app = new KafkaStreams({ ...options, applicationId: 'stuck', bootstrapServers, stateDir, onWarning: (warning) => warnings.push(warning) })
    const starting = t.rejects(app.start(), { code: 'NOT_RUNNING' })
    await begun
    await app.close()
    await starting
    t.equal(app.state, 'NOT_RUNNING')
  }
  return warnings.filter((warning) => warning.includes('has not stopped'))
}

for (const threads of [1, 'in-process'] as const) {
  t.test(`close waits for no broker (threads: ${threads})`, async (t) => {
    const where = threads === 'in-process' ? topology : new URL('./close-topology.ts', import.meta.url)
    t.same(await closedTwice(t, { topology: where, threads }, () => once(silent, 'connection')), [])
  })
}

t.test('close ends a thread that hangs', async (t) => {
  const loading = new BroadcastChannel('hanging-topology')
  t.teardown(() => loading.close())
  const stuck = (): Promise<unknown> =>
    new Promise((resolve) => {
      loading.onmessage = resolve
    })
  const warnings = await closedTwice(t, { topology: new URL('./hanging-topology.ts', import.meta.url), threads: 1, closeTimeoutMs: 150 }, stuck)
  t.equal(warnings.length, 2)
  t.match(warnings[0], /stream thread 0 has not stopped within 150 ms \(closeTimeoutMs\)/)
})

t.test('within: true, false or the error', async (t) => {
  t.equal(await within(Promise.resolve(), 1_000), true)
  t.equal(await within(new Promise(() => undefined), 1), false)
  await t.rejects(within(Promise.reject(new Error('no')), 1_000), { message: 'no' })
})
