// Type-checked against the installed package, with its declarations checked, too.
import { KafkaStreams, type KTable, Serdes, type StreamsBuilder } from 'millrace'
import { createCluster, type KafkaCluster } from 'millrace/kafka'
import { type StorageEngine, storageEngine } from 'millrace/state-stores'
import { TopologyTestDriver } from 'millrace/testing'

interface Order {
  readonly customer: string
  readonly amount: number
}

export default function topology(b: StreamsBuilder): void {
  const orders = b.stream('orders', { key: Serdes.string(), value: Serdes.json<Order>() })
  const counts: KTable<string, number> = orders.groupBy((_key, { customer }) => customer, { key: Serdes.string() }).count({ name: 'counts' })
  // @ts-expect-error rows are numbers
  const wrong: KTable<string, string> = counts
  void wrong
  // @ts-expect-error a count keeps rows and must be named
  orders.groupByKey().count()
  // @ts-expect-error the value has no such field
  orders.mapValues((order) => order.quantity)
}

export const driver = new TopologyTestDriver(topology)
export const cluster: KafkaCluster = createCluster({ bootstrapServers: ['localhost:9092'], clientId: 'types' })
export const engine: StorageEngine = storageEngine('rocksdb')
// @ts-expect-error there is no such engine
storageEngine('sqlite')
export const app = new KafkaStreams({ topology, applicationId: 'types', bootstrapServers: ['localhost:9092'], threads: 'in-process' })
// @ts-expect-error applicationId is missing
export const wrongApp = new KafkaStreams({ topology, bootstrapServers: ['localhost:9092'] })
