import type { AsyncProcessor, ValueAndTimestamp } from 'millrace'
import type { Document, DocumentReceived, DocumentStored, Reason, Tenant } from '../../avro/types.ts'
import { ContentError, referenceTo } from '../../content/index.ts'
import { did, type Flow, reason } from '../flow.ts'
import { toWireReason } from '../mapping.ts'
import { tenantOf } from '../tenants.ts'
import type { Services } from '../services.ts'

interface Input {
  readonly received: DocumentReceived
  readonly tenant: Tenant
}

type Result = { readonly document: Document; readonly refused: Reason | undefined }

/** Content errors that a retry cannot mend: they say something about the document. */
const REFUSED_BY_STORE: ReadonlySet<string> = new Set(['NOT_FOUND', 'TOO_LARGE', 'SIZE_MISMATCH', 'SHA256_MISMATCH', 'REFERENCE_INVALID', 'DAMAGED'])

/**
 * Checks the bytes against what the record says and the tenant allows, and puts them into the content store (write-once,
 * so repeating the call is harmless). From here on records carry the reference only.
 */
export function receive(services: Services, tenantStore: string): AsyncProcessor<string, DocumentReceived, Input, Result, Flow<DocumentStored>> {
  return {
    prepare: (record, context) => {
      const tenants = context.getStateStore<string, ValueAndTimestamp<Tenant>>(tenantStore)
      return { received: record.value, tenant: tenantOf(tenants, record.value.tenantId) }
    },
    call: async ({ received, tenant }, { signal }) => {
      if (!tenant.active) {
        return { document: documentOf(received), refused: reason('TENANT_INACTIVE', 'The tenant takes no documents.', 'tenantId') }
      }
      try {
        return await store(services, received, tenant, signal)
      } catch (error) {
        if (error instanceof ContentError && REFUSED_BY_STORE.has(error.code)) {
          return { document: documentOf(received), refused: reason(error.code, error.message, 'content') }
        }
        throw error
      }
    },
    complete: ({ document, refused }, record, context) => {
      const at = context.currentSystemTimeMs()
      context.forward({ ...record, value: did(document, { state: 'RECEIVED', step: 'receive', at, document, versions: { receive: '1' } }) })
      context.forward({
        ...record,
        value: refused === undefined ? { next: { document } } : did(document, { state: 'REJECTED', step: 'receive', at, reason: refused }),
      })
    },
  }
}

async function store(services: Services, received: DocumentReceived, tenant: Tenant, signal: AbortSignal): Promise<Result> {
  const content = await services.content()
  const { tenantId } = received
  const bytes = received.content ?? (await content.get(tenantId, received.reference!, { maxBytes: tenant.maximumBytes }))
  const checked = await services.receiver.receive(
    { bytes, size: received.size, sha256: received.sha256, ...(received.contentType === null ? {} : { contentType: received.contentType }) },
    { signal, limits: { maxBytes: tenant.maximumBytes }, bounds: { maxPages: tenant.maximumPages } },
  )
  if (checked.outcome === 'rejected') {
    return { document: documentOf(received), refused: toWireReason(checked) }
  }
  if (received.content !== null) {
    await content.put(tenantId, bytes, { sha256: checked.sha256, size: checked.size, signal })
  }
  return { document: { ...documentOf(received), contentType: checked.contentType }, refused: undefined }
}

function documentOf(received: DocumentReceived): Document {
  return {
    tenantId: received.tenantId,
    documentId: received.documentId,
    source: received.source,
    fileName: received.fileName,
    declaredType: received.contentType,
    contentType: received.contentType ?? 'application/octet-stream',
    size: received.size,
    sha256: received.sha256,
    content: /^[0-9a-f]{64}$/.test(received.sha256) ? referenceTo(received.sha256) : '',
    receivedAt: received.receivedAt,
    traceparent: received.traceparent,
    attributes: received.attributes,
  }
}
