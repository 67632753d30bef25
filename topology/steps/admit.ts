import type { Processor, ProcessorContext, ReadOnlyTimestampedKeyValueStore, Record } from 'millrace'
import type { DocumentReceived, Tenant } from '../../avro/types.ts'
import { RecordError } from '../errors.ts'
import { tenantOf } from '../tenants.ts'
import { documentKey, isDocumentId, isMoment, isTenantId } from '../topics.ts'

/**
 * Lets in what names a tenant we know and agrees with its own key. A topic of a tenant (`documents.raw.<tenant>`) is the
 * tenant, whatever the record says.
 */
export function admit(rawTopic: string, tenantStore: string): Processor<string, DocumentReceived, string, DocumentReceived> {
  let context: ProcessorContext<string, DocumentReceived>
  let tenants: ReadOnlyTimestampedKeyValueStore<string, Tenant>
  return {
    init(given) {
      context = given
      tenants = given.getStateStore(tenantStore)
    },
    process(record: Record<string, DocumentReceived>) {
      const { topic } = context.recordMetadata()!
      const value = check(record, topic === rawTopic ? undefined : topic.slice(rawTopic.length + 1))
      tenantOf(tenants, value.tenantId)
      context.forward({ ...record, key: documentKey(value.tenantId, value.documentId), value })
    },
  }
}

function check({ key, value }: Record<string | null, DocumentReceived | null>, topicTenant: string | undefined): DocumentReceived {
  if (value === null) {
    throw new RecordError('VALUE_MISSING', 'value', 'a document is expected, not a tombstone')
  }
  const tenantId = topicTenant ?? value.tenantId
  if (!isTenantId(tenantId)) {
    throw new RecordError('TENANT_INVALID', 'tenantId', '1 to 63 lower-case letters, digits and hyphens expected')
  }
  if (!isDocumentId(value.documentId)) {
    throw new RecordError('DOCUMENT_ID_INVALID', 'documentId', 'a lower-case UUID expected')
  }
  if (topicTenant === undefined && key !== documentKey(value.tenantId, value.documentId)) {
    throw new RecordError('KEY_MISMATCH', 'key', 'tenantId|documentId of the value expected')
  }
  if ((value.content === null) === (value.reference === null)) {
    throw new RecordError('CONTENT_AMBIGUOUS', 'content, reference', 'exactly one of the two expected')
  }
  if (!isMoment(value.receivedAt)) {
    throw new RecordError('RECEIVED_AT_INVALID', 'receivedAt', 'milliseconds since 1970 expected, before the year 10000')
  }
  if (value.parent !== null && !isDocumentId(value.parent.documentId)) {
    throw new RecordError('PARENT_INVALID', 'parent.documentId', 'a lower-case UUID expected')
  }
  return topicTenant === undefined ? value : { ...value, tenantId }
}
