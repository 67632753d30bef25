/** Rule A5 on a real cluster: a deploy without an asynchronous operator whose records are still pending. */
import t from 'tap'
import { KafkaStreams, type KafkaStreamsOptions, type StreamsBuilder, Serdes } from '../../index.ts'
import { PendingRows, rowOf } from '../../async/orphans.ts'
import { DEAD_LETTER_HEADERS } from '../../runtime/dead-letter.ts'
import { TestCluster } from './streams-support.ts'

const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const RECORDS = 100
/** Keys a person is to decide about, and what is queued behind the first record of each. */
const PARKED = ['ada', 'bob', 'eve']
const BEHIND = 2
const ALL = RECORDS + PARKED.length * (1 + BEHIND)
const text = { key: Serdes.string(), value: Serdes.string() }

t.test('pending and parked records of a removed operator stop the application, or become dead letters', async (t) => {
  const source = await cluster.topic('documents', 2)
  const sink = await cluster.topic('priced', 2)
  const deadLetters = await cluster.topic('dead', 1)
  const applicationId = cluster.name('pricing')
  const changelog = `${applicationId}-price-in-flight-changelog`
  const run = (topology: (b: StreamsBuilder) => void, options: Partial<KafkaStreamsOptions> = {}) =>
    new KafkaStreams({
      topology,
      applicationId,
      bootstrapServers: cluster.bootstrapServers,
      stateDir: cluster.folder(),
      threads: 'in-process',
      sessionTimeoutMs: 60_000,
      replicationFactor: 1,
      deadLetterTopic: deadLetters,
      ...options,
    })
  const call = (_value: string, _info: unknown, { key }: { readonly key: string }) => (PARKED.includes(key) ? Promise.reject(new Error('no')) : new Promise<string>(() => undefined))
  const v1 = (b: StreamsBuilder) => {
    b.stream(source, text)
      .mapAsync(call, { name: 'price', concurrency: ALL, timeout: '10m', retry: 0, onFailure: 'park', value: Serdes.string() })
      .to(sink, text)
  }
  const v2 = (b: StreamsBuilder) => {
    b.stream(source, text).to(sink, text)
  }
  const pending = async () => {
    const byPartition = Map.groupBy(await cluster.committed(changelog), ({ partition }) => partition)
    let count = 0
    for (const records of byPartition.values()) {
      const rows = new PendingRows()
      for (const { key, value, offset } of records) {
        rows.apply(rowOf(applicationId, changelog, key)!, value, offset)
      }
      count += rows.size
    }
    return count
  }

  const keys = [...Array.from({ length: RECORDS }, (_, i) => `k${i}`), ...PARKED.flatMap((key) => Array.from({ length: 1 + BEHIND }, () => key))]
  await cluster.send(source, keys.map((key, i) => ({ key, value: String(i) })))
  const old = run(v1)
  await old.start()
  await cluster.consumed(applicationId, source)
  const parked = async () => (await old.parkedKeys()).map(({ records }) => records)
  while (JSON.stringify(await parked()) !== JSON.stringify(PARKED.map(() => 1 + BEHIND))) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }

  const rolling = run(v2)
  await rolling.start()
  t.equal(rolling.state, 'RUNNING', 'while a member of the old version owns the operator nothing is an orphan')
  await rolling.close()
  await old.close()
  t.equal(await pending(), ALL)

  const refused = run(v2)
  await t.rejects(refused.start(), { code: 'ORPHANED_ENTRIES', message: new RegExp(`price \\(${ALL}\\)`) })
  t.equal(refused.state, 'ERROR')
  t.equal(await pending(), ALL, 'nothing was touched')

  const replacing = run(v2, { uncaughtError: 'replace-thread' })
  await t.rejects(replacing.start(), { code: 'ORPHANED_ENTRIES' }, 'not replaced for ever: the next thread would meet the same')
  t.equal(replacing.state, 'ERROR')

  const warnings: string[] = []
  const buried = run(v2, { orphans: 'dead-letter', onWarning: (message) => warnings.push(message) })
  await buried.start()
  t.equal(await pending(), 0)
  const letters = await cluster.committed(deadLetters)
  t.strictSame(letters.map(({ value }) => Number(value!.toString())).sort((a, b) => a - b), keys.map((_, i) => i), 'each once')
  t.match(warnings, [new RegExp(`price \\(${ALL}\\)`)])
  await buried.close()

  const again = run(v2, { orphans: 'fail' })
  await again.start()
  await again.close()
  t.equal((await cluster.committed(deadLetters)).length, ALL, 'nothing is left for the next start')
  const headers = await cluster.headers(deadLetters)
  t.equal(headers.get(DEAD_LETTER_HEADERS.code), 'ORPHANED_ENTRIES')
  t.equal(headers.get(DEAD_LETTER_HEADERS.node), 'price')
  t.equal(headers.get(DEAD_LETTER_HEADERS.topic), source)
})
