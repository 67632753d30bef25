import t from 'tap'
import { rmSync } from 'node:fs'
import kafkajs from 'kafkajs'
import { EmitStrategy, type KafkaStreams, type KafkaStreamsOptions, Serdes, type StreamsBuilder, TimeWindows } from '../../index.ts'
import { application as applicationOf } from './application.ts'
import { long, TestCluster } from './streams-support.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const TEXT = { key: Serdes.string(), value: Serdes.string() }

function application(name: string, topology: (b: StreamsBuilder) => void, options: Partial<KafkaStreamsOptions> = {}): KafkaStreams {
  return applicationOf(cluster, name, topology, { onWarning: () => undefined, ...options })
}

function messages(count: number, keys = 10): { key: string; value: string }[] {
  return Array.from({ length: count }, (_, i) => ({ key: `k${i % keys}`, value: `v${i}` }))
}

t.test('at least once: the same path without a transaction', async (t) => {
  const source = await cluster.topic('alos-source', 2)
  const sink = await cluster.topic('alos-sink', 2)
  const describe = (b: StreamsBuilder) => {
    b.stream(source, TEXT).groupByKey().count({ name: 'alos' }).toStream().to(sink, { key: Serdes.string(), value: Serdes.long() })
  }
  const stateDir = cluster.folder()
  for (const round of [1, 2]) {
    const app = application('alos', describe, { processingGuarantee: 'at_least_once', stateDir })
    await app.start()
    await cluster.send(source, messages(500))
    await cluster.consumed(cluster.name('alos'), source)
    await app.close()
    const records = await cluster.committed(sink)
    t.equal(records.length, 500 * round)
    t.equal(Math.max(...records.map((record) => long(record.value)!)), 50 * round, 'the store was kept between the runs')
  }
})

t.test('a global table is loaded before the first record, and followed', async (t) => {
  const rates = await cluster.topic('rates', 2, { 'cleanup.policy': 'compact' })
  const source = await cluster.topic('orders', 2)
  const sink = await cluster.topic('priced', 2)
  await cluster.send(rates, Array.from({ length: 200 }, (_, i) => ({ key: `k${i % 10}`, value: `rate-${i}` })))
  await cluster.send(source, messages(100))
  const app = application('global', (b) => {
    const table = b.globalTable(rates, { ...TEXT, name: 'rates' })
    b.stream(source, TEXT)
      .join(table, (_key, value) => value.replace(/\d+/, (n: string) => String(Number(n) % 10)).replace('v', 'k'), (value, rate) => `${value}=${rate}`)
      .to(sink, TEXT)
  })
  await app.start()
  await cluster.consumed(cluster.name('global'), source)
  const first = await cluster.committed(sink)
  t.equal(first.length, 100, 'no record came before its rate')
  t.ok(first.every((record) => /=rate-19\d$/.test(record.value!.toString())), 'all saw the last rates')
  await cluster.send(rates, [{ key: 'k0', value: 'rate-new' }])
  for (let tries = 0, found = false; !found && tries < 200; tries++) {
    await cluster.send(source, [{ key: 'k0', value: 'v0' }])
    await cluster.consumed(cluster.name('global'), source)
    found = (await cluster.committed(sink)).some((record) => record.value!.toString() === 'v0=rate-new')
    t.ok(found || tries < 199, 'the new rate is seen in the end')
  }
  await app.close()
})

t.test('a table read from a source topic is rebuilt from it, without a changelog of its own', async (t) => {
  const vendors = await cluster.topic('vendors', 2, { 'cleanup.policy': 'compact' })
  const source = await cluster.topic('invoices', 2)
  const sink = await cluster.topic('enriched', 2)
  const stateDir = cluster.folder()
  const run = async () => {
    const app = application(
      'table',
      (b) => {
        const table = b.table(vendors, { ...TEXT, name: 'vendors' })
        b.stream(source, TEXT).join(table, (value, vendor) => `${value} by ${vendor}`).to(sink, TEXT)
      },
      { stateDir },
    )
    await app.start()
    return app
  }
  await cluster.send(vendors, Array.from({ length: 30 }, (_, i) => ({ key: `k${i % 10}`, value: `vendor-${i}` })))
  const first = await run()
  await cluster.consumed(cluster.name('table'), vendors)
  await cluster.send(source, messages(50))
  await cluster.consumed(cluster.name('table'), source)
  await first.close()
  t.equal((await cluster.committed(sink)).length, 50)
  rmSync(stateDir, { recursive: true })
  const second = await run()
  const [snapshot] = await second.metrics()
  t.ok(snapshot!.counters.recordsRestored >= 10, 'restored from the topic')
  await cluster.send(source, messages(50))
  await cluster.consumed(cluster.name('table'), source)
  await second.close()
  const records = await cluster.committed(sink)
  t.equal(records.length, 100)
  t.ok(records.every((record) => /by vendor-2\d$/.test(record.value!.toString())))
  t.notOk((await cluster.admin.listTopics()).some((topic) => topic.startsWith(cluster.name('table')) && topic.endsWith('-changelog')))
})

