import t from 'tap'
import fc from '../../../state-stores/test/seeded.ts'
import type { AdminClient, KafkaCluster, TopicMetadata } from '../../kafka/contract.ts'
import { PartitionWriter, partitionFor } from '../../kafka/index.ts'
import { BatchCursor } from '../../kafka/record-cursor.ts'
import { NO_HEADERS } from '../../record.ts'
import { OutputCollector } from '../../runtime/collector.ts'
import { TopicCatalog } from '../../runtime/topic-catalog.ts'

const SIZES: { readonly [topic: string]: number } = { out: 4, other: 2, small: 1, large: 1, late: 3 }

async function collector(...known: string[]) {
  const cluster: Pick<KafkaCluster, 'metadata' | 'writer'> = {
    metadata: async (topics) =>
      new Map(
        topics
          .filter((topic) => topic in SIZES)
          .map((topic): [string, TopicMetadata] => [
            topic,
            { topic, topicId: topic, partitions: Array.from({ length: SIZES[topic]! }, (_, partition) => ({ partition, leader: 1, leaderEpoch: 0 })) },
          ]),
      ),
    writer: (partition, maxMessageBytes) => new PartitionWriter(partition, maxMessageBytes),
  }
  const admin: Pick<AdminClient, 'topicConfig'> = {
    topicConfig: async (topic): Promise<{ [key: string]: string }> => (topic === 'small' ? { 'max.message.bytes': '500' } : topic === 'large' ? { 'max.message.bytes': '4000000' } : {}),
  }
  const topics = new TopicCatalog(cluster, admin)
  await topics.load(known)
  return new OutputCollector(cluster, topics)
}

const bytes = (text: string) => Buffer.from(text)
const counts = (outputs: { writers(): readonly { topic: string; partition: number; count: number }[] }) =>
  Object.fromEntries(outputs.writers().map(({ topic, partition, count }) => [`${topic}-${partition}`, count]))

t.test('records go where every other client would put them', async (t) => {
  const collected = await collector('out')
  for (const key of ['a', 'bb', 'ccc', 'dddd']) {
    collected.send('out', undefined, bytes(key), bytes('v'), 1, NO_HEADERS)
  }
  const expected: { [key: string]: number } = {}
  for (const key of ['a', 'bb', 'ccc', 'dddd']) {
    const at = `out-${partitionFor(bytes(key), 4)}`
    expected[at] = (expected[at] ?? 0) + 1
  }
  t.same(counts(collected.close()), expected)
})

t.test('records without a key stay together within a generation', async (t) => {
  const collected = await collector('out')
  const seen = new Set<string>()
  for (let generation = 0; generation < 4; generation++) {
    for (let i = 0; i < 10; i++) {
      collected.send('out', undefined, null, bytes('v'), 1, NO_HEADERS)
    }
    const closed = collected.close()
    const found = counts(closed)
    t.same(Object.values(found), [10])
    seen.add(Object.keys(found)[0]!)
    closed.recycle()
  }
  t.ok(seen.size > 1, 'and move on with the next')
})

t.test('a partition the topic does not have, and a record the topic does not take', async (t) => {
  const collected = await collector('out', 'small')
  t.throws(() => collected.send('out', 4, null, null, 1, NO_HEADERS), { code: 'PRODUCTION_FAILED', message: /partition 4 of out, which has 4/ })
  t.throws(() => collected.send('small', 0, null, Buffer.alloc(500), 1, NO_HEADERS), { code: 'RECORD_TOO_LARGE', message: /500 \(max.message.bytes\)/ })
  t.equal(collected.maxMessageBytes('small'), 500)
  t.equal(collected.partitions('nowhere'), undefined)
  t.same(counts(collected.close()), {})
})

t.test('copies in several partitions, and in none', async (t) => {
  const collected = await collector()
  collected.send('late', (partitions) => [0, partitions - 1, 0], bytes('a'), bytes('1'), 1, NO_HEADERS)
  collected.send('late', () => [], bytes('a'), bytes('2'), 1, NO_HEADERS)
  const closed = collected.close()
  await closed.resolve()
  const [first, last] = closed.writers()
  t.same([first?.partition, first?.count, last?.count, closed.writers().length], [0, 1, 1, 2])
  closed.recycle()
  const wrong = await collector()
  wrong.send('late', (partitions) => [0, partitions], null, null, 1, NO_HEADERS)
  await t.rejects(wrong.close().resolve(), { code: 'PRODUCTION_FAILED' })
})

t.test('what is sent while the generation before is under way belongs to the next', async (t) => {
  const collected = await collector('out')
  collected.send('out', 0, null, bytes('1'), 1, NO_HEADERS)
  const first = collected.close()
  collected.send('out', 0, null, bytes('2'), 1, NO_HEADERS)
  collected.send('out', 0, null, bytes('3'), 1, NO_HEADERS)
  t.same(counts(first), { 'out-0': 1 })
  first.recycle()
  t.same(counts(collected.close()), { 'out-0': 2 })
})

