import { CompressionTypes } from 'kafkajs'
import t from 'tap'
import type { BatchWriter, FetchedRecords, KafkaCluster } from '../../kafka/contract.ts'
import { peer, peerReads } from './kafka-peer.ts'
import { severed } from './kafka-cut.ts'
import { cluster, drain, keyOf, newTopic, readAll, unique, until } from './kafka-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

t.test('what kafkajs writes we read: headers, nulls, gzip, empty values', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const producer = peer().producer()
  await producer.connect()
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    await producer.send({
      topic,
      compression,
      messages: [
        { key: 'k', value: 'v', headers: { a: 'ä', many: ['1', '2'] }, timestamp: '1700000000123' },
        { key: null, value: 'no key' },
        { key: 'tombstone', value: null },
        { key: '', value: '' }
      ]
    })
  }
  await producer.disconnect()
  const records = await readAll(kafka, topic)
  t.equal(records.length, 8)
  for (const [first, second, third, fourth] of [records.slice(0, 4), records.slice(4)]) {
    t.match(first, { key: 'k', value: 'v', timestamp: 1_700_000_000_123, leaderEpoch: 0 })
    t.same(first!.headers, [
      ['a', 'ä'],
      ['many', '1'],
      ['many', '2']
    ])
    t.match(second, { key: null, value: 'no key', headers: [] })
    t.match(third, { key: 'tombstone', value: null })
    t.match(fourth, { key: '', value: '' })
  }
})

t.test('what we write kafkajs reads', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const producer = kafka.producer({ transactionalId: unique('interop') })
  await producer.init()
  const writer = kafka.writer({ topic, partition: 0 })
  writer.append(1, Buffer.from('k'), Buffer.from('wert ä'), [
    { key: 'h', value: Buffer.from('ö') },
    { key: 'leer', value: Buffer.alloc(0) }
  ])
  writer.append(2, null, Buffer.from('no key'), [])
  writer.append(3, Buffer.from('tombstone'), null, [])
  await producer.produce([writer])
  await producer.commit()
  const [first, second, third] = await peerReads(topic, 3)
  t.match(first, { key: 'k', value: 'wert ä' })
  t.equal(first!.headers['h']!.toString(), 'ö')
  t.equal(first!.headers['leer']!.toString(), '')
  t.match(second, { key: null, value: 'no key' })
  t.match(third, { key: 'tombstone', value: null })
})

t.test('a partition that starts while a long poll is out is not held up by it', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka, 3)
  await write(kafka, topic, 1, 'waiting')
  await write(kafka, topic, 2, 'also waiting')
  const answers: FetchedRecords[] = []
  const seen: string[] = []
  const fetcher = kafka.fetcher({
    isolation: 'read_committed',
    maxWaitMs: 120_000,
    onRecords: (answer) => {
      answers.push(answer)
      seen.push(...drain(answer).map((r) => r.value!))
    },
    onError: (_, error) => t.fail(error.message)
  })
  t.teardown(() => fetcher.close())
  fetcher.seek({ topic, partition: 0 }, 0)
  await write(kafka, topic, 0, 'first')
  await until(() => seen.includes('first'), 'the first record is read')
  // Partition 0 is empty from here on: its request is held by the broker for two minutes.
  const before = performance.now()
  fetcher.seek({ topic, partition: 1 }, 0)
  await until(() => seen.includes('waiting'), 'the second partition is read', 100_000)
  fetcher.seek({ topic, partition: 2 }, 0)
  await until(() => seen.includes('also waiting'), 'the third partition is read', 100_000)
  t.ok(performance.now() - before < 60_000, 'well before the long poll is over')
})

