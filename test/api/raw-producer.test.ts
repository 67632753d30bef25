import { createCluster } from 'millrace/kafka'
import t from 'tap'
import { MAXIMUM_WAITING_RECORDS } from '../../api/limits.ts'
import { RawProducer, type RawRecord } from '../../api/raw-producer.ts'

const record = (id: string): RawRecord => ({ key: Buffer.from(id), value: Buffer.from('value'), timestamp: 1 })

t.test('while Kafka is away every request is told so in time, and nothing piles up', async (t) => {
  // nobody listens on port 1
  const cluster = createCluster({ bootstrapServers: ['127.0.0.1:1'], clientId: 'test' })
  const producer = new RawProducer(cluster, 'documents.raw', { timeoutMs: 200 })
  const away = { code: 'KAFKA_UNAVAILABLE', status: 503, detail: { retryAfterSeconds: 5 } }
  await Promise.all(Array.from({ length: 20 }, (_, index) => t.rejects(producer.send([record(`a${index}`), record(`b${index}`)]), away)))
  await t.rejects(producer.send(Array.from({ length: MAXIMUM_WAITING_RECORDS + 1 }, () => record('x'))), away, 'more than may wait')
  const waiting = t.rejects(producer.send([record('last')]), away)
  await cluster.close()
  await producer.close()
  await waiting
  await t.rejects(producer.send([record('after')]), { code: 'STOPPING', status: 503 })
})
