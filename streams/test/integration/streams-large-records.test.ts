/** Rule C5: what fits into a source goes through, whatever holds it on its way; what fits nowhere costs one record, not the thread. */
import t from 'tap'
import { type KeyValueStore, type ProcessorContext, type StreamsBuilder, Serdes, Stores } from '../../index.ts'
import { DEAD_LETTER_HEADERS } from '../../runtime/dead-letter.ts'
import { DEFAULT_MAX_MESSAGE_BYTES } from '../../runtime/topic-catalog.ts'
import { application } from './application.ts'
import { TestCluster } from './streams-support.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const TEXT = { key: Serdes.string(), value: Serdes.string() }
/** Of a batch with one record: header (61), lengths and deltas (11), a key of one byte. */
const AROUND_VALUE = 61 + 11 + 1
/** Its batch is ten bytes short of what the topic takes. */
const LARGEST = DEFAULT_MAX_MESSAGE_BYTES - 10 - AROUND_VALUE
/** Told to each topic: a broker may have another default. */
const LIMIT = { 'max.message.bytes': `${DEFAULT_MAX_MESSAGE_BYTES}` }
const STATE_BYTES = 2 * 1024 * 1024

async function values(topic: string, count: number): Promise<string[]> {
  return (await cluster.committedByPeer(topic, count)).map(({ value }) => value!.toString())
}

t.test('the largest record a source takes waits in an asynchronous operator, survives a lost disk, and may be given up', async (t) => {
  const [source, sink, dead] = await Promise.all(['largest', 'lengths', 'largest-dead'].map((name) => cluster.topic(name, 1, LIMIT)))
  let open = false
  const topology = (b: StreamsBuilder) =>
    b
      .stream(source!, TEXT)
      .mapAsync(
        async (value) => {
          if (!open) {
            await new Promise(() => undefined)
          }
          if (value.startsWith('bad')) {
            throw new Error('of no use')
          }
          return String(value.length)
        },
        { name: 'measure', value: Serdes.string(), retry: 0, timeout: '10m', onFailure: 'dead-letter' },
      )
      .to(sink!, TEXT)
  await cluster.send(source!, [{ key: 'a', value: 'good'.padEnd(LARGEST) }])
  await cluster.send(source!, [{ key: 'b', value: 'bad'.padEnd(LARGEST) }])
  await cluster.send(source!, [{ key: 'c', value: 'small' }])
  const first = application(cluster, 'largest', topology, { deadLetterTopic: dead! })
  await first.start()
  await cluster.consumed(cluster.name('largest'), source!)
  await first.close()
  t.equal((await cluster.highWatermarks(dead!)).get(0), 0, 'nothing is too large to be pending')
  const { 'max.message.bytes': limit } = await cluster.ours.admin().topicConfig(`${cluster.name('largest')}-measure-in-flight-changelog`)
  t.equal(limit, `${DEFAULT_MAX_MESSAGE_BYTES + 64 * 1024}`, 'its changelog takes the record and what is kept beside it')
  open = true
  const second = application(cluster, 'largest', topology, { deadLetterTopic: dead! })
  await second.start()
  t.same((await values(sink!, 2)).sort(), [`${LARGEST}`, '5'].sort())
  const [letter] = await cluster.committedByPeer(dead!, 1)
  t.equal(letter!.value, null, 'it cannot carry its record and the reason')
  const headers = await cluster.headers(dead!)
  t.equal(headers.get(DEAD_LETTER_HEADERS.truncated), 'record')
  t.same([DEAD_LETTER_HEADERS.topic, DEAD_LETTER_HEADERS.partition, DEAD_LETTER_HEADERS.offset].map((name) => headers.get(name)), [source, '0', '1'])
  t.equal(second.state, 'RUNNING')
  await second.close()
})

t.test('two megabytes of state: where the changelog takes them they are kept and restored, elsewhere the record that made them is struck', async (t) => {
  const [source, sink, dead] = await Promise.all(['states', 'states-out', 'states-dead'].map((name) => cluster.topic(name, 1, LIMIT)))
  /** 'keep <store>' puts a large value, 'tell <store>' says how long it is. */
  const keeper = () => {
    let context: ProcessorContext<string, string>
    return {
      init(given: ProcessorContext<string, string>) {
        context = given
      },
      process(record: Parameters<ProcessorContext<string, string>['forward']>[0]) {
        const [what, name] = record.value.split(' ')
        const store = context.getStateStore<KeyValueStore<string, string>>(name!)
        if (what === 'keep') {
          store.put(record.key, 'x'.repeat(STATE_BYTES))
        } else {
          context.forward({ ...record, value: `${name} ${store.get(record.key)?.length}` })
        }
      },
    }
  }
  const stores = [Stores.keyValueStore('plain', TEXT), Stores.keyValueStore('roomy', { ...TEXT, topicConfig: { 'max.message.bytes': `${3 * 1024 * 1024}` } })]
  const topology = (b: StreamsBuilder) => b.stream(source!, TEXT).process(keeper, { name: 'keeper', stores, ...TEXT, onError: { processing: 'dead-letter' } }).to(sink!, TEXT)
  const first = application(cluster, 'states', topology, { deadLetterTopic: dead! })
  await first.start()
  await cluster.send(source!, [{ key: 'k', value: 'keep roomy' }, { key: 'k', value: 'keep plain' }, { key: 'k', value: 'tell roomy' }])
  t.same(await values(sink!, 1), [`roomy ${STATE_BYTES}`])
  await cluster.consumed(cluster.name('states'), source!)
  await first.close()
  t.same(await values(dead!, 1), ['keep plain'])
  t.equal((await cluster.headers(dead!)).get(DEAD_LETTER_HEADERS.code), 'RECORD_TOO_LARGE')
  const second = application(cluster, 'states', topology, { deadLetterTopic: dead! })
  await second.start()
  await cluster.send(source!, [{ key: 'k', value: 'tell roomy' }, { key: 'k', value: 'tell plain' }])
  t.same((await values(sink!, 3)).slice(1), [`roomy ${STATE_BYTES}`, 'plain undefined'])
  await second.close()
})