t.test('what arrives after a pause is delivered after the resume, once and in order', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const partition = { topic, partition: 0 }
  const seen: string[] = []
  let paused = true
  const fetcher = kafka.fetcher({
    isolation: 'read_committed',
    maxBytesPerPartition: 1_000,
    onRecords: (answer) => {
      if (paused) {
        t.fail('delivered while paused')
      }
      seen.push(...drain(answer).map((r) => r.value!))
    },
    onError: (_, error) => t.fail(error.message)
  })
  t.teardown(() => fetcher.close())
  paused = false
  fetcher.seek(partition, 0)
  const expected: string[] = []
  for (let n = 0; n < 20; n++) {
    expected.push(`${n}`)
    if (n % 3 === 0) {
      fetcher.pause(partition)
      paused = true
    }
    await write(kafka, topic, 0, `${n}`)
    if (n % 3 === 2) {
      paused = false
      fetcher.resume(partition)
      await until(() => seen.length === expected.length, `${n} is read`)
    }
  }
  paused = false
  fetcher.resume(partition)
  await until(() => seen.length >= expected.length, 'all is read')
  t.same(seen, expected)
  t.equal(fetcher.position(partition), 40, 'behind the last marker')
})

t.test('after a seek only answers of the new epoch are delivered', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const partition = { topic, partition: 0 }
  for (let n = 0; n < 5; n++) {
    await write(kafka, topic, 0, `${n}`)
  }
  let epoch = -1
  let seen: string[] = []
  const fetcher = kafka.fetcher({
    isolation: 'read_committed',
    onRecords: (answer) => {
      t.equal(answer.epoch, epoch, { diagnostic: false })
      seen.push(...drain(answer).map((r) => r.value!))
    },
    onError: (_, error) => t.fail(error.message)
  })
  t.teardown(() => fetcher.close())
  for (let round = 0; round < 30; round++) {
    // Some seeks hit while the request of the one before is out.
    const next = fetcher.seek(partition, 2 * (round % 5))
    t.ok(next > epoch, { diagnostic: false })
    epoch = next
    seen = []
    if (round % 3 === 0) {
      const from = round % 5
      await until(() => seen.length >= 5 - from, `round ${round} is read`)
      t.same(seen, ['0', '1', '2', '3', '4'].slice(from))
    }
  }
  fetcher.remove(partition)
  t.equal(fetcher.position(partition), undefined)
})

t.test('an offset out of range is told, pauses the partition, and is healed by a seek', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka, 2)
  await write(kafka, topic, 0, 'x')
  await write(kafka, topic, 1, 'y')
  const errors: string[] = []
  const seen: string[] = []
  const fetcher = kafka.fetcher({
    isolation: 'read_committed',
    onRecords: (answer) => seen.push(...drain(answer).map((r) => r.value!)),
    onError: (partition, error) => errors.push(`${keyOf(partition)} ${(error as { code?: string }).code}`)
  })
  t.teardown(() => fetcher.close())
  fetcher.seek({ topic, partition: 0 }, 1_000)
  fetcher.seek({ topic, partition: 1 }, 0)
  await until(() => errors.length > 0 && seen.length === 1, 'the error is told and the other partition read')
  await write(kafka, topic, 1, 'z')
  await until(() => seen.length === 2, 'the other partition goes on')
  t.same(errors, [`${topic}-0 OFFSET_OUT_OF_RANGE`])
  fetcher.seek({ topic, partition: 0 }, 0)
  await until(() => seen.length === 3, 'it reads again')
  t.same(seen, ['y', 'z', 'x'])
})

t.test('quiet partitions report their high watermark; markers alone move the position', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const partition = { topic, partition: 0 }
  const answers: FetchedRecords[] = []
  const fetcher = kafka.fetcher({ isolation: 'read_committed', maxWaitMs: 50, onRecords: (answer) => answers.push(answer), onError: (_, error) => t.fail(error.message) })
  t.teardown(() => fetcher.close())
  fetcher.seek(partition, 0)
  await until(() => answers.length >= 2, 'two empty answers')
  t.match(answers[1], { nextOffset: 0, highWatermark: 0, bytes: 0, maxRecords: 0 })
  t.ok(answers[1]!.receivedAt > answers[0]!.receivedAt)
  const producer = kafka.producer({ transactionalId: unique('aborting') })
  await producer.init()
  const writer = filled(kafka, topic, 0, 'aborted')
  await producer.produce([writer])
  await until(() => answers.at(-1)!.highWatermark === 1, 'the open transaction shows in the high watermark')
  t.match(answers.at(-1), { nextOffset: 0, lastStableOffset: 0 })
  await producer.abort()
  await until(() => fetcher.position(partition) === 2, 'the position passes record and marker')
  t.same(answers.flatMap((answer) => drain(answer)), [])
})

