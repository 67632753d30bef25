/** What the tests of a broker that forgets share: applications in this process, and an operator's hands on their topics. */
import kafkajs from 'kafkajs'
import { type KafkaStreams, type KafkaStreamsOptions, Serdes, type StreamsBuilder } from 'millrace'
import { application as applicationOf } from '../../../streams/test/integration/application.ts'
import { long, type OutputRecord, type TestCluster } from '../../../streams/test/integration/streams-support.ts'

export const TEXT = { key: Serdes.string(), value: Serdes.string() }
export const COUNT = { key: Serdes.string(), value: Serdes.long() }

/** An application in this process; whoever gives no `stateDir` begins with an empty disk. */
export function application(cluster: TestCluster, name: string, topology: (b: StreamsBuilder) => void, options: Partial<KafkaStreamsOptions> = {}): KafkaStreams {
  // Nobody is to be evicted, however busy the machine is.
  return applicationOf(cluster, name, topology, { sessionTimeoutMs: 120_000, onWarning: () => undefined, ...options })
}

/** Ids of the tasks it runs now. */
export async function runningTasks(app: KafkaStreams): Promise<string[]> {
  return (await app.metrics()).flatMap(({ tasks }) => tasks.filter(({ status }) => status === 'running').map(({ id }) => id))
}

/** Deletes the records before `offset`, as an operator's command does; -1: all there are. */
export function truncate(cluster: TestCluster, topic: string, offset: number, partition = 0): Promise<void> {
  return cluster.ours.admin().deleteRecords([{ topic, partition, offset }])
}

export async function logStart(cluster: TestCluster, topic: string, partition = 0): Promise<number> {
  return (await cluster.ours.listOffsets([{ topic, partition }], 'earliest', 'read_uncommitted')).get(`${topic}-${partition}`)!
}

/** Gives a topic that exists these settings and no others. */
export async function configure(cluster: TestCluster, topic: string, settings: { readonly [name: string]: string }): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  await cluster.admin.alterConfigs({ validateOnly: false, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }] })
}

export function texts(records: readonly OutputRecord[]): string[] {
  return records.map(({ key, value }) => `${key}: ${value}`)
}

export function counts(records: readonly OutputRecord[]): string[] {
  return records.map(({ key, value }) => `${key}: ${long(value)}`)
}
