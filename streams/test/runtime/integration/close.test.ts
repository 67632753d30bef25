/** Stopping without brokers: bounded, and the next start finds everything released. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { KafkaStreams } from '../../../index.ts'
import { within } from '../../../within.ts'
import topology from './close-topology.ts'

/** A server that takes connections and never answers, as a broker behind a dead network path. */
const silent = createServer(() => undefined).listen(0, '127.0.0.1')
t.before(() => once(silent, 'listening'))
t.teardown(() => silent.close())


for (const threads of [1, 'in-process'] as const) {
  t.test(`close ends threads that hang (threads: ${threads})`, async (t) => {
    const warnings: string[] = []
    const stateDir = t.testdir()
    const make = () =>
      new KafkaStreams({
        topology: threads === 'in-process' ? topology : new URL('./close-topology.ts', import.meta.url),
        applicationId: 'stuck',
        bootstrapServers: `127.0.0.1:${(silent.address() as AddressInfo).port}`,
        stateDir,
        threads,
        closeTimeoutMs: 150,
        onWarning: (warning) => warnings.push(warning),
      })
    for (let life = 1; life <= 2; life++) {
      const asked = once(silent, 'connection')
      const app = make()
      const starting = t.rejects(app.start(), { code: 'NOT_RUNNING' })
      await asked
      const began = performance.now()
      await app.close()
      await starting
      t.equal(app.state, 'NOT_RUNNING')
      t.comment(`${Math.round(performance.now() - began)} ms`)
      t.match(warnings[life - 1], /stream thread 0 has not stopped within 150 ms \(closeTimeoutMs\)/)
    }
  })
}

t.test('within: true, false or the error', async (t) => {
  t.equal(await within(Promise.resolve(), 1_000), true)
  t.equal(await within(new Promise(() => undefined), 1), false)
  await t.rejects(within(Promise.reject(new Error('no')), 1_000), { message: 'no' })
})
