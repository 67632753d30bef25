import t from 'tap'
import { StreamsBuilder } from '../../dsl/streams-builder.ts'
import type { FetchedRecords, Fetcher, FetcherOptions, KafkaCluster, TopicPartition } from '../../kafka/contract.ts'
import { GlobalTables, type GlobalTablesOptions } from '../../runtime/global-tables.ts'
import { text } from './topologies.ts'

t.test('a table that is fetched faster than it is written holds its fetches up', async (t) => {
  const builder = new StreamsBuilder()
  builder.globalTable('rates', { key: text, value: text })
  builder.stream('in', { key: text, value: text }).to('out')
  const asked: string[] = []
  let options!: FetcherOptions
  const fetcher: Partial<Fetcher> = {
    seek: ({ topic }: TopicPartition, offset) => asked.push(`${topic}@${offset}`),
    pause: () => void asked.push('pause'),
    resume: () => void asked.push('resume'),
    close: async () => undefined,
  }
  const cluster: Partial<KafkaCluster> = {
    listOffsets: async (_partitions, at) => new Map([['rates-0', at === 'earliest' ? 0 : 30]]),
    fetcher: (given) => {
      options = given
      return fetcher as Fetcher
    },
  }
  const tables = new GlobalTables({
    topology: builder.build({ applicationId: 'app' }),
    cluster,
    topics: { load: async () => [], require: () => ({ topicId: 'id', partitions: 1, maxMessageBytes: 1_000 }), config: async () => ({}) },
    config: { engine: 'memory', errors: {} },
    memory: { share: () => ({}) },
    thread: 0,
    folder: { taskLocation: async () => '' },
    failpoint: () => undefined,
    now: () => 0,
    onFailed: (error: Error) => t.fail(error.message),
    onWarning: (message: string) => t.fail(message),
  } as unknown as GlobalTablesOptions)
  const loaded = tables.load()
  while (asked.length === 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const answer = (nextOffset: number) => options.onRecords({ topic: 'rates', partition: 0, nextOffset, cursor: { next: () => false } } as unknown as FetchedRecords)
  answer(10)
  t.same(asked, ['rates@0'])
  answer(20)
  t.same(asked, ['rates@0', 'pause'], 'two wait: no more for now')
  while (asked.length === 2) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.same(asked, ['rates@0', 'pause', 'resume'])
  answer(30)
  await loaded
  t.same(asked, ['rates@0', 'pause', 'resume'])
  await tables.close()
})
