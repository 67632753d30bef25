import { join } from 'node:path'
import { secretReference, WORKER_FILES } from './secrets.ts'

/** Everything the connectors are made from. Addresses and folders are as the Connect worker sees them, unless said otherwise. */
export interface ConnectorsConfig {
  /** Connect's REST interface, as we see it. */
  connect: { url: string }
  /** Confluent-compatible API of the registry; `url` as we see it, `workerUrl` as the worker does (default: the same). */
  registry: { url: string; workerUrl?: string; authenticated?: boolean }
  topics: {
    raw: string
    archive: string
    /** Pieces of texts, for search. */
    chunks: string
    lifecycle: string
    /** Of the PostgreSQL sink. */
    postgresqlDeadLetters: string
    /** Of the Cassandra sink. */
    cassandraDeadLetters: string
  }
  postgresql: { host: string; port: number; database: string; workerTls?: WorkerTls }
  cassandra: { contactPoints: string[]; datacenter: string; keyspace: string; authenticated?: boolean; workerTls?: WorkerTls }
  /** Holds the files of secrets.ts that are asked for; the worker's `file` config provider may read this folder and no other. */
  secretsFolder: string
  /**
   * The file share; null for none. `schema` is DocumentReceived as the registry has it for the raw topic: the source
   * encodes by it.
   */
  share: { root: string; settleMs?: number; schema: { id: number; text: string } } | null
  /** Before every connector's name, so that environments can share a worker. Default ''. */
  namePrefix?: string
  /** Copies of the sinks' dead-letter topics. Default 1. */
  deadLetterReplication?: number
  /** Tasks per sink; more than partitions of the topic are idle. Default 2. */
  sinkTasks?: number
}

/** Files of the secrets folder that a sink's TLS takes; without `ca` the worker's own roots are trusted. */
export interface WorkerTls {
  readonly ca: boolean
  /** A certificate of the sink's own. */
  readonly client: boolean
}

export type ConnectorSettings = { [setting: string]: string }

export interface ConnectorDefinition {
  name: string
  settings: ConnectorSettings
}

/** Names of the connectors, without prefix. */
export const CONNECTORS = { postgresql: 'documents-postgresql', cassandra: 'documents-cassandra', files: 'documents-files' } as const

export function connectorName(config: ConnectorsConfig, connector: keyof typeof CONNECTORS): string {
  return `${config.namePrefix ?? ''}${CONNECTORS[connector]}`
}

/** Avro with Confluent framing through the registry's own API; the schemas are those the application registered. */
export function avroConverter(config: ConnectorsConfig, side: 'key' | 'value'): ConnectorSettings {
  const prefix = `${side}.converter`
  const url = (config.registry.workerUrl ?? config.registry.url).replace(/\/apis\/ccompat\/v\d+\/?$/, '/apis/registry/v2')
  return {
    [prefix]: 'io.apicurio.registry.utils.converter.AvroConverter',
    [`${prefix}.apicurio.registry.url`]: url,
    [`${prefix}.apicurio.registry.as-confluent`]: 'true',
    [`${prefix}.apicurio.registry.use-id`]: 'contentId',
    [`${prefix}.apicurio.registry.headers.enabled`]: 'false',
    ...(config.registry.authenticated === true
      ? {
          [`${prefix}.apicurio.auth.username`]: secretReference(config.secretsFolder, WORKER_FILES.registry, 'username'),
          [`${prefix}.apicurio.auth.password`]: secretReference(config.secretsFolder, WORKER_FILES.registry, 'password')
        }
      : {})
  }
}

/** A file of the secrets folder, as the worker sees it. */
export const workerFile = (config: ConnectorsConfig, file: keyof typeof WORKER_FILES): string => join(config.secretsFolder, WORKER_FILES[file])

/** What both sinks ask of their consumers. */
export const SINK_CONSUMER: ConnectorSettings = {
  'consumer.override.isolation.level': 'read_committed',
  // a killed worker's tasks are given away after this long; the default is 45 s
  'consumer.override.session.timeout.ms': '10000',
  'consumer.override.heartbeat.interval.ms': '3000',
  'consumer.override.auto.offset.reset': 'earliest',
  'consumer.override.max.poll.records': '1000'
}

/** Records the converters or the sink refuse go to a topic of their own, with headers that say why. */
export function deadLetters(topic: string, replication: number): ConnectorSettings {
  return {
    'errors.tolerance': 'all',
    'errors.deadletterqueue.topic.name': topic,
    'errors.deadletterqueue.topic.replication.factor': String(replication),
    'errors.deadletterqueue.context.headers.enable': 'true',
    // logs carry names and offsets; a record's content belongs into the dead-letter topic only
    'errors.log.enable': 'true',
    'errors.log.include.messages': 'false'
  }
}