t.test('small records for a topic with a small limit are sealed in batches which that topic takes', async (t) => {
  const collected = await collector('small')
  for (let i = 0; i < 200; i++) {
    collected.send('small', 0, bytes(`key ${i}`), Buffer.alloc(i % 60), 1_000 + i, NO_HEADERS)
  }
  const closed = collected.close()
  const writer = closed.writers()[0] as PartitionWriter
  const identity = { producerId: 1n, producerEpoch: 0, baseSequence: 0, transactional: true }
  const sizes = Array.from({ length: writer.batches }, (_, batch) => writer.seal(batch, identity).length)
  t.equal(writer.count, 200)
  t.ok(Math.max(...sizes) <= 500, `largest ${Math.max(...sizes)}`)
  t.ok(sizes.length < 60, 'and in no more batches than needed')
})

t.test('a drop leaves nothing', async (t) => {
  const collected = await collector('out')
  collected.send('out', 0, null, bytes('1'), 1, NO_HEADERS)
  collected.send('late', 0, null, bytes('1'), 1, NO_HEADERS)
  collected.drop()
  t.equal(collected.bytes, 0)
  const closed = collected.close()
  await closed.resolve()
  t.same(counts(closed), {})
})

t.test('topics nobody asked about wait for the close, and keep their order', async (t) => {
  const collected = await collector('out')
  collected.send('late', undefined, bytes('a'), bytes('1'), 1, NO_HEADERS)
  const mark = collected.mark()
  collected.send('late', undefined, bytes('a'), bytes('2'), 1, NO_HEADERS)
  collected.rollback(mark)
  collected.send('late', 2, bytes('a'), bytes('3'), 1, NO_HEADERS)
  const closed = collected.close()
  await closed.resolve()
  t.equal(closed.writers().reduce((sum, writer) => sum + writer.count, 0), 2)
  const missing = await collector()
  missing.send('nowhere', undefined, null, null, 1, NO_HEADERS)
  await t.rejects(missing.close().resolve(), { code: 'SOURCE_TOPIC_MISSING', message: /nowhere/ })
})

t.test('what a topic nobody asked about takes is for that topic to say', async (t) => {
  const collected = await collector()
  collected.send('large', 0, null, Buffer.alloc(2_000_000), 1, NO_HEADERS)
  const closed = collected.close()
  await closed.resolve()
  t.same(counts(closed), { 'large-0': 1 })
  collected.send('small', 0, null, Buffer.alloc(600), 1, NO_HEADERS)
  await t.rejects(collected.close().resolve(), { code: 'RECORD_TOO_LARGE' })
})

t.test('the partition is chosen when it is known how many there are', async (t) => {
  const collected = await collector('out')
  const last = (partitions: number) => partitions - 1
  collected.send('out', last, bytes('a'), null, 1, NO_HEADERS)
  collected.send('late', last, bytes('a'), null, 1, NO_HEADERS)
  collected.send('late', () => undefined, bytes('a'), null, 1, NO_HEADERS)
  const closed = collected.close()
  await closed.resolve()
  const byKey = partitionFor(bytes('a'), 3)
  t.same(counts(closed), byKey === 2 ? { 'out-3': 1, 'late-2': 2 } : { 'out-3': 1, 'late-2': 1, [`late-${byKey}`]: 1 })
})

t.test('a topic that becomes known in the middle of a generation keeps the order of its records', async (t) => {
  const collected = await collector()
  const send = (value: string) => collected.send('late', undefined, bytes('a'), bytes(value), 1, NO_HEADERS)
  send('1')
  const first = collected.close()
  send('2')
  await first.resolve()
  send('3')
  const second = collected.close()
  await second.resolve()
  const writer = second.writers()[0] as PartitionWriter
  const data = writer.seal(0, { producerId: 1n, producerEpoch: 0, baseSequence: 0, transactional: true })
  const cursor = new BatchCursor({ topic: 'late', partition: writer.partition, data, fetchOffset: 0, aborted: null })
  const values: string[] = []
  while (cursor.next()) {
    values.push(String(cursor.value()))
  }
  t.same(values, ['2', '3'])
})

t.test('property: a rollback leaves exactly what was sent before its mark, over all topics and partitions', async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('send' as const), topic: fc.constantFrom('out', 'other', 'late'), partition: fc.nat(1), size: fc.nat(40) }),
    fc.constant({ type: 'mark' as const }),
    fc.constant({ type: 'rollback' as const }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const collected = await collector('out', 'other')
      const plain = await collector('out', 'other')
      let sent: { topic: string; partition: number; size: number }[] = []
      const marks: { mark: ReturnType<typeof collected.mark>; at: number }[] = []
      for (const each of steps) {
        if (each.type === 'send') {
          collected.send(each.topic, each.partition, null, Buffer.alloc(each.size), 5, NO_HEADERS)
          sent.push(each)
        } else if (each.type === 'mark') {
          marks.push({ mark: collected.mark(), at: sent.length })
        } else {
          const last = marks.pop()
          if (last !== undefined) {
            collected.rollback(last.mark)
            sent = sent.slice(0, last.at)
          }
        }
      }
      for (const each of sent) {
        plain.send(each.topic, each.partition, null, Buffer.alloc(each.size), 5, NO_HEADERS)
      }
      const [a, b] = [collected.close(), plain.close()]
      await Promise.all([a.resolve(), b.resolve()])
      const sizes = (outputs: typeof a) => JSON.stringify(outputs.writers().map((w) => [w.topic, w.partition, w.count, w.bytes]).toSorted())
      if (sizes(a) !== sizes(b)) {
        throw new Error(`${sizes(a)} instead of ${sizes(b)}`)
      }
    }),
  )
})
