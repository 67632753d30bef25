/** Types of processors, applications and the test driver. A wrong type does not compile; the assertions say the code ran. */
import t from 'tap'
import {
  type FixedKeyProcessor, KafkaStreams, type KeyValueStore, type KStream, type Processor, type ProcessorContext, type Serde, Serdes, Stores, StreamsBuilder, StreamsError, type TopologyFunction, type UncaughtErrorAction, type UncaughtErrorCallback,
} from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { same } from './same.ts'

class Lengths implements Processor<string, string, string, number> {
  #context: ProcessorContext<string, number> | undefined
  #seen: KeyValueStore<string, number> | undefined

  init(context: ProcessorContext<string, number>): void {
    this.#context = context
    this.#seen = context.getStateStore('seen')
  }

  process(record: { readonly key: string; readonly value: string; readonly timestamp: number; readonly headers: [] }): void {
    this.#seen?.put(record.key, record.value.length)
    this.#context?.forward({ ...record, value: record.value.length })
  }
}

t.test('processors decide the types behind them', async (t) => {
  const b = new StreamsBuilder()
  const lines = b.stream('lines', { key: Serdes.string(), value: Serdes.string() })
  const seen = Stores.keyValueStore('seen', { key: Serdes.string(), value: Serdes.long() })
  const lengths = lines.process((): Processor<string, string, string, number> => new Lengths() as never, { name: 'lengths', stores: [seen], value: Serdes.long() })
  t.ok(same<typeof lengths, KStream<string, number>>(true))
  const fixed = lines.processValues((): FixedKeyProcessor<string, string, boolean> => ({ process: () => undefined }), { value: Serdes.boolean() })
  t.ok(same<typeof fixed, KStream<string, boolean>>(true))
})

t.test('an application takes what it knows', async (t) => {
  const topology: TopologyFunction = (b) => b.stream('in', { key: Serdes.string(), value: Serdes.string() }).to('out')
  const wrong: (() => unknown)[] = [
    // @ts-expect-error there is no such setting
    () => new KafkaStreams({ topology, applicationId: 'a', bootstrapServers: 'h:1', commitInterval: 5 }),
    // @ts-expect-error no such guarantee
    () => new KafkaStreams({ topology, applicationId: 'a', bootstrapServers: 'h:1', processingGuarantee: 'exactly_once' }),
    // @ts-expect-error the topology is missing
    () => new KafkaStreams({ applicationId: 'a', bootstrapServers: 'h:1' }),
    // @ts-expect-error no such action
    () => new KafkaStreams({ topology, applicationId: 'a', bootstrapServers: 'h:1', errors: { processing: 'ignore' } }),
    // @ts-expect-error no such mechanism
    () => new KafkaStreams({ topology, applicationId: 'a', bootstrapServers: 'h:1', sasl: { mechanism: 'GSSAPI' } }),
    // @ts-expect-error a token says when it ends
    () => new KafkaStreams({ topology, applicationId: 'a', bootstrapServers: 'h:1', sasl: { mechanism: 'OAUTHBEARER', token: async () => 'token' } }),
    // @ts-expect-error a topology is synchronous; it describes
    () => new KafkaStreams({ topology: 'topology.ts', applicationId: 'a', bootstrapServers: 'h:1' }),
    // @ts-expect-error no such action
    () => new KafkaStreams({ topology, applicationId: 'a', bootstrapServers: 'h:1', onUncaughtError: () => 'REPLACE_THREAD' }),
  ]
  t.equal(wrong.length, 8)
  const decide: UncaughtErrorCallback[] = [
    (error, thread) => (error instanceof StreamsError && thread > 0 ? 'replace-thread' : undefined),
    async (error) => (error.cause === undefined ? 'stop-application' : undefined),
    async () => 'fail' as const,
    // @ts-expect-error TypeScript takes one literal that an async function gives for a string, where it may give none as well: `as const`
    async () => 'fail',
    () => 'fail',
    () => {},
  ]
  t.ok(same<ReturnType<UncaughtErrorCallback>, UncaughtErrorAction | undefined | Promise<UncaughtErrorAction | undefined>>(true))
  t.equal(decide.length, 6)
  t.throws(wrong[0]!, { code: 'CONFIG_INVALID', message: /commitInterval is no setting/ }, 'what types cannot stop is checked')
})

t.test('the test driver knows what goes in and what comes out', async (t) => {
  const driver = new TopologyTestDriver((b) => b.stream('in', { key: Serdes.string(), value: Serdes.long() }).to('out'))
  t.teardown(() => driver.close())
  const input = driver.createInputTopic('in', Serdes.string(), Serdes.long())
  const output = driver.createOutputTopic('out', Serdes.string(), Serdes.long())
  input.pipeInput('k', 1)
  // @ts-expect-error values are numbers
  t.throws(() => input.pipeInput('k', '1'), { message: /long/ })
  const pairs = output.readKeyValuesToList()
  t.ok(same<typeof pairs, (readonly [string | null, number | null])[]>(true))
  t.same(pairs, [['k', 1]])
})

t.test('a serde of one type is not one of another', async (t) => {
  interface Order {
    readonly amount: number
  }
  const orders: Serde<Order> = Serdes.json<Order>()
  // @ts-expect-error an order is no string
  const texts: Serde<string> = orders
  t.equal(texts, orders)
  // @ts-expect-error without a type argument it takes the type from elsewhere, and is none here
  Serdes.json().serialize('t', { amount: 1 }, [])
})
