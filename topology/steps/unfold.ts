import { createHash } from 'node:crypto'
import type { AsyncProcessor, ValueAndTimestamp } from 'millrace'
import type { DocumentReceived, Tenant } from '../../avro/types.ts'
import { referenceTo } from '../../content/index.ts'
import { type Allowance, type ContainerKind, type LostPart, type Part, partDocumentId, type PartPlace, shares } from '../../processors/containers/index.ts'
import { kindOf } from '../../processors/text/index.ts'
import type { Outcome, ReviewReason } from '../../processors/types.ts'
import type { Flow } from '../flow.ts'
import type { Services } from '../services.ts'
import { tenantOf } from '../tenants.ts'
import type { StoredDocument } from './receive.ts'

/** A document that came out of another, on its way to documents.raw. */
export interface FoundPart {
  readonly part: DocumentReceived
}

interface Input {
  readonly stored: StoredDocument
  /** Of the tenant: no document is larger, wherever it comes from. */
  readonly maxPartBytes: number
}

/** A part whose bytes lie in the content store. */
interface StoredPart extends PartPlace {
  readonly size: number
  readonly sha256: string
  readonly container: boolean
}

interface Unfolding {
  readonly parts: readonly StoredPart[]
  readonly lost: readonly LostPart[]
}

const STEP = 'unfold'

type Unfold = AsyncProcessor<string, StoredDocument, Input, Outcome<Unfolding>, Flow<StoredDocument> | FoundPart>

/**
 * Makes documents of what a mail or a ZIP holds. Bytes go to the content store (write-once), ids follow from the container's and the place in
 * it: a call that is repeated stores and writes the same. The mail itself goes on to be read; a ZIP has no text and ends here.
 */
export function unfold(services: Services, tenantStore: string): Unfold {
  return {
    prepare: (record, context) => {
      const tenants = context.getStateStore<string, ValueAndTimestamp<Tenant>>(tenantStore)
      return { stored: record.value, maxPartBytes: tenantOf(tenants, record.value.header.tenantId).maximumBytes }
    },
    call: (input, { signal }) => takeApart(services, input, signal),
    complete: (outcome, record, context) => {
      const stored = record.value
      const forward = (value: Flow<StoredDocument> | FoundPart): void => context.forward({ ...record, value })
      const event = { step: STEP, at: context.currentSystemTimeMs() }
      if (!outcome.ok) {
        forward({ did: { ...event, to: 'IN_REVIEW', reasons: [{ code: outcome.failure.code, step: STEP, subject: outcome.failure.field }] } })
        return
      }
      const { parts, lost } = outcome.value
      forward({ did: { ...event, to: 'UNFOLDED', parts: parts.length } })
      const allowances = shares(stored.allowance!, parts)
      for (const [n, part] of parts.entries()) {
        forward({ part: recordOf(stored, part, allowances[n]!) })
      }
      const reasons = lost.map(lostReason)
      if (kindOfContainer(stored) === 'mail') {
        forward({ next: stored })
      } else {
        forward({ did: reasons.length > 0 ? { ...event, to: 'IN_REVIEW', reasons } : { ...event, to: 'ARCHIVED' } })
      }
    },
  }
}

/** What is known to hold documents of its own. */
export const isContainer = (stored: StoredDocument): boolean => (stored.parts ?? 0) > 0

const kindOfContainer = ({ header }: StoredDocument): ContainerKind => (header.contentType === 'application/zip' ? 'zip' : 'mail')

const lostReason = ({ section, failure }: LostPart): ReviewReason => ({ code: 'UNREADABLE_PART', step: STEP, subject: `part ${section}: ${failure.code}` })

async function takeApart(services: Services, { stored, maxPartBytes }: Input, signal: AbortSignal): Promise<Outcome<Unfolding>> {
  const { header, allowance } = stored
  const content = await services.content()
  const bytes = await content.get(header.tenantId, header.contentReference!)
  const bounds = { maxParts: allowance!.parts, maxUnfoldedBytes: allowance!.bytes, maxPartBytes }
  const parts: StoredPart[] = []
  const lost: LostPart[] = []
  for (let from: number | undefined = 0; from !== undefined;) {
    const some = await services.reader.unfold(kindOfContainer(stored), bytes, from, { signal, bounds })
    if (!some.ok) {
      return some
    }
    for (const part of some.value.parts) {
      parts.push(await keep(part))
    }
    lost.push(...some.value.lost)
    from = some.value.next
  }
  return { ok: true, value: { parts, lost } }

  async function keep({ bytes: own, ...place }: Part): Promise<StoredPart> {
    const sha256 = createHash('sha256').update(own).digest('hex')
    await content.put(header.tenantId, own, { sha256, size: own.byteLength, signal })
    const kind = kindOf(own)
    return { ...place, size: own.byteLength, sha256, container: kind === 'zip' || kind === 'mail' }
  }
}

/** As if its sender had sent it alone, at the same moment, by the same way. */
function recordOf({ header, allowDuplicate }: StoredDocument, part: StoredPart, allowance: Allowance): DocumentReceived {
  return {
    tenantId: header.tenantId,
    documentId: partDocumentId(header, part.section),
    source: header.source as DocumentReceived['source'],
    fileName: part.fileName,
    contentType: part.contentType ?? null,
    size: part.size,
    sha256: part.sha256,
    receivedAt: header.receivedAt,
    traceparent: null,
    content: null,
    reference: referenceTo(part.sha256),
    attributes: allowDuplicate ? { duplicate: 'allow' } : {},
    parent: { documentId: header.documentId, part: part.path, ...allowance },
  }
}
