/** From an instance's configuration to the connectors it needs, with the topics they need. */
import type { KafkaCluster } from 'millrace/kafka'
import { Registry, type RegistryOptions, schemaText } from '../../avro/index.ts'
import { type ConnectorsConfig, deadLetterTopics, type WorkerTls } from '../../connectors/index.ts'
import type { ApplicationConfig, TlsFiles } from '../../topology/config.ts'
import { createTopics } from '../../topology/create-topics.ts'
import { valueSerde } from '../../topology/serdes.ts'
import { registryOptions } from '../../topology/servers.ts'
import { topics } from '../../topology/topics.ts'

/** The configuration of an instance that has both stores. */
export type StoresConfig = ApplicationConfig & Required<Pick<ApplicationConfig, 'postgresql' | 'cassandra'>>

/** What an instance's configuration does not say. Folders are as the Connect worker sees them. */
export interface Worker {
  /** Connect's REST interface. */
  readonly url: string
  /** Holds passwords and certificates, named as in connectors/secrets.ts. */
  readonly secretsFolder: string
  /** The file share; absent: none. */
  readonly share?: string | undefined
}

/**
 * The connectors of an environment: named behind its topic prefix, so that environments can share a worker.
 * A share needs the registry: the schema its source encodes by is registered, if it is not there.
 */
export async function connectorsConfig(config: StoresConfig, { url, secretsFolder, share }: Worker): Promise<ConnectorsConfig> {
  const { topicPrefix, registry, postgresql, cassandra } = config
  const { raw, archive, chunks, lifecycle, deadLetter } = topics(topicPrefix)
  const { host, port, database } = postgresql
  const { contactPoint, localDataCenter, keyspace } = cassandra
  return {
    connect: { url },
    registry: { url: registry, authenticated: config.registryAuth !== undefined },
    topics: {
      raw: raw.name,
      archive: archive.name,
      chunks: chunks.name,
      lifecycle: lifecycle.name,
      postgresqlDeadLetters: `${deadLetter.name}.postgresql`,
      cassandraDeadLetters: `${deadLetter.name}.cassandra`,
    },
    postgresql: { host, port, database, ...workerTls(postgresql.tls) },
    cassandra: { contactPoints: [contactPoint], datacenter: localDataCenter, keyspace, authenticated: cassandra.username !== undefined, ...workerTls(cassandra.tls) },
    secretsFolder,
    share: share === undefined ? null : { root: share, schema: { id: await receivedSchemaId(registryOptions(config), topicPrefix), text: schemaText('DocumentReceived') } },
    namePrefix: topicPrefix,
  }
}

/** The worker does as the instance does, with files of its own. */
const workerTls = (tls: TlsFiles | undefined): { workerTls?: WorkerTls } =>
  tls === undefined ? {} : { workerTls: { ca: tls.caFile !== undefined, client: tls.certFile !== undefined } }

async function receivedSchemaId(options: RegistryOptions, topicPrefix: string): Promise<number> {
  const registry = new Registry(options)
  try {
    const received = valueSerde(registry, topics(topicPrefix).raw, 'DocumentReceived')
    await received.open()
    return received.schemaId
  } finally {
    registry.close()
  }
}

/**
 * The application's topics and the sinks' dead letters, before a sink reads: a broker that creates topics by itself would
 * give them another partition count.
 */
export async function createAllTopics(cluster: KafkaCluster, config: ApplicationConfig, connectors: ConnectorsConfig): Promise<void> {
  const { replicationFactor } = config
  await Promise.all([
    createTopics(cluster, config),
    cluster.admin().createTopics(deadLetterTopics(connectors).map((name) => ({ name, partitions: 1, replicationFactor, config: {} }))),
  ])
}
