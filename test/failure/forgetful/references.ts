/**
 * Rule A13: a pending entry that only named its record would be empty once the engine's purge of the repartition topic and
 * the retention of the source have deleted that. It is kept whole, in a changelog that neither of them touches.
 */
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { Child } from '../../../streams/test/failure/child.ts'
import type { TestCluster } from '../../../streams/test/integration/streams-support.ts'
import { eventually } from '../../connectors/integration/support.ts'
import { configure, logStart } from './application.ts'
import { type Asked, FILLER } from './asking-topology.ts'

type Assertions = Pick<Test, 'same' | 'equal' | 'comment'>

const PENDING = 12
const YEAR_MS = 365 * 86_400_000

/** Answers nobody until it is opened. */
class Service {
  /** As JSON: a call that is repeated as it was is none more. */
  readonly #asked = new Set<string>()
  readonly #waiting: [ServerResponse, Asked][] = []
  #open = false
  readonly #server = createServer(async (request, response) => {
    const asked = await text(request)
    this.#asked.add(asked)
    this.#waiting.push([response, JSON.parse(asked)])
    this.#answer()
  })

  get asked(): Asked[] {
    return [...this.#asked].map((each) => JSON.parse(each) as Asked).toSorted((a, b) => (a.key < b.key ? -1 : 1))
  }

  forget(): void {
    this.#asked.clear()
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  open(): void {
    this.#open = true
    this.#answer()
  }

  #answer(): void {
    for (const [response, { value }] of this.#open ? this.#waiting.splice(0) : []) {
      response.end(`answer to ${value}`)
    }
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** To be called early: the engine purges twice a minute. Resolves with what goes on when it has. */
export async function pendingEntries(cluster: TestCluster): Promise<(t: Assertions) => Promise<void>> {
  const [source, sink] = [await cluster.topic('pending', 1), await cluster.topic('pending-sink', 1)]
  const service = new Service()
  const applicationId = cluster.name('pending')
  const options = {
    applicationId,
    topology: new URL('./asking-topology.ts', import.meta.url).href,
    settings: { source, sink, url: await service.listen() },
    stateDir: cluster.folder(),
    bootstrapServers: cluster.bootstrapServers,
    sessionTimeoutMs: 120_000,
    replicationFactor: 1,
  }
  const repartition = `${applicationId}-by-key-repartition`
  const yearAgo = Date.now() - YEAR_MS
  const input = Array.from({ length: PENDING }, (_, i) => ({
    key: `key-${String(i).padStart(2, '0')}`,
    value: `value ${i} ${'x'.repeat(i * 500)}`,
    timestamp: yearAgo + i,
    headers: { origin: `archive ${i}` },
  }))
  await cluster.producer.send({ topic: source, acks: -1, messages: input.map((each) => ({ ...each, timestamp: `${each.timestamp}` })) })
  const first = new Child(options)
  await first.running()
  await eventually('all are asked for', async () => service.asked.length === PENDING)
  return async (t) => {
    await eventually('the engine deletes the records from the repartition topic', async () => {
      await cluster.send(source, [{ key: 'any', value: FILLER }])
      return (await logStart(cluster, repartition)) >= PENDING
    })
    await cluster.consumed(applicationId, source)
    await configure(cluster, source, { 'retention.ms': '1000' })
    await eventually('the broker deletes them from the source', async () => (await logStart(cluster, source)) >= PENDING)
    await first.kill()
    // The disk is lost but for who the process is: its successor does not wait for the session to end.
    for (const name of readdirSync(options.stateDir).filter((each) => !each.startsWith('.'))) {
      rmSync(join(options.stateDir, name), { recursive: true })
    }
    t.equal((await cluster.committed(sink)).length, 0, 'nothing is answered yet')
    const before = service.asked
    service.forget()
    const second = new Child(options)
    await second.running()
    await eventually('all are asked for again', async () => service.asked.length === PENDING)
    t.same(service.asked, before, 'the same calls, with all that was in their records')
    t.same(
      before.map(({ key, value, timestamp, headers }) => ({ key, value, timestamp, origin: new Map(headers).get('origin') })),
      input.map(({ key, value, timestamp, headers }) => ({ key: `by ${key}`, value, timestamp, origin: headers.origin })),
      'as they were sent',
    )
    service.open()
    const results = await cluster.committedByPeer(sink, PENDING)
    await second.stop()
    service.close()
    t.equal((await cluster.committed(sink)).length, PENDING, 'each once')
    t.same(
      results.map(({ key, value, timestamp }) => ({ key: `${key}`, value: `${value}`, timestamp })).toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      input.map(({ key, value, timestamp }) => ({ key: `by ${key}`, value: `answer to ${value}`, timestamp })),
      'with their results',
    )
  }
}
