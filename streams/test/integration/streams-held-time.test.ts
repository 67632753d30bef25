/** Time that must not go on: while calls are under way (A6), and while what is there cannot be read yet (A7). */
import t from 'tap'
import { EmitStrategy, type KafkaStreams, type KafkaStreamsOptions, type KStream, type StreamsBuilder, Serdes, TimeWindows } from '../../index.ts'
import { application } from './application.ts'
import { TestCluster } from './streams-support.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const TEXT = { key: Serdes.string(), value: Serdes.string() }

async function start(name: string, topology: (b: StreamsBuilder) => void, options: Partial<KafkaStreamsOptions> = {}): Promise<KafkaStreams> {
  const app = application(cluster, name, topology, options)
  await app.start()
  return app
}

/** One record per window, once it has closed. */
function windows(stream: KStream<string, string>, name: string, sizeMs: number, sink: string): void {
  stream
    .groupByKey()
    .windowedBy(TimeWindows.ofSizeAndGrace(sizeMs, 0))
    .emitStrategy(EmitStrategy.onWindowClose())
    .count({ name })
    .toStream()
    .map(({ key, window }, count) => [key, `${key} ${window.start} ${count}`], TEXT)
    .to(sink, TEXT)
}

async function told(sink: string): Promise<string[]> {
  return (await cluster.committed(sink)).map(({ value }) => value!.toString())
}

t.test('windows behind calls of any length are those behind none', async (t) => {
  const [source, plain, called] = await Promise.all(['calls', 'plain', 'called'].map((name) => cluster.topic(name, 1)))
  const RECORDS = 1_500
  const begin = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000
  const app = await start('calls', (b) => {
    const stream = b.stream(source!, TEXT)
    windows(stream, 'plain', 50, plain!)
    const call = (value: string) => new Promise<string>((resolve) => setTimeout(resolve, Math.random() * 30, value))
    windows(stream.mapAsync(call, { name: 'call', concurrency: 60, value: Serdes.string() }), 'called', 50, called!)
  })
  // In order: whatever were late would be late by overtaking alone.
  await cluster.send(source!, Array.from({ length: RECORDS }, (_, i) => ({ key: `k${(i * 7) % 20}`, value: 'v', timestamp: begin + i })))
  await cluster.send(source!, [{ key: 'end', value: 'v', timestamp: begin + RECORDS }])
  await cluster.consumed(cluster.name('calls'), source!)
  const expected = (await told(plain!)).sort()
  t.equal(expected.length, 20 * (RECORDS / 50))
  t.equal(expected.reduce((sum, line) => sum + Number(line.split(' ')[2]), 0), RECORDS)
  while ((await told(called!)).length < expected.length) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  t.same((await told(called!)).sort(), expected)
  t.equal((await app.metrics())[0]!.tasks.reduce((sum, { dropped }) => sum + dropped, 0), 0, 'nothing was late')
  await app.close()
})

t.test('a source whose next record is undecided is not idle: its window waits while those of another close, and takes the record', async (t) => {
  const [source, sink] = [await cluster.topic('undecided', 2), await cluster.topic('undecided-out', 1)]
  const WINDOW_MS = 500
  const begin = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000
  const record = (partition: number, key: string, at: number) => ({ partition, key, value: 'v', timestamp: begin + at })
  await cluster.send(source, [record(0, 'held', 0), record(0, 'held', 1)])
  const producer = cluster.ours.producer({ transactionalId: cluster.name('foreign'), transactionTimeoutMs: 600_000 })
  await producer.init()
  const writer = cluster.ours.writer({ topic: source, partition: 0 })
  writer.append(begin + 2, Buffer.from('held'), Buffer.from('v'), [])
  await producer.produce([writer])

  const app = await start('undecided', (b) => windows(b.stream(source, TEXT), 'counts', WINDOW_MS, sink), { sourceIdleTimeoutMs: 1_000 })
  const until = async (line: string) => {
    while (!(await told(sink)).includes(line)) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  // The other partition is idle again and again, for as long as it takes a window to close each time.
  for (let i = 0; i < 3; i++) {
    await cluster.send(source, [record(1, 'idle', i * 10_000)])
    await until(`idle ${begin + i * 10_000} 1`)
  }
  t.same((await told(sink)).filter((line) => line.startsWith('held')), [])
  await producer.commit()
  await until(`held ${begin} 3`)
  t.same((await told(sink)).filter((line) => line.startsWith('held')), [`held ${begin} 3`])
  await app.close()
  await producer.close()
})