t.test('an asynchronous operator: pending records survive a restart, results come once and in order per key', async (t) => {
  const source = await cluster.topic('async-source', 2)
  const sink = await cluster.topic('async-sink', 2)
  const stateDir = cluster.folder()
  let hold = true
  let called = 0
  const waiting: (() => void)[] = []
  const describe = (b: StreamsBuilder) => {
    b.stream(source, TEXT)
      .mapAsync(
        async (value) => {
          called++
          if (hold) {
            await new Promise<void>((resolve) => waiting.push(resolve))
          }
          return `${value}!`
        },
        { name: 'shout', concurrency: 4, maxPending: 1_000, timeout: '60s', value: Serdes.string() },
      )
      .to(sink, TEXT)
  }
  const first = application('async', describe, { stateDir })
  await first.start()
  const input = messages(100)
  await cluster.send(source, input)
  await cluster.consumed(cluster.name('async'), source)
  t.ok(called > 0 && called <= 8, `${called} calls run, the offsets are committed past all of them`)
  t.equal((await cluster.committed(sink)).length, 0)
  await first.close()
  hold = false
  const second = application('async', describe, { stateDir })
  await second.start()
  let records = await cluster.committed(sink)
  while (records.length < 100) {
    records = await cluster.committed(sink)
  }
  const [snapshot] = await second.metrics()
  t.equal(snapshot!.tasks.reduce((sum, task) => sum + task.inFlight, 0), 0)
  await second.close()
  records = await cluster.committed(sink)
  t.equal(records.length, 100)
  for (let k = 0; k < 10; k++) {
    t.same(
      records.filter((record) => record.key!.toString() === `k${k}`).map((record) => record.value!.toString()),
      input.filter(({ key }) => key === `k${k}`).map(({ value }) => `${value}!`),
    )
  }
})

t.test('topics by extractor: asked for when first seen; one that does not exist stops the application by name', async (t) => {
  const source = await cluster.topic('extract-source', 1)
  const [red, blue] = await Promise.all(['red', 'blue'].map((name) => cluster.topic(name, 1)))
  const app = application('extract', (b) => {
    b.stream(source, TEXT).to((record) => cluster.name(record.value), { ...TEXT, partitioner: (_topic, _record, partitions) => partitions - 1 })
  })
  const failed = new Promise<Error>((resolve) => app.onError(resolve))
  await app.start()
  await cluster.send(source, [{ key: 'a', value: 'red' }, { key: 'b', value: 'blue' }, { key: 'c', value: 'red' }])
  await cluster.consumed(cluster.name('extract'), source)
  t.equal((await cluster.committed(red!)).length, 2)
  t.equal((await cluster.committed(blue!)).length, 1)
  await cluster.send(source, [{ key: 'd', value: 'green' }])
  t.match(await failed, { code: 'SOURCE_TOPIC_MISSING', message: new RegExp(cluster.name('green')) })
  t.equal(app.state, 'ERROR')
  await app.close()
})

t.test('an error no policy takes stops the application; nothing of its generation is visible', async (t) => {
  const source = await cluster.topic('fail-source', 1)
  const sink = await cluster.topic('fail-sink', 1)
  const app = application('fail', (b) => {
    b.stream(source, TEXT)
      .mapValues((value) => {
        if (value === 'poison') {
          throw new Error('not today')
        }
        return value
      })
      .to(sink, TEXT)
  })
  const failed = new Promise<Error>((resolve) => app.onError(resolve))
  await app.start()
  await cluster.send(source, [{ key: 'a', value: 'fine' }])
  await cluster.consumed(cluster.name('fail'), source)
  await cluster.send(source, [{ key: 'b', value: 'poison' }])
  const error = await failed
  t.match(error, { code: 'PROCESSING_FAILED' })
  t.notMatch(error.message, /poison/, 'no content in messages')
  t.equal(app.state, 'ERROR')
  t.equal((await cluster.committed(sink)).length, 1)
  t.rejects(app.start(), { code: 'ALREADY_STARTED' })
})

