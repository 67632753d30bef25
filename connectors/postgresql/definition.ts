import { avroConverter, type ConnectorDefinition, type ConnectorsConfig, type ConnectorSettings, connectorName, deadLetters, SINK_CONSUMER, workerFile } from '../config.ts'
import { secretReference, WORKER_FILES } from '../secrets.ts'

/** Which table a topic's records go to: one connector for both, because each costs the worker a start and memory. */
const tables = (topics: ConnectorsConfig['topics']): { readonly [table: string]: string } => ({ documents: topics.archive, chunks: topics.chunks })

/**
 * Debezium's JDBC sink: one upsert per row into `millrace.documents` and `millrace.chunks`; the tables' triggers keep the higher revision.
 * The connector never alters a table. An error of the store that outlasts the retries, and a row the table refuses,
 * fail the task: the supervisor restarts it, and names the record when it is always the same.
 */
export function postgresqlSink(config: ConnectorsConfig): ConnectorDefinition {
  const { host, port, database } = config.postgresql
  const routes = Object.entries(tables(config.topics))
  return {
    name: connectorName(config, 'postgresql'),
    settings: {
      'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
      'tasks.max': String(config.sinkTasks ?? 2),
      topics: routes.map(([, topic]) => topic).join(','),
      transforms: routes.map(([table]) => table).join(','),
      ...Object.assign({}, ...routes.map(([table, topic]) => routeTo(table, topic))),
      // by default the driver's errors quote the statement with the row's values, and the worker logs them
      'connection.url': `jdbc:postgresql://${host}:${port}/${database}?currentSchema=millrace&tcpKeepAlive=true&connectTimeout=5&socketTimeout=60&logServerErrorDetail=false${tls(config)}`,
      'connection.username': 'millrace_sink',
      'connection.password': secretReference(config.secretsFolder, WORKER_FILES.postgresql, 'millrace_sink'),
      'connection.pool.min_size': '1',
      'connection.pool.max_size': '4',
      'connection.restart.on.errors': 'true',
      'insert.mode': 'upsert',
      // all fields of the key
      'primary.key.mode': 'record_key',
      // an erased document is a row with a higher revision
      'delete.enabled': 'false',
      'schema.evolution': 'none',
      'collection.name.format': `millrace.\${topic}`,
      'batch.size': '500',
      // the buffer would keep the last row of a key in a batch, which need not be the one with the highest revision;
      // without it a batch may hold a key twice, which one rewritten INSERT may not (so no reWriteBatchedInserts)
      'use.reduction.buffer': 'false',
      'flush.max.retries': '10',
      'flush.retry.delay.ms': '1000',
      ...avroConverter(config, 'key'),
      ...avroConverter(config, 'value'),
      ...SINK_CONSUMER,
      ...deadLetters(config.topics.postgresqlDeadLetters, config.deadLetterReplication ?? 1)
    }
  }
}

/** Without an authority of its own the driver would look into a home folder, not at the Java runtime's roots. */
function tls(config: ConnectorsConfig): string {
  const { workerTls } = config.postgresql
  if (workerTls === undefined) {
    return ''
  }
  const roots = workerTls.ca ? `sslrootcert=${encodeURIComponent(workerFile(config, 'postgresqlCa'))}` : 'sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory'
  return `&sslmode=verify-full&${roots}`
}

/** The record's topic becomes the table's name; offsets and dead letters keep the topic's own. */
function routeTo(table: string, topic: string): ConnectorSettings {
  return {
    [`transforms.${table}.type`]: 'org.apache.kafka.connect.transforms.RegexRouter',
    [`transforms.${table}.regex`]: topic.replace(/[.]/g, '[.]'),
    [`transforms.${table}.replacement`]: table
  }
}
