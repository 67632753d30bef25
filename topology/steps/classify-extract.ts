import type { FixedKeyProcessor, FixedKeyProcessorContext, ReadOnlyTimestampedKeyValueStore, Record } from 'millrace'
import type { PromptSet, Tenant } from '../../avro/types.ts'
import { classify } from '../../processors/classify/index.ts'
import { type Likeness, likenessOf } from '../../processors/dedupe/index.ts'
import { extract } from '../../processors/extract/index.ts'
import type { VendorMemory } from '../../processors/learn/index.ts'
import type { DocumentHeader } from '../../processors/lifecycle/index.ts'
import { excerptOf, fieldsToAsk } from '../../processors/model/index.ts'
import type { Classification, DocumentText, Extraction } from '../../processors/types.ts'
import type { Flow } from '../flow.ts'
import { tenantOf } from '../tenants.ts'
import type { DoubtfulDocument } from './model.ts'
import { vendorKey } from './learn.ts'
import type { ReadDocument } from './text.ts'
import { isContainer } from './unfold.ts'

/** The text stays behind: the values name their places on the pages. */
export interface ExtractedDocument {
  readonly header: DocumentHeader
  /** The sender says: process it although it is a duplicate. */
  readonly allowDuplicate: boolean
  /** A person has said that it is no copy of this one. */
  readonly distinctFrom?: string
  /** Undefined: a person has corrected it, and so seen the pages. */
  readonly text: Pick<DocumentText, 'issues' | 'quality'> | undefined
  /** To find others like it; undefined where there is too little text, or a person has corrected what it says. */
  readonly likeness?: Likeness
  readonly classification: Classification
  readonly extraction: Extraction
  /** What told it from others before a correction. */
  readonly formerIdentity?: string
}

/**
 * What kind of document it is, and what it says.
 * @param memoryStore of what corrections taught about vendors
 * @param promptStore of the tenants' prompts, where there is a language model: a document with fields missing or in doubt goes there first
 */
export function classifyAndExtract(tenantStore: string, memoryStore: string, promptStore?: string): FixedKeyProcessor<string, ReadDocument, Flow<ExtractedDocument | DoubtfulDocument>> {
  let context: FixedKeyProcessorContext<string, Flow<ExtractedDocument | DoubtfulDocument>>
  let tenants: ReadOnlyTimestampedKeyValueStore<string, Tenant>
  let memories: ReadOnlyTimestampedKeyValueStore<string, VendorMemory>
  let prompts: ReadOnlyTimestampedKeyValueStore<string, PromptSet> | undefined
  return {
    init(given) {
      context = given
      tenants = given.getStateStore(tenantStore)
      memories = given.getStateStore(memoryStore)
      prompts = promptStore === undefined ? undefined : given.getStateStore(promptStore)
    },
    process(record: Record<string, ReadDocument>) {
      const { header, allowDuplicate } = record.value.stored
      const text = record.value.text!
      const tenant = tenantOf(tenants, header.tenantId)
      const forward = (value: Flow<ExtractedDocument | DoubtfulDocument>): void => context.forward({ ...record, value })
      const at = context.currentSystemTimeMs()

      const classification = classify(text, {
        ...(tenant.pinnedType === null ? {} : { pinned: tenant.pinnedType }),
        ...(header.contentType === 'message/rfc822' ? { mail: isContainer(record.value.stored) ? 'cover' : 'letter' } : {}),
      })
      forward({ did: { step: 'classify', at, to: 'CLASSIFIED', classification } })

      // dates that begin with the year are never ambiguous
      const dateOrder = tenant.dateOrder === 'mdy' ? 'month-day' : 'day-month'
      const extraction = extract(text, {
        dateOrder,
        defaultCurrency: tenant.currency,
        receivedDay: new Date(header.receivedAt).toISOString().slice(0, 10),
        learned: ({ digest }) => memories.get(vendorKey(header.tenantId, digest))?.value,
      })
      if (!extraction.ok) {
        forward({ did: { step: 'extract', at, to: 'IN_REVIEW', reasons: [{ code: extraction.failure.code, step: 'extract', subject: extraction.failure.field }] } })
        return
      }
      const likeness = likenessOf(text)
      const document = {
        header, allowDuplicate, text: { issues: text.issues, quality: text.quality }, classification, extraction: extraction.value, ...(likeness === undefined ? {} : { likeness }),
      }
      const prompt = prompts === undefined || tenant.promptSet === null ? undefined : prompts.get(`${header.tenantId}|${tenant.promptSet}`)?.value
      const fields = prompts === undefined || text.eInvoice !== undefined ? [] : fieldsToAsk(classification, extraction.value, tenant.reviewThreshold, prompt?.fields)
      if (fields.length > 0) {
        forward({ next: { ...document, question: { fields, excerpt: excerptOf(text), dateOrder, ...(prompt === undefined ? {} : { prompt }) } } })
        return
      }
      forward({ did: { step: 'extract', at, to: 'EXTRACTED', extraction: extraction.value } })
      forward({ next: document })
    },
  }
}
