/** An application in the process of the test. */
import { KafkaStreams, type KafkaStreamsOptions, type StreamsBuilder } from '../../index.ts'
import type { TestCluster } from './streams-support.ts'

/** Whoever gives no `stateDir` begins with an empty disk. */
export function application(cluster: TestCluster, name: string, topology: (b: StreamsBuilder) => void, options: Partial<KafkaStreamsOptions> = {}): KafkaStreams {
  return new KafkaStreams({
    topology,
    applicationId: cluster.name(name),
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads: 'in-process',
    sessionTimeoutMs: 60_000,
    replicationFactor: 1,
    ...options,
  })
}
