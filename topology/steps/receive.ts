import type { AsyncProcessor, ValueAndTimestamp } from 'millrace'
import type { DocumentReceived, Tenant } from '../../avro/types.ts'
import { ContentError, referenceTo } from '../../content/index.ts'
import { type Allowance, allowanceOf, defaultContainerBounds } from '../../processors/containers/index.ts'
import type { DocumentHeader } from '../../processors/lifecycle/index.ts'
import type { Failure } from '../../processors/types.ts'
import type { Flow } from '../flow.ts'
import type { Services } from '../services.ts'
import { tenantOf } from '../tenants.ts'

/** A checked document whose bytes lie in the content store. */
export interface StoredDocument {
  readonly header: DocumentHeader
  /** The sender says: process it although it is a duplicate. */
  readonly allowDuplicate: boolean
  /** Documents of their own that it holds; those of an earlier version's records were not counted. */
  readonly parts?: number
  /** What may come out of it. */
  readonly allowance?: Allowance
}

interface Input {
  readonly received: DocumentReceived
  readonly tenant: Tenant
}

interface Result {
  readonly header: DocumentHeader
  readonly failure?: Failure
  readonly parts?: number
}

/** Content errors that a retry cannot mend: they say something about the document. */
const REFUSED: { readonly [code: string]: Failure['code'] | undefined } = {
  NOT_FOUND: 'CONTENT_MISSING', REFERENCE_INVALID: 'CONTENT_MISSING', TOO_LARGE: 'TOO_LARGE', SIZE_MISMATCH: 'SIZE_MISMATCH', SHA256_MISMATCH: 'SHA256_MISMATCH', DAMAGED: 'CORRUPT',
}

/**
 * Checks the bytes against what the record says and the tenant allows, and puts them into the content store (write-once,
 * so repeating the call is harmless). From here on only the reference travels.
 */
export function receive(services: Services, tenantStore: string): AsyncProcessor<string, DocumentReceived, Input, Result, Flow<StoredDocument>> {
  return {
    prepare: (record, context) => {
      const tenants = context.getStateStore<string, ValueAndTimestamp<Tenant>>(tenantStore)
      return { received: record.value, tenant: tenantOf(tenants, record.value.tenantId) }
    },
    call: async ({ received, tenant }, { signal }) => {
      if (!tenant.active) {
        return { header: headerOf(received), failure: { code: 'TENANT_INACTIVE', field: 'tenantId', reason: 'the tenant takes no documents' } }
      }
      try {
        return await store(services, received, tenant, signal)
      } catch (error) {
        const code = error instanceof ContentError ? REFUSED[error.code] : undefined
        if (code !== undefined) {
          return { header: headerOf(received), failure: { code, field: 'content', reason: (error as ContentError).message } }
        }
        throw error
      }
    },
    complete: ({ header, failure, parts = 0 }, record, context) => {
      const forward = (value: Flow<StoredDocument>): void => context.forward({ ...record, value })
      const event = { step: 'receive', at: context.currentSystemTimeMs() }
      forward({ did: { ...event, to: 'RECEIVED', header } })
      const allowDuplicate = record.value.attributes['duplicate'] === 'allow'
      forward(failure === undefined ? { next: { header, allowDuplicate, parts, allowance: allowanceFor(record.value) } } : { did: { ...event, to: 'REJECTED', failure } })
    },
  }
}

async function store(services: Services, received: DocumentReceived, tenant: Tenant, signal: AbortSignal): Promise<Result> {
  const content = await services.content()
  const { tenantId } = received
  const allowance = allowanceFor(received)
  const bytes = received.content ?? (await content.get(tenantId, received.reference!, { maxBytes: tenant.maximumBytes }))
  const checked = await services.receiver.receive(
    { bytes, size: received.size, sha256: received.sha256, ...(received.contentType === null ? {} : { contentType: received.contentType }) },
    {
      signal, depth: allowance.depth, limits: { maxBytes: tenant.maximumBytes },
      bounds: { maxPages: tenant.maximumPages, maxParts: allowance.parts, maxUnfoldedBytes: allowance.bytes },
    },
  )
  if (checked.outcome === 'rejected') {
    const { outcome, size, sha256, ...failure } = checked
    return { header: headerOf(received), failure }
  }
  if (received.content !== null) {
    await content.put(tenantId, bytes, { sha256: checked.sha256, size: checked.size, signal })
  }
  return { header: { ...headerOf(received), contentType: checked.contentType, contentReference: referenceTo(checked.sha256) }, parts: checked.parts }
}

/** What a sender claims for its own document is bounded like everything else it says. */
function allowanceFor({ parent }: DocumentReceived): Allowance {
  return allowanceOf(parent ?? {}, defaultContainerBounds.maxUnfoldedBytes)
}

/** Characters of what a sender says about its document: the header travels with every record of it, and a record of 8 MiB may say anything. */
const SHA256_LENGTH = 64
const LONGEST_NAME = 255
const LONGEST_PATH = 500

const cut = (text: string, most: number): string => text.slice(0, most).toWellFormed()

/** What the record says of its document; the content type is what the sender claims. */
export function headerOf(received: DocumentReceived): DocumentHeader {
  const { tenantId, documentId, source, size, receivedAt, parent } = received
  return {
    tenantId, documentId, source, size, receivedAt,
    sha256: cut(received.sha256, SHA256_LENGTH), fileName: cut(received.fileName ?? '', LONGEST_NAME), contentType: cut(received.contentType ?? '', LONGEST_NAME),
    ...(parent === null ? {} : { parent: { documentId: parent.documentId, part: cut(parent.part, LONGEST_PATH) } }),
  }
}
