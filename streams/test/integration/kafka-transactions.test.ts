import t from 'tap'
import type { BatchWriter, KafkaCluster, ProducerOptions, TransactionalProducer } from '../../kafka/contract.ts'
import { brokerCodeOf } from '../../kafka/kafka-error.ts'
import { peerReads } from './kafka-peer.ts'
import { cluster, committedOffset, join, joinAlone, newTopic, readAll, unique, until } from './kafka-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

/** Both protocols must pass the same tests: 2 is the default of 4.x brokers, 1 is what older ones speak. */
for (const version of [2, 1] as const) {
  t.test(`transaction.version ${version}`, async (t) => {
    const kafka = cluster(t)
    const start = (transactionalId: string, timeoutMs = 120_000): Promise<TransactionalProducer> => started(kafka, version, transactionalId, timeoutMs)

    t.test('committed, aborted and empty transactions in every order, for us and for kafkajs', async (t) => {
      const topic = await newTopic(t, kafka, 2)
      const producer = await start(unique('tx'))
      const expected: string[] = []
      // c commit, a abort, e empty commit, f empty abort; and runs of several of a kind.
      for (const [index, kind] of [...'caceaaccfaacaecaca'].entries()) {
        if (kind === 'c' || kind === 'a') {
          await producer.produce([filled(kafka, topic, index % 2, `${kind}${index}`), filled(kafka, topic, (index + 1) % 2, `${kind}${index}'`)])
        }
        if (kind === 'c' || kind === 'e') {
          await producer.commit()
        } else {
          await producer.abort()
        }
        if (kind === 'c') {
          expected.push(`c${index}`, `c${index}'`)
        }
      }
      t.same((await readAll(kafka, topic)).map((r) => r.value).sort(), [...expected].sort())
      t.same((await peerReads(topic, expected.length)).map((r) => r.value).sort(), [...expected].sort())
      const all = (await readAll(kafka, topic, 'read_uncommitted')).length
      t.equal(all, 2 * [...'caceaaccfaacaecaca'].filter((kind) => kind === 'c' || kind === 'a').length)
    })

    t.test('interleaved transactions of two producers on one partition', async (t) => {
      const topic = await newTopic(t, kafka)
      const [a, b] = [await start(unique('a')), await start(unique('b'))]
      const expected: string[] = []
      for (let round = 0; round < 6; round++) {
        await a.produce([filled(kafka, topic, 0, `a${round}`)])
        await b.produce([filled(kafka, topic, 0, `b${round}`)])
        await a.produce([filled(kafka, topic, 0, `a${round}+`)])
        await (round % 2 === 0 ? a.commit() : a.abort())
        await b.produce([filled(kafka, topic, 0, `b${round}+`)])
        await (round % 3 === 0 ? b.commit() : b.abort())
        expected.push(...(round % 2 === 0 ? [`a${round}`, `a${round}+`] : []), ...(round % 3 === 0 ? [`b${round}`, `b${round}+`] : []))
      }
      t.same((await readAll(kafka, topic)).map((r) => r.value).sort(), expected.sort())
    })

    t.test('a stable transactional id is taken over after its user left a transaction open', async (t) => {
      const topic = await newTopic(t, kafka)
      const id = unique('stable')
      const first = await start(id)
      await first.produce([filled(kafka, topic, 0, 'lost')])
      const second = await start(id)
      await second.produce([filled(kafka, topic, 0, 'kept')])
      await second.commit()
      await t.rejects(first.commit(), { code: 'PRODUCER_FENCED' }, 'the zombie is fenced')
      await t.rejects(first.produce([filled(kafka, topic, 0, 'never')]), { code: 'PRODUCER_FENCED' })
      await t.rejects(first.abort(), { code: 'PRODUCER_FENCED' })
      t.same((await readAll(kafka, topic)).map((r) => r.value), ['kept'])
    })

    t.test('a zombie is fenced in each of its requests', async (t) => {
      const topic = await newTopic(t, kafka)
      const identity = await joinAlone(kafka, unique('group'))
      const zombies: [string, (producer: TransactionalProducer) => Promise<unknown>][] = [
        ['produce', (p) => p.produce([filled(kafka, topic, 0, 'zombie')])],
        ['sendOffsets', (p) => p.sendOffsets([{ topic, partition: 0, offset: 5, metadata: '' }], identity)],
        ['commit', (p) => p.commit()],
        ['abort', (p) => p.abort()]
      ]
      for (const [name, act] of zombies) {
        const id = unique('zombie')
        const producer = await start(id)
        await producer.produce([filled(kafka, topic, 0, 'before')])
        await kafka.fence(id)
        await t.rejects(act(producer), { code: 'PRODUCER_FENCED' }, name)
      }
      t.same(await readAll(kafka, topic), [])
      t.equal(await committedOffset(kafka, identity.groupId, { topic, partition: 0 }), -1)
    })

    t.test('many partitions of many topics, concurrently, in one transaction', async (t) => {
      const topics = await Promise.all([1, 2, 3].map(() => newTopic(t, kafka, 4)))
      const producer = await start(unique('wide'))
      const identity = await joinAlone(kafka, unique('group'))
      const calls = topics.flatMap((topic) => [0, 1, 2, 3].map((partition) => producer.produce([filled(kafka, topic, partition, `${partition}`)])))
      const offsets = producer.sendOffsets([{ topic: topics[0]!, partition: 0, offset: 1, metadata: 'meta' }], identity)
      const acks = (await Promise.all(calls)).flat()
      await offsets
      await producer.commit()
      t.equal(acks.length, 12)
      t.ok(acks.every(({ baseOffset, count }) => baseOffset === 0 && count === 1))
      for (const topic of topics) {
        t.same((await readAll(kafka, topic)).map((r) => r.value), ['0', '1', '2', '3'])
      }
      t.equal(await committedOffset(kafka, identity.groupId, { topic: topics[0]!, partition: 0 }), 1)
    })

    t.test('a record that is too large names its partition; the next transaction is not harmed', async (t) => {
      const topic = await newTopic(t, kafka, 2, { 'max.message.bytes': '5000' })
      const producer = await start(unique('large'))
      await producer.produce([filled(kafka, topic, 0, 'before')])
      await producer.commit()
      const failing = producer.produce([filled(kafka, topic, 0, 'beside'), filled(kafka, topic, 1, 'x'.repeat(10_000))])
      await t.rejects(failing, { code: 'RECORD_TOO_LARGE', brokerCode: 10, message: new RegExp(`${topic}-1`) })
      await t.rejects(producer.commit(), { code: 'TRANSACTION_ABORTED' })
      await t.rejects(producer.produce([filled(kafka, topic, 0, 'no')]), { code: 'PRODUCER_STATE_INVALID' })
      await producer.abort()
      await producer.produce([filled(kafka, topic, 0, 'after'), filled(kafka, topic, 1, 'after')])
      await producer.commit()
      t.same((await readAll(kafka, topic)).map((r) => r.value), ['before', 'after', 'after'])
    })

    t.test('a writer of several batches arrives whole and in order', async (t) => {
      const topic = await newTopic(t, kafka)
      const producer = await start(unique('batches'))
      const writer = kafka.writer({ topic, partition: 0 })
      for (let i = 0; i < 700; i++) {
        writer.append(1_000 + i, null, Buffer.from(`${i}-${'x'.repeat(4_000)}`), [])
      }
      t.ok(writer.bytes > 2_500_000)
      const [ack] = await producer.produce([writer])
      await producer.commit()
      t.match(ack, { baseOffset: 0, count: 700 })
      t.same((await readAll(kafka, topic)).map((r) => Number(r.value!.split('-')[0])), Array.from({ length: 700 }, (_, i) => i))
    })

    t.test('offsets with a wrong generation or member are refused, and may be sent again', async (t) => {
      const topic = await newTopic(t, kafka)
      const identity = await joinAlone(kafka, unique('group'))
      const producer = await start(unique('offsets'))
      const offsets = [{ topic, partition: 0, offset: 9, metadata: 'm' }]
      const codeOf = (promise: Promise<unknown>): Promise<number | undefined> => promise.then(() => 0, brokerCodeOf)
      await producer.produce([filled(kafka, topic, 0, 'x')])
      t.equal(await codeOf(producer.sendOffsets(offsets, { ...identity, generationId: identity.generationId + 1 })), 22)
      t.equal(await codeOf(producer.sendOffsets(offsets, { ...identity, memberId: 'nobody' })), 25)
      await t.rejects(producer.commit(), { code: 'TRANSACTION_ABORTED' }, 'never without the offsets')
      await t.rejects(producer.sendOffsets(offsets, { ...identity, generationId: -1 }), { code: 'MEMBERSHIP_LOST' }, 'the broker would accept this one')
      await producer.sendOffsets(offsets, identity)
      await producer.commit()
      t.equal(await committedOffset(kafka, identity.groupId, { topic, partition: 0 }), 9)
      t.same((await readAll(kafka, topic)).map((r) => r.value), ['x'])
    })

    t.test('an aborted transaction takes its offsets back', async (t) => {
      const topic = await newTopic(t, kafka)
      const identity = await joinAlone(kafka, unique('group'))
      const producer = await start(unique('offsets'))
      const commitAt = (offset: number): Promise<void> => producer.sendOffsets([{ topic, partition: 0, offset, metadata: '' }], identity)
      await commitAt(3)
      await producer.commit()
      await commitAt(8)
      await producer.abort()
      t.equal(await committedOffset(kafka, identity.groupId, { topic, partition: 0 }), 3)
    })

    t.test('offsets of an open transaction are unstable until its id is fenced', async (t) => {
      const topic = await newTopic(t, kafka)
      const identity = await joinAlone(kafka, unique('group'))
      const id = unique('dead')
      const dead = await start(id, 60_000)
      await dead.sendOffsets([{ topic, partition: 0, offset: 4, metadata: '' }], identity)
      await t.rejects(kafka.group().fetchOffsets(identity.groupId, [{ topic, partition: 0 }]), { code: 'PROTOCOL_ERROR', message: /UNSTABLE_OFFSET_COMMIT \(88\)/ })
      const unstable = await kafka.group().fetchOffsets(identity.groupId, [{ topic, partition: 0 }], { requireStable: false })
      t.equal(unstable[0]!.offset, -1)
      await kafka.fence(id)
      t.equal(await committedOffset(kafka, identity.groupId, { topic, partition: 0 }), -1)
    })

    t.test('a rebalance inside a transaction: the old generation commits while others rejoin, then the new one', async (t) => {
      const topic = await newTopic(t, kafka)
      const groupId = unique('group')
      const first = await joinAlone(kafka, groupId)
      const producer = await start(unique('rebalance'))
      const group = kafka.group()
      const commitAt = async (offset: number, generationId: number): Promise<void> => {
        await producer.produce([filled(kafka, topic, 0, `${offset}`)])
        await producer.sendOffsets([{ topic, partition: 0, offset, metadata: '' }], { ...first, generationId })
        await producer.commit()
      }
      await producer.produce([filled(kafka, topic, 0, 'open')])
      const other = join(cluster(t), groupId, '')
      await until(async () => {
        const code = await group.heartbeat(first).then(() => 0, brokerCodeOf)
        return code === 27
      }, 'the rebalance has begun')
      await commitAt(1, first.generationId)
      const rejoined = await join(kafka, groupId, first.memberId)
      const otherJoined = await other
      t.equal(rejoined.generationId, first.generationId + 1)
      await commitAt(2, rejoined.generationId)
      await t.rejects(producer.sendOffsets([{ topic, partition: 0, offset: 3, metadata: '' }], first), { code: 'MEMBERSHIP_LOST', message: /ILLEGAL_GENERATION \(22\)/ })
      await producer.abort()
      const identity = { ...first, generationId: rejoined.generationId }
      const leader = rejoined.leader === first.memberId ? identity : { groupId, memberId: otherJoined.memberId, generationId: otherJoined.generationId }
      const assignments = [first.memberId, otherJoined.memberId].map((memberId) => ({ memberId, assignment: Buffer.from(memberId) }))
      const synced = await group.sync(leader, 'test', assignments)
      t.equal(Buffer.from(synced).toString(), leader.memberId)
      await commitAt(4, rejoined.generationId)
      t.equal(await committedOffset(kafka, groupId, { topic, partition: 0 }), 4)
      t.same((await readAll(kafka, topic)).map((r) => r.value), ['open', '1', '2', '4'])
    })

    t.test('hundreds of transactions in a row, some aborted', async (t) => {
      const topic = await newTopic(t, kafka, 3)
      const identity = await joinAlone(kafka, unique('group'))
      const producer = await start(unique('many'))
      const writers = [0, 1, 2].map((partition) => kafka.writer({ topic, partition }))
      const expected: string[] = []
      for (let n = 0; n < 300; n++) {
        for (const writer of writers) {
          writer.reset()
          writer.append(n, null, Buffer.from(`${n}`), [])
        }
        const produced = producer.produce(writers)
        await Promise.all([produced, producer.sendOffsets([{ topic, partition: 0, offset: n, metadata: '' }], identity)])
        if (n % 17 === 16) {
          await producer.abort()
        } else {
          await producer.commit()
          expected.push(`${n}`)
        }
      }
      const values = Map.groupBy(await readAll(kafka, topic), (r) => r.partition)
      for (const partition of [0, 1, 2]) {
        t.strictSame(values.get(partition)!.map((r) => r.value), expected)
      }
      t.equal(await committedOffset(kafka, identity.groupId, { topic, partition: 0 }), 299)
    })
  })
}

