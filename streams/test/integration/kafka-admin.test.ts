import t from 'tap'
import { cluster, keyOf, newTopic, readAll, unique } from './kafka-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

t.test('a topic is ready for records when createTopics returns; creating it again is no error', async (t) => {
  const kafka = cluster(t)
  const producer = kafka.producer({})
  await producer.init()
  for (let round = 0; round < 5; round++) {
    const topic = await newTopic(t, kafka, 6, { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.1' })
    await kafka.admin().createTopics([{ name: topic, partitions: 6, replicationFactor: -1, config: {} }])
    const writers = [0, 1, 2, 3, 4, 5].map((partition) => kafka.writer({ topic, partition }))
    for (const writer of writers) {
      writer.append(1, Buffer.from('k'), Buffer.from('v'), [])
    }
    t.equal((await producer.produce(writers)).length, 6)
    const config = await kafka.admin().topicConfig(topic)
    t.equal(config['cleanup.policy'], 'compact')
    t.equal(config['min.cleanable.dirty.ratio'], '0.1')
    t.ok(config['max.message.bytes'])
    t.ok((await kafka.admin().listTopics()).includes(topic))
  }
})

t.test('what the broker refuses is told with its reason', async (t) => {
  const kafka = cluster(t)
  const name = unique('bad')
  const create = (topic: { partitions?: number; config?: { [key: string]: string }; name?: string }): Promise<void> =>
    kafka.admin().createTopics([{ name, partitions: 1, replicationFactor: -1, config: {}, ...topic }])
  await t.rejects(create({ config: { 'no.such.setting': 'x' } }), { message: /INVALID_CONFIG/ })
  await t.rejects(create({ name: 'not a name!' }), { message: /INVALID_TOPIC_EXCEPTION/ })
  await t.rejects(create({ partitions: 0 }), { message: /INVALID_PARTITIONS/ })
  await t.rejects(kafka.admin().topicConfig(name), { message: /UNKNOWN_TOPIC_OR_PARTITION/ })
  t.equal((await kafka.metadata([name])).size, 0)
  await kafka.admin().deleteTopics([name])
})

t.test('records are deleted up to an offset', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka, 2, { 'cleanup.policy': 'delete' })
  const producer = kafka.producer({})
  await producer.init()
  for (const partition of [0, 1]) {
    const writer = kafka.writer({ topic, partition })
    for (let i = 0; i < 10; i++) {
      writer.append(i, null, Buffer.from(`${i}`), [])
    }
    await producer.produce([writer])
  }
  await kafka.admin().deleteRecords([
    { topic, partition: 0, offset: 4 },
    { topic, partition: 1, offset: 10 }
  ])
  const starts = await kafka.listOffsets([0, 1].map((partition) => ({ topic, partition })), 'earliest', 'read_uncommitted')
  t.equal(starts.get(keyOf({ topic, partition: 0 })), 4)
  t.equal(starts.get(keyOf({ topic, partition: 1 })), 10)
  t.same((await readAll(kafka, topic)).map((r) => r.value), ['4', '5', '6', '7', '8', '9'])
  await t.rejects(kafka.admin().deleteRecords([{ topic, partition: 0, offset: 99 }]), { code: 'OFFSET_OUT_OF_RANGE' })
})

t.test('a topic that was deleted and created anew has another id', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const before = (await kafka.metadata([topic])).get(topic)!.topicId
  await kafka.admin().deleteTopics([topic])
  await kafka.admin().createTopics([{ name: topic, partitions: 2, replicationFactor: -1, config: {} }])
  const after = (await kafka.metadata([topic])).get(topic)!
  t.not(after.topicId, before)
  t.equal(after.partitions.length, 2)
})

t.test('a cluster that is not there: the client keeps trying until it is closed', async (t) => {
  const kafka = cluster(t, { bootstrapServers: ['127.0.0.1:1'] })
  const failing = kafka.producer({}).init()
  const timeout = new Promise((resolve) => setTimeout(resolve, 300, 'still trying'))
  t.equal(await Promise.race([failing.catch((e: Error) => e.message), timeout]), 'still trying', 'a cluster may be starting up')
  await kafka.close()
  await t.rejects(failing, { code: 'NOT_RUNNING' })
  await t.rejects(kafka.metadata(['x']), { code: 'NOT_RUNNING' })
  t.throws(() => cluster(t, { bootstrapServers: ['nonsense'] }), { code: 'CONFIG_INVALID', message: /host:port/ })
  t.throws(() => cluster(t, { bootstrapServers: [] }), { code: 'CONFIG_INVALID' })
})
