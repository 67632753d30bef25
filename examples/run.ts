/** What every example's process does beside its topology: find the broker, create topics, stop on Ctrl-C. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KafkaStreams, type KafkaStreamsOptions } from 'millrace'
import { createCluster } from 'millrace/kafka'

export interface ExampleOptions extends Partial<Omit<KafkaStreamsOptions, 'topology'>> {
  readonly topology: URL
  /** Topics to create if they are missing, with their partition counts. In production somebody else owns them. */
  readonly topics: { readonly [topic: string]: number }
}

/** `KAFKA`: broker, default localhost:9092. `APPLICATION_ID` and `STATE_DIR` let two copies live on one machine. */
export async function run(name: string, { topics, ...options }: ExampleOptions): Promise<KafkaStreams> {
  const bootstrapServers = process.env['KAFKA'] ?? 'localhost:9092'
  const cluster = createCluster({ bootstrapServers: bootstrapServers.split(','), clientId: `${name}-setup` })
  await cluster.admin().createTopics(Object.entries(topics).map(([topic, partitions]) => ({ name: topic, partitions, replicationFactor: -1, config: {} })))
  await cluster.close()

  const applicationId = process.env['APPLICATION_ID'] ?? name
  const app = new KafkaStreams({ applicationId, bootstrapServers, stateDir: process.env['STATE_DIR'] ?? join(tmpdir(), applicationId), ...options })
  app.onStateChange((state) => console.log(`${applicationId}: ${state}`))
  app.onError((error) => {
    console.error(error)
    process.exitCode = 1
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => app.close())
  }
  await app.start()
  return app
}
