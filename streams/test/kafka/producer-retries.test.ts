import t from 'tap'
import type { Test } from 'tap'
import { createCluster } from '../../kafka/cluster.ts'
import type { BatchWriter, KafkaCluster, TransactionalProducer } from '../../kafka/contract.ts'
import { ScriptedBroker } from './scripted-broker.ts'

const PRODUCE = 0
const FIND_COORDINATOR = 10
const INIT_PRODUCER_ID = 22
const ADD_PARTITIONS = 24
const END_TXN = 26

interface Setup {
  readonly broker: ScriptedBroker
  readonly kafka: KafkaCluster
  readonly producer: TransactionalProducer
}

async function setup(t: Test, transactionVersion: number, script: { [apiKey: number]: number[] } = {}): Promise<Setup> {
  const broker = new ScriptedBroker(transactionVersion)
  await broker.listen()
  for (const [apiKey, codes] of Object.entries(script)) {
    broker.script.set(Number(apiKey), codes)
  }
  const kafka = createCluster({ bootstrapServers: [`127.0.0.1:${broker.port}`], clientId: 'test' })
  t.teardown(async () => {
    await kafka.close()
    broker.close()
  })
  const producer = kafka.producer({ transactionalId: 'id' })
  await producer.init()
  return { broker, kafka, producer }
}

function writer(kafka: KafkaCluster, partition: number, records: number, bytes = 1): BatchWriter {
  const made = kafka.writer({ topic: 'topic', partition })
  for (let i = 0; i < records; i++) {
    made.append(1, null, Buffer.alloc(bytes), [])
  }
  return made
}

t.test('each retriable code: the same batch again, under the same sequence number', async (t) => {
  for (const code of [2, 3, 5, 6, 7, 14, 15, 16, 19, 20, 51, 56]) {
    const { broker, kafka, producer } = await setup(t, 2)
    await producer.produce([writer(kafka, 0, 3)])
    broker.script.set(PRODUCE, [code, code, 0])
    const [ack] = await producer.produce([writer(kafka, 0, 2)])
    t.match(ack, { baseOffset: 100, count: 2 }, `code ${code}`)
    t.same(broker.produced.map(({ sequence, records, code: answered }) => [sequence, records, answered]), [
      [0, 3, 0],
      [3, 2, code],
      [3, 2, code],
      [3, 2, 0]
    ])
    await producer.commit()
  }
})

t.test('a duplicate is an acknowledgement without an offset', async (t) => {
  const { kafka, producer } = await setup(t, 2, { [PRODUCE]: [6, 46] })
  t.match((await producer.produce([writer(kafka, 0, 1)]))[0], { baseOffset: -1, count: 1 })
})

t.test('batches of one partition go out in order, whatever fails in between', async (t) => {
  const { broker, kafka, producer } = await setup(t, 2, { [PRODUCE]: [0, 0, 6, 0, 51, 0, 0, 0, 0] })
  const [first, second] = [writer(kafka, 0, 5, 400_000), writer(kafka, 1, 3, 400_000)]
  const both = producer.produce([first, second])
  const next = producer.produce([writer(kafka, 0, 1)])
  await Promise.all([both, next])
  for (const partition of [0, 1]) {
    const acknowledged = broker.produced.filter((batch) => batch.partition === partition && batch.code === 0)
    let sequence = 0
    for (const batch of acknowledged) {
      t.equal(batch.sequence, sequence)
      sequence += batch.records
    }
    t.equal(sequence, partition === 0 ? 6 : 3)
    const all = broker.produced.filter((batch) => batch.partition === partition).map((batch) => batch.sequence)
    t.same(all, [...all].sort((a, b) => a - b), 'nothing overtook')
  }
})

t.test('version 2: an abortable code, the abort, and sequences from zero under the next epoch', async (t) => {
  for (const code of [45, 59, 120, 87, 10]) {
    const { broker, kafka, producer } = await setup(t, 2)
    await producer.produce([writer(kafka, 0, 3)])
    await producer.commit()
    await producer.produce([writer(kafka, 0, 4)])
    broker.script.set(PRODUCE, [code])
    await t.rejects(producer.produce([writer(kafka, 0, 1)]), `code ${code}`)
    await t.rejects(producer.commit(), { code: 'TRANSACTION_ABORTED' })
    await producer.abort()
    await producer.produce([writer(kafka, 0, 1)])
    t.same(broker.produced.map(({ epoch, sequence }) => [epoch, sequence]), [
      [0, 0],
      [1, 0],
      [1, 4],
      [2, 0]
    ])
  }
})

