import t from 'tap'
import { PartitionWriter } from '../../kafka/batch-writer.ts'
import { Brokers } from '../../kafka/brokers.ts'
import { Delivery } from '../../kafka/delivery.ts'
import { MetadataCache } from '../../kafka/metadata-cache.ts'
import { PRODUCE_V9 } from '../../kafka/protocol/produce.ts'
import { INIT_PRODUCER_ID } from '../../kafka/protocol/transactions.ts'
import { NO_PRODUCER } from '../../kafka/transaction-coordinator.ts'
import { bootstrapServers, cluster, newTopic, readAll } from './kafka-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

t.test('the broker takes sequence numbers across 2^31', async (t) => {
  const kafka = cluster(t)
  const topic = await newTopic(t, kafka)
  const brokers = new Brokers({ bootstrapServers: bootstrapServers(), clientId: 'millrace-test' })
  t.teardown(() => brokers.close())
  const connections = brokers.connections()
  const metadata = new MetadataCache(brokers, connections)
  const { errorCode, ...identity } = await connections.any(INIT_PRODUCER_ID, { transactionalId: null, transactionTimeoutMs: 10_000, ...NO_PRODUCER })
  t.equal(errorCode, 0)
  // A broker that has never seen the producer id on this partition takes any first sequence number.
  const sequences = new Map([[`${topic}-0`, 2 ** 31 - 25]])
  const expected: string[] = []
  for (let round = 0; round < 8; round++) {
    const writer = new PartitionWriter({ topic, partition: 0 })
    for (let i = 0; i < 10; i++) {
      expected.push(`${round}.${i}`)
      writer.append(1, null, Buffer.from(`${round}.${i}`), [])
    }
    const delivery = new Delivery(connections, metadata, [writer], {
      api: PRODUCE_V9,
      transactionalId: undefined,
      identity,
      sequences,
      timeoutMs: 10_000,
      signal: new AbortController().signal
    })
    const [ack] = await delivery.run()
    t.equal(ack?.baseOffset, round * 10)
  }
  t.equal(sequences.get(`${topic}-0`), 55, '80 records, 25 of them before the wrap')
  t.same((await readAll(kafka, topic)).map((r) => r.value), expected)
})