t.test('dead letters go in the same transaction, with where they came from', async (t) => {
  const source = await cluster.topic('dead-source', 1)
  const sink = await cluster.topic('dead-sink', 1)
  const deadLetterTopic = await cluster.topic('dead-letters', 1)
  const app = application(
    'dead',
    (b) => {
      b.stream(source, TEXT)
        .mapValues((value) => {
          if (value === 'poison') {
            throw new Error('not today')
          }
          return value
        })
        .to(sink, TEXT)
    },
    { deadLetterTopic, errors: { processing: 'dead-letter' } },
  )
  await app.start()
  await cluster.send(source, [{ key: 'a', value: 'fine' }, { key: 'b', value: 'poison' }, { key: 'c', value: 'fine' }])
  await cluster.consumed(cluster.name('dead'), source)
  await app.close()
  t.equal((await cluster.committed(sink)).length, 2)
  const letters = await cluster.committed(deadLetterTopic)
  t.same(letters.map((letter) => [letter.key!.toString(), letter.value!.toString()]), [['b', 'poison']])
})

t.test('what is missing or wrong at the start is said by name', async (t) => {
  const source = await cluster.topic('start-source', 2)
  await t.rejects(application('missing', (b) => void b.stream(cluster.name('nowhere'), TEXT).to(source, TEXT)).start(), {
    code: 'SOURCE_TOPIC_MISSING',
    message: new RegExp(cluster.name('nowhere')),
  })
  await t.rejects(application('no-sink', (b) => void b.stream(source, TEXT).to(cluster.name('nowhere'), TEXT)).start(), { code: 'SOURCE_TOPIC_MISSING' })
  await t.rejects(application('verify', (b) => void b.stream(source, TEXT).groupByKey().count({ name: 'c' }), { internalTopics: 'verify' }).start(), {
    code: 'INTERNAL_TOPIC_DENIED',
    message: /kafka-topics.sh --create --topic .*-c-changelog --partitions 2/,
  })
  await cluster.ours.admin().createTopics([{ name: `${cluster.name('mismatch')}-c-changelog`, partitions: 3, replicationFactor: 1, config: {} }])
  await t.rejects(application('mismatch', (b) => void b.stream(source, TEXT).groupByKey().count({ name: 'c' })).start(), { code: 'INTERNAL_TOPIC_MISMATCH' })
  const stateDir = cluster.folder()
  const one = application('locked', (b) => void b.stream(source, TEXT).foreach(() => undefined), { stateDir })
  await one.start()
  await t.rejects(application('locked', (b) => void b.stream(source, TEXT).foreach(() => undefined), { stateDir }).start(), { code: 'STATE_DIRECTORY_LOCKED' })
  await one.close()
})

t.test('a changelog that was made anew while a local copy has data stops the task (A3)', async (t) => {
  const source = await cluster.topic('anew-source', 1)
  const stateDir = cluster.folder()
  const describe = (b: StreamsBuilder) => void b.stream(source, TEXT).groupByKey().count({ name: 'anew' })
  const first = application('anew', describe, { stateDir })
  await first.start()
  await cluster.send(source, messages(20))
  await cluster.consumed(cluster.name('anew'), source)
  await first.close()
  await cluster.ours.admin().deleteTopics([`${cluster.name('anew')}-anew-changelog`])
  const second = application('anew', describe, { stateDir })
  await t.rejects(second.start(), { code: 'CHANGELOG_MISMATCH', message: /may be the last one/ })
})

t.test('lost offsets are not a new application (A9)', async (t) => {
  const source = await cluster.topic('lost-source', 1)
  const stateDir = cluster.folder()
  const describe = (b: StreamsBuilder) => void b.stream(source, TEXT).groupByKey().count({ name: 'lost' })
  const first = application('lost', describe, { stateDir })
  await first.start()
  await cluster.send(source, messages(20))
  await cluster.consumed(cluster.name('lost'), source)
  await first.close()
  await cluster.admin.deleteGroups([cluster.name('lost')])
  await t.rejects(application('lost', describe, { stateDir }).start(), { code: 'OFFSETS_MISSING' })
  rmSync(stateDir, { recursive: true })
  await t.rejects(application('lost', describe, { stateDir }).start(), { code: 'OFFSETS_MISSING' }, 'the changelog knows as well')
})

