import { avroConverter, type ConnectorDefinition, type ConnectorsConfig, type ConnectorSettings, connectorName, deadLetters, SINK_CONSUMER, workerFile } from '../config.ts'
import { secretReference, WORKER_FILES } from '../secrets.ts'
import { TABLES } from './tables.ts'

/** Our own sink (plugins/cassandra-sink): every row written with its revision as the write's timestamp. */
export function cassandraSink(config: ConnectorsConfig): ConnectorDefinition {
  const { archive, lifecycle } = config.topics
  const columns = Object.fromEntries(Object.entries(TABLES).map(([table, names]) => [`columns.${table}`, names.join(',')]))
  return {
    name: connectorName(config, 'cassandra'),
    settings: {
      'connector.class': 'io.millrace.connect.cassandra.CassandraSinkConnector',
      'tasks.max': String(config.sinkTasks ?? 2),
      topics: `${archive},${lifecycle}`,
      'cassandra.contact.points': config.cassandra.contactPoints.join(','),
      'cassandra.local.datacenter': config.cassandra.datacenter,
      'cassandra.keyspace': config.cassandra.keyspace,
      ...access(config),
      'topic.tables': [`${archive}=document_by_id`, `${archive}=documents_by_tenant_day`, `${lifecycle}=lifecycle_by_document`].join(','),
      ...columns,
      'revision.field': 'revision',
      'max.in.flight': '128',
      'write.timeout.ms': '10000',
      'retry.backoff.ms': '2000',
      ...avroConverter(config, 'key'),
      ...avroConverter(config, 'value'),
      ...SINK_CONSUMER,
      ...deadLetters(config.topics.cassandraDeadLetters, config.deadLetterReplication ?? 1)
    }
  }
}

/** Names of secrets and files only: the worker reads them. TLS settings are those of Kafka's clients. */
function access(config: ConnectorsConfig): ConnectorSettings {
  const { authenticated, workerTls } = config.cassandra
  const secret = (key: string): string => secretReference(config.secretsFolder, WORKER_FILES.cassandra, key)
  const pem = (store: 'truststore' | 'keystore', file: keyof typeof WORKER_FILES): ConnectorSettings => ({
    [`cassandra.ssl.${store}.type`]: 'PEM', [`cassandra.ssl.${store}.location`]: workerFile(config, file)
  })
  return {
    ...(authenticated === true ? { 'cassandra.username': secret('username'), 'cassandra.password': secret('password') } : {}),
    ...(workerTls === undefined ? {} : { 'cassandra.tls': 'true' }),
    ...(workerTls?.ca === true ? pem('truststore', 'cassandraCa') : {}),
    ...(workerTls?.client === true ? pem('keystore', 'cassandraClient') : {})
  }
}