t.test('a topic that does not exist yet is read once it does', async (t) => {
  const kafka = cluster(t)
  const topic = unique('later')
  const seen: string[] = []
  const fetcher = kafka.fetcher({
    isolation: 'read_committed',
    onRecords: (answer) => seen.push(...drain(answer).map((r) => r.value!)),
    onError: (_, error) => t.fail(error.message)
  })
  t.teardown(() => fetcher.close())
  fetcher.seek({ topic, partition: 0 }, 0)
  t.equal((await kafka.metadata([topic])).size, 0)
  await kafka.admin().createTopics([{ name: topic, partitions: 1, replicationFactor: -1, config: {} }])
  t.teardown(() => kafka.admin().deleteTopics([topic]))
  await write(kafka, topic, 0, 'here')
  await until(() => seen.length === 1, 'it is read')
  t.same(seen, ['here'])
})

t.test('a lost connection loses and repeats nothing', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const seen: string[] = []
  const fetcher = kafka.fetcher({
    isolation: 'read_committed',
    onRecords: (answer) => seen.push(...drain(answer).map((r) => r.value!)),
    onError: (_, error) => t.fail(error.message)
  })
  t.teardown(() => fetcher.close())
  fetcher.seek({ topic, partition: 0 }, 0)
  const producer = kafka.producer({})
  await producer.init()
  const expected: string[] = []
  for (let n = 0; n < 60; n++) {
    expected.push(`${n}`)
    const produced = producer.produce([filled(kafka, topic, 0, `${n}`)])
    if (n % 7 === 3) {
      t.ok(severed() > 0, { diagnostic: false })
    }
    await produced
  }
  await until(() => seen.length >= expected.length, 'all is read')
  t.same(seen, expected)
})

t.test('leader epochs and offsets by time', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka, 2)
  const partition = { topic, partition: 0 }
  const producer = kafka.producer({})
  await producer.init()
  for (const timestamp of [1_000, 2_000, 3_000]) {
    const writer = kafka.writer(partition)
    writer.append(timestamp, null, Buffer.from(`${timestamp}`), [])
    await producer.produce([writer])
  }
  const at = async (time: 'earliest' | 'latest' | number): Promise<number | undefined> =>
    (await kafka.listOffsets([partition, { topic, partition: 1 }], time, 'read_committed')).get(keyOf(partition))
  t.equal(await at('earliest'), 0)
  t.equal(await at('latest'), 3)
  t.equal(await at(1_500), 1)
  t.equal(await at(2_000), 1)
  t.equal(await at(9_999), -1)
  const end = await kafka.endOffsetForEpoch([{ ...partition, leaderEpoch: 0 }])
  t.same(end.get(keyOf(partition)), { leaderEpoch: 0, endOffset: 3 })
  const unknown = await kafka.endOffsetForEpoch([{ ...partition, leaderEpoch: 99 }])
  t.same(unknown.get(keyOf(partition)), { leaderEpoch: -1, endOffset: -1 })
  const metadata = (await kafka.metadata([topic, unique('none')])).get(topic)!
  t.match(metadata.topicId, /^[0-9a-f]{8}-/)
  t.same(metadata.partitions, [
    { partition: 0, leader: 1, leaderEpoch: 0 },
    { partition: 1, leader: 1, leaderEpoch: 0 }
  ])
})

async function write(kafka: KafkaCluster, topic: string, partition: number, value: string): Promise<void> {
  const producer = kafka.producer({ transactionalId: `${topic}-${partition}-writer` })
  await producer.init()
  await producer.produce([filled(kafka, topic, partition, value)])
  await producer.commit()
  await producer.close()
}

function filled(kafka: KafkaCluster, topic: string, partition: number, value: string): BatchWriter {
  const writer = kafka.writer({ topic, partition })
  writer.append(1_700_000_000_000, null, Buffer.from(value), [])
  return writer
}