t.test('of several inputs one is quiet from the start, and one loses its offset (A9)', async (t) => {
  const groupId = cluster.name('several')
  const [busy, quiet, sink] = [await cluster.topic('several-busy', 1), await cluster.topic('several-quiet', 1), await cluster.topic('several-sink', 1)]
  const stateDir = cluster.folder()
  const run = () => application('several', (b) => void b.stream(busy, TEXT).merge(b.stream(quiet, { ...TEXT, offsetReset: 'latest' })).groupByKey().count({ name: 'several' }).toStream().to(sink, { key: Serdes.string(), value: Serdes.long() }), { stateDir })
  const counted = async () => (await cluster.committed(sink)).map(({ key, value }) => `${key} ${long(value)}`)
  const send = (topic: string, key: string) => cluster.send(topic, [{ key, value: 'v' }])
  await send(busy, 'busy')
  const first = run()
  await first.start()
  await cluster.consumed(groupId, busy)
  await first.close()
  await send(quiet, 'while it was away')
  const second = run()
  await second.start()
  await cluster.consumed(groupId, quiet)
  await second.close()
  t.same(await counted(), ['busy 1', 'while it was away 1'], 'its policy says latest for the first start only')

  // The broker deletes the offsets with the topic.
  await cluster.ours.admin().deleteTopics([quiet])
  const offset = async () => (await cluster.ours.group().fetchOffsets(groupId, [{ topic: quiet, partition: 0 }], { requireStable: true }))[0]!.offset
  while ((await offset()) >= 0) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await cluster.topic('several-quiet', 1)
  await send(quiet, 'new')
  await t.rejects(run().start(), { code: 'OFFSETS_MISSING', message: new RegExp(`${quiet}-0: the group ${groupId} has no committed offsets`) })
  // As the error says.
  await cluster.ours.group().commitOffsets({ groupId, memberId: '', generationId: -1 }, [{ topic: quiet, partition: 0, offset: 0, metadata: '' }])
  const third = run()
  await third.start()
  await cluster.consumed(groupId, quiet)
  await third.close()
  t.same(await counted(), ['busy 1', 'while it was away 1', 'new 1'])
})

t.test('what the first transaction of a task left in its changelog, aborted, is no state (A9)', async (t) => {
  const source = await cluster.topic('aborted-source', 1)
  const describe = (b: StreamsBuilder) => void b.stream(source, TEXT).groupByKey().count({ name: 'aborted' })
  const topic = `${cluster.name('aborted')}-aborted-changelog`
  await cluster.ours.admin().createTopics([{ name: topic, partitions: 1, replicationFactor: 1, config: { 'cleanup.policy': 'compact' } }])
  const producer = cluster.ours.producer({ transactionalId: `${cluster.name('aborted')}-dead` })
  await producer.init()
  const writer = cluster.ours.writer({ topic, partition: 0 })
  writer.append(Date.now(), Buffer.from('k'), Buffer.alloc(16), [])
  await producer.produce([writer])
  await producer.abort()
  await producer.close()
  const stateDir = cluster.folder()
  const first = application('aborted', describe, { stateDir })
  await first.start()
  await first.close()
  // Its copy stands behind the marker now, without a row.
  const app = application('aborted', describe, { stateDir })
  await app.start()
  await cluster.send(source, messages(20))
  await cluster.consumed(cluster.name('aborted'), source)
  t.equal(app.state, 'RUNNING')
  await app.close()
})

