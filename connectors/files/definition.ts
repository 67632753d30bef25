import { type ConnectorDefinition, type ConnectorsConfig, connectorName } from '../config.ts'

/** Bytes of a document a record may carry (documents.raw). */
const MAXIMUM_BYTES = 8 * 1024 * 1024
/** A document and what is known of it. */
const MAXIMUM_REQUEST_BYTES = MAXIMUM_BYTES + 1024 * 1024

/**
 * Our own whole-file source (plugins/file-source). It encodes `DocumentReceived` itself, by the schema and id the
 * registry gave out for `<raw>-value`: see docs/decisions on why no converter does it.
 */
export function fileSource(config: ConnectorsConfig, share: NonNullable<ConnectorsConfig['share']>): ConnectorDefinition {
  return {
    name: connectorName(config, 'files'),
    settings: {
      'connector.class': 'io.millrace.connect.files.FileSourceConnector',
      'tasks.max': '1',
      topic: config.topics.raw,
      root: share.root,
      'settle.ms': String(share.settleMs ?? 2_000),
      'scan.interval.ms': '500',
      'max.bytes': String(MAXIMUM_BYTES),
      'batch.files': '64',
      'batch.bytes': String(2 * MAXIMUM_BYTES),
      'value.schema': share.schema.text,
      'value.schema.id': String(share.schema.id),
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'org.apache.kafka.connect.converters.ByteArrayConverter',
      'exactly.once.support': 'required',
      'transaction.boundary': 'poll',
      'producer.override.max.request.size': String(MAXIMUM_REQUEST_BYTES),
      // documents are compressed already, and not every client reads every codec
      'producer.override.compression.type': 'none'
    }
  }
}