t.test('version 1: sequences go on after a commit, and an abort raises the epoch', async (t) => {
  const { broker, kafka, producer } = await setup(t, 1)
  await producer.produce([writer(kafka, 0, 3)])
  await producer.commit()
  await producer.produce([writer(kafka, 0, 4)])
  await producer.abort()
  await producer.produce([writer(kafka, 0, 1)])
  await producer.commit()
  t.same(broker.produced.map(({ epoch, sequence }) => [epoch, sequence]), [
    [0, 0],
    [0, 3],
    [1, 0]
  ])
  t.same(broker.requests.filter((key) => [INIT_PRODUCER_ID, ADD_PARTITIONS, PRODUCE, END_TXN].includes(key)), [
    INIT_PRODUCER_ID, ADD_PARTITIONS, PRODUCE, END_TXN,
    ADD_PARTITIONS, PRODUCE, END_TXN, INIT_PRODUCER_ID,
    ADD_PARTITIONS, PRODUCE, END_TXN
  ])
})

t.test('version 1: the abort of a transaction that the coordinator never heard of', async (t) => {
  const { broker, kafka, producer } = await setup(t, 1, { [ADD_PARTITIONS]: [29], [END_TXN]: [48] })
  await t.rejects(producer.produce([writer(kafka, 0, 1)]), { code: 'AUTHORIZATION_FAILED' })
  await producer.abort()
  await producer.produce([writer(kafka, 0, 1)])
  await producer.commit()
  t.same(broker.produced.map(({ epoch }) => epoch), [1])
})

t.test('coordinators that move, load, or are busy with the last transaction', async (t) => {
  const { broker, kafka, producer } = await setup(t, 1, { [FIND_COORDINATOR]: [15, 15], [INIT_PRODUCER_ID]: [14, 16, 51], [ADD_PARTITIONS]: [51, 51, 16, 14] })
  await producer.produce([writer(kafka, 0, 1)])
  broker.script.set(END_TXN, [51, 16, -1, 14])
  await producer.commit()
  t.equal(broker.requests.filter((key) => key === END_TXN).length, 5)
  t.equal(broker.produced.length, 1)
})

t.test('49 while idle for a week: the id is initialised again, not given up', async (t) => {
  const { broker, kafka, producer } = await setup(t, 2)
  broker.script.set(PRODUCE, [49])
  await t.rejects(producer.produce([writer(kafka, 0, 1)]), { code: 'TRANSACTION_ABORTED' })
  await producer.abort()
  t.equal(broker.requests.filter((key) => key === END_TXN).length, 0)
  await producer.produce([writer(kafka, 0, 1)])
  await producer.commit()
  t.same(broker.produced.map(({ epoch, sequence }) => [epoch, sequence]), [
    [0, 0],
    [1, 0]
  ])
})

t.test('codes that fence, in whatever request they come', async (t) => {
  for (const code of [47, 48, 90]) {
    const producing = await setup(t, 2, { [PRODUCE]: [code] })
    await t.rejects(producing.producer.produce([writer(producing.kafka, 0, 1)]), { code: 'PRODUCER_FENCED' })
    await t.rejects(producing.producer.abort(), { code: 'PRODUCER_FENCED' })

    const committing = await setup(t, 2, { [END_TXN]: [51, code] })
    await committing.producer.produce([writer(committing.kafka, 0, 1)])
    await t.rejects(committing.producer.commit(), { code: 'PRODUCER_FENCED' })
    await t.rejects(committing.producer.produce([writer(committing.kafka, 0, 1)]), { code: 'PRODUCER_FENCED' })
  }
})

t.test('an idempotent producer takes a new id after a batch was given up', async (t) => {
  const { broker, kafka } = await setup(t, 2)
  const producer = kafka.producer({})
  await producer.init()
  await producer.produce([writer(kafka, 0, 5)])
  broker.script.set(PRODUCE, [0, 10])
  await t.rejects(producer.produce([writer(kafka, 0, 2), writer(kafka, 1, 1)]), { code: 'RECORD_TOO_LARGE', message: /topic-1/ })
  await producer.produce([writer(kafka, 0, 1)])
  t.same(broker.produced.map(({ partition, epoch, sequence }) => [partition, epoch, sequence]), [
    [0, 1, 0],
    [0, 1, 5],
    [1, 1, 0],
    [0, 2, 0]
  ])
})