t.test('the last window of a quiet topic closes, if that is asked for (A7)', async (t) => {
  const source = await cluster.topic('quiet-source', 2)
  const sink = await cluster.topic('quiet-sink', 1)
  const describe = (b: StreamsBuilder) =>
    b.stream(source, TEXT)
      .groupByKey()
      .windowedBy(TimeWindows.ofSizeAndGrace(1_000, 0))
      .emitStrategy(EmitStrategy.onWindowClose())
      .count({ name: 'quiet' })
      .toStream()
      .selectKey(({ key }) => key)
      .to(sink, { key: Serdes.string(), value: Serdes.long() })
  const app = application('quiet', describe, { sourceIdleTimeoutMs: 1_000 })
  await app.start()
  const timestamp = Math.floor(Date.now() / 1_000) * 1_000
  await cluster.send(source, [0, 1, 2].map((i) => ({ key: 'k', value: 'v', timestamp: timestamp + i })))
  while ((await cluster.committed(sink)).length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await app.close()
  t.same((await cluster.committed(sink)).map(({ value }) => long(value)), [3])
})

t.test('records deleted before they were read stop the task with the range (A9)', async (t) => {
  const source = await cluster.topic('range-source', 1)
  const stateDir = cluster.folder()
  const describe = (b: StreamsBuilder) => void b.stream(source, TEXT).foreach(() => undefined)
  const first = application('range', describe, { stateDir })
  await first.start()
  await cluster.send(source, messages(20))
  await cluster.consumed(cluster.name('range'), source)
  await first.close()
  await cluster.send(source, messages(20))
  await cluster.ours.admin().deleteRecords([{ topic: source, partition: 0, offset: 30 }])
  await t.rejects(application('range', describe, { stateDir }).start(), { code: 'OFFSET_OUT_OF_RANGE', message: /20 to 29/ })
})

t.test('a limit that is lowered while records choose the topic strikes the record that is too large', async (t) => {
  const [source, chosen, letters] = [await cluster.topic('lowered-source', 1), await cluster.topic('lowered', 1), await cluster.topic('lowered-letters', 1)]
  const app = application('lowered', (b) => b.stream(source, TEXT).to(() => chosen, TEXT), { deadLetterTopic: letters, errors: { production: 'dead-letter' } })
  await app.start()
  t.teardown(() => app.close())
  const large = 'x'.repeat(50_000)
  await cluster.send(source, [{ key: 'before', value: large }])
  await cluster.consumed(cluster.name('lowered'), source)
  await cluster.admin.alterConfigs({ validateOnly: false, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: chosen, configEntries: [{ name: 'max.message.bytes', value: '10000' }] }] })
  // The broker answers before the new limit is in force.
  const probe = cluster.kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await probe.connect()
  for (let refused = false; !refused; ) {
    refused = await probe.send({ topic: chosen, messages: [{ key: 'probe', value: large }] }).then(() => false, ({ type }) => type === 'MESSAGE_TOO_LARGE')
  }
  await probe.disconnect()
  await cluster.send(source, [{ key: 'large', value: large }, { key: 'after', value: 'small' }])
  await cluster.consumed(cluster.name('lowered'), source)
  t.same((await cluster.committed(chosen)).map(({ key }) => key!.toString()).filter((key) => key !== 'probe'), ['before', 'after'])
  t.same((await cluster.committed(letters)).map(({ key }) => key!.toString()), ['large'])
  t.equal((await cluster.headers(letters)).get('__streams.errors.code'), 'RECORD_TOO_LARGE')
})

t.test('a source without offsets begins with the first record that is no older than its reset says', async (t) => {
  const [source, sink] = [await cluster.topic('recent-source', 2), await cluster.topic('recent-sink', 2)]
  const now = Date.now()
  const hours = (count: number): number => now - count * 3_600_000
  // Partition 1 has nothing so young.
  await cluster.send(source, [30, 20, 5, 1].map((age) => ({ key: `${age}`, value: 'v', partition: 0, timestamp: hours(age) })))
  await cluster.send(source, [{ key: '40', value: 'v', partition: 1, timestamp: hours(40) }])
  const app = application('recent', (b) => b.stream(source, { ...TEXT, offsetReset: 'by_duration:12h' }).to(sink, TEXT))
  await app.start()
  t.teardown(() => app.close())
  await cluster.send(source, [{ key: 'new', value: 'v', partition: 1, timestamp: hours(48) }])
  await cluster.consumed(cluster.name('recent'), source)
  t.same((await cluster.committed(sink)).map(({ key }) => key!.toString()).sort(), ['1', '5', 'new'])
})

for (const compression of ['gzip', 'zstd'] as const) {
  t.test(`${compression}: outputs, repartition topics and changelogs are compressed; others read them, and a lost disk is restored from them`, async (t) => {
    const [source, sink] = [await cluster.topic(`${compression}-source`, 1), await cluster.topic(`${compression}-sink`, 1)]
    const describe = (b: StreamsBuilder): void => {
      b.stream(source, TEXT)
        .groupBy((_key, value) => value, TEXT)
        .count({ name: 'counted' })
        .toStream()
        .to(sink, { key: Serdes.string(), value: Serdes.long() })
    }
    for (const round of [1, 2]) {
      const app = application(compression, describe, { compression, stateDir: cluster.folder() })
      await app.start()
      await cluster.send(source, Array.from({ length: 400 }, (_, i) => ({ key: `${i}`, value: `a value that is the same many times over ${i % 4}` })))
      await cluster.consumed(cluster.name(compression), source)
      await cluster.consumed(cluster.name(compression), `${cluster.name(compression)}-counted-repartition`)
      await app.close()
      const records = await cluster.committed(sink)
      t.equal(records.length, 400 * round)
      t.equal(Math.max(...records.map(({ value }) => long(value!) ?? 0)), 100 * round)
    }
    if (compression === 'gzip') {
      t.equal((await cluster.committedByPeer(sink, 800)).length, 800)
    }
  })
}
