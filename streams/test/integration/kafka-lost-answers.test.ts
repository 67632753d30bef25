import t from 'tap'
import type { BatchWriter, KafkaCluster, TransactionalProducer } from '../../kafka/contract.ts'
import { loseAnswers, severed } from './kafka-cut.ts'
import { cluster, committedOffset, joinAlone, newTopic, readAll, unique, until } from './kafka-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

const PRODUCE = 0
const TXN_OFFSET_COMMIT = 28
const END_TXN = 26
const ADD_PARTITIONS = 24
const INIT_PRODUCER_ID = 22

for (const version of [2, 1] as const) {
  t.test(`transaction.version ${version}`, async (t) => {
    const kafka = cluster(t)

    for (const [name, apiKey] of Object.entries({ PRODUCE, TXN_OFFSET_COMMIT, END_TXN, ...(version === 1 ? { ADD_PARTITIONS } : {}) })) {
      t.test(`the answers to ${name} are lost: carried out once all the same`, async (t) => {
        const topic = await newTopic(t, kafka, 2)
        const identity = await joinAlone(kafka, unique('group'))
        const producer = await started(kafka, version)
        const expected: string[] = []
        for (let n = 0; n < 6; n++) {
          const lost = n % 2 === 1 ? loseAnswers(apiKey, 2) : undefined
          const produced = producer.produce([filled(kafka, topic, 0, `${n}`), filled(kafka, topic, 1, `${n}`)])
          await Promise.all([produced, producer.sendOffsets([{ topic, partition: 0, offset: n, metadata: '' }], identity)])
          if (n === 3) {
            await producer.abort()
          } else {
            await producer.commit()
            expected.push(`${n}`)
          }
          if (lost !== undefined) {
            t.ok(lost.count > 0, 'answers were lost')
          }
        }
        t.same((await readAll(kafka, topic)).map((r) => r.value), [...expected, ...expected])
        t.equal(await committedOffset(kafka, identity.groupId, { topic, partition: 0 }), 5)
      })
    }

    t.test('every connection is pulled again and again', async (t) => {
      const topic = await newTopic(t, kafka, 2)
      const producer = await started(kafka, version)
      const expected: string[] = []
      for (let n = 0; n < 40; n++) {
        const steps = [() => {}, () => {}, () => {}]
        steps[n % 3] = severed
        steps[0]!()
        const produced = producer.produce([filled(kafka, topic, 0, `${n}`), filled(kafka, topic, 1, `${n}`)])
        steps[1]!()
        await produced
        const committing = producer.commit()
        steps[2]!()
        await committing
        expected.push(`${n}`)
      }
      t.same((await readAll(kafka, topic)).map((r) => r.value), [...expected, ...expected])
    })

    t.test('an outcome nobody answers stays undecided until asked again', async (t) => {
      const topic = await newTopic(t, kafka)
      const producer = await started(kafka, version)
      await producer.produce([filled(kafka, topic, 0, 'kept')])
      await givenUp(t, producer)
      await t.rejects(producer.produce([filled(kafka, topic, 0, 'no')]), { code: 'PRODUCER_STATE_INVALID' })
      await t.rejects(producer.abort(), { code: 'PRODUCER_STATE_INVALID' }, 'never guess')
      loseAnswers(END_TXN, 0)
      await producer.commit()
      await producer.produce([filled(kafka, topic, 0, 'next')])
      await producer.commit()
      t.same((await readAll(kafka, topic)).map((r) => r.value), ['kept', 'next'])
    })

    t.test('fenced while the outcome was unknown', async (t) => {
      const topic = await newTopic(t, kafka)
      const id = unique('fenced')
      const producer = await started(kafka, version, id)
      await producer.produce([filled(kafka, topic, 0, 'committed by the lost request')])
      await givenUp(t, producer)
      loseAnswers(END_TXN, 0)
      await kafka.fence(id)
      await t.rejects(producer.commit(), { code: 'PRODUCER_FENCED' }, 'committed or not: the broker is the truth, not this answer')
      t.same((await readAll(kafka, topic)).map((r) => r.value), ['committed by the lost request'])
    })

    t.test('the answer to InitProducerId is lost', async (t) => {
      const topic = await newTopic(t, kafka)
      const lost = loseAnswers(INIT_PRODUCER_ID, 1)
      const producer = await started(kafka, version)
      t.equal(lost.count, 1)
      await producer.produce([filled(kafka, topic, 0, 'x')])
      await producer.commit()
      t.same((await readAll(kafka, topic)).map((r) => r.value), ['x'])
    })
  })
}

/** A commit that the broker has carried out and nobody answers, given up by its caller. */
async function givenUp(test: Pick<typeof t, 'rejects'>, producer: TransactionalProducer): Promise<void> {
  const lost = loseAnswers(END_TXN, 1_000)
  const patience = new AbortController()
  const rejected = test.rejects(producer.commit(patience.signal), { code: 'TIMEOUT' })
  await until(() => lost.count > 0, 'an answer is lost')
  patience.abort()
  await rejected
}

async function started(kafka: KafkaCluster, version: 1 | 2, transactionalId = unique('tx')): Promise<TransactionalProducer> {
  const producer = kafka.producer({ transactionalId, ...(version === 1 ? { transactionVersion: 1 } : {}) })
  await producer.init()
  return producer
}

function filled(kafka: KafkaCluster, topic: string, partition: number, value: string): BatchWriter {
  const writer = kafka.writer({ topic, partition })
  writer.append(1_700_000_000_000, null, Buffer.from(value), [])
  return writer
}