t.test('the transaction times out at the coordinator: the producer is fenced, its records are gone', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const producer = await started(kafka, 2, unique('timeout'), 1_000)
  await producer.produce([filled(kafka, topic, 0, 'late')])
  await until(async () => (await kafka.listOffsets([{ topic, partition: 0 }], 'latest', 'read_committed')).get(`${topic}-0`)! > 0, 'the coordinator has aborted')
  await t.rejects(producer.commit(), { code: 'PRODUCER_FENCED' })
  t.same(await readAll(kafka, topic), [])
})

t.test('an idempotent producer writes outside of transactions, and goes on after a refused record', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka, 1, { 'max.message.bytes': '5000' })
  const producer = kafka.producer({})
  await producer.init()
  const acks = await Promise.all([1, 2, 3].map((n) => producer.produce([filled(kafka, topic, 0, `${n}`)])))
  t.same(acks.flat().map(({ baseOffset }) => baseOffset), [0, 1, 2])
  await t.rejects(producer.produce([filled(kafka, topic, 0, 'x'.repeat(9_000))]), { code: 'RECORD_TOO_LARGE' })
  await producer.produce([filled(kafka, topic, 0, '4')])
  await t.rejects(producer.commit(), { code: 'PRODUCER_STATE_INVALID' })
  t.same((await readAll(kafka, topic)).map((r) => r.value), ['1', '2', '3', '4'])
})

async function started(kafka: KafkaCluster, version: 1 | 2, transactionalId: string, transactionTimeoutMs: number): Promise<TransactionalProducer> {
  const options: ProducerOptions = { transactionalId, transactionTimeoutMs, ...(version === 1 ? { transactionVersion: 1 } : {}) }
  const producer = kafka.producer(options)
  await producer.init()
  return producer
}

function filled(kafka: KafkaCluster, topic: string, partition: number, value: string): BatchWriter {
  const writer = kafka.writer({ topic, partition })
  writer.append(1_700_000_000_000, Buffer.from('key'), Buffer.from(value), [])
  return writer
}

