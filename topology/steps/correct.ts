import type { KeyValueStore, Processor, ProcessorContext, Record } from 'millrace'
import type { DocumentCorrection } from '../../avro/types.ts'
import { type CorrectionRefusal, decideCorrection } from '../../processors/corrections/index.ts'
import { invoiceIdentity } from '../../processors/dedupe/index.ts'
import { vendorKeysOf } from '../../processors/learn/index.ts'
import type { DocumentState } from '../../processors/lifecycle/index.ts'
import { RecordError } from '../errors.ts'
import { documentKey, isMoment } from '../topics.ts'
import type { ExtractedDocument } from './classify-extract.ts'
import type { Lesson } from './learn.ts'
import { keep, type Output } from './lifecycle.ts'
import type { StoredDocument } from './receive.ts'

/** A document on its way back: to be validated again, or, when it was taken for a duplicate before it was read, to be read. */
export type ReturningDocument = ExtractedDocument | StoredDocument

export const wasExtracted = (_key: string, document: ReturningDocument): document is ExtractedDocument => 'extraction' in document

/** What a correction leads to, besides what every change does: the document goes round again, and its vendor's next one is read better. */
export type CorrectionOutput = Output | { readonly kind: 'corrected'; readonly document: ReturningDocument } | { readonly kind: 'lesson'; readonly lesson: Lesson }

export const isCorrectionOutput = <K extends CorrectionOutput['kind']>(kind: K) =>
  (_key: string, output: CorrectionOutput): output is Extract<CorrectionOutput, { kind: K }> => output.kind === kind

/** Applies what a person decided to the document as it is now: beside lifecycle, in its store, where revisions are given out. */
export function correct(stateStore: string): Processor<string, DocumentCorrection, string, CorrectionOutput> {
  let context: ProcessorContext<string, CorrectionOutput>
  let states: KeyValueStore<string, DocumentState>
  return {
    init(given) {
      context = given
      states = given.getStateStore(stateStore)
    },
    process(record: Record<string, DocumentCorrection>) {
      const { correctionId: id, decision, by, at, baseRevision, changes } = check(record)
      const before = states.get(record.key)
      const decided = decideCorrection(before, { id, decision, by, at, baseRevision, changes })
      switch (decided.outcome) {
        case 'repeated':
          return
        case 'refused':
          throw errorOf(decided.refusal)
        case 'apply': {
          const after = keep(states, record, decided.event, context)
          if (after?.state === 'DEDUPLICATED') {
            context.forward({ ...record, value: { kind: 'corrected', document: unread(after) } })
          }
          if (after?.state === 'CORRECTED') {
            context.forward({ ...record, value: { kind: 'corrected', document: again(before!, after) } })
            const lesson = lessonOf(after, id)
            if (lesson !== undefined) {
              context.forward({ ...record, value: { kind: 'lesson', lesson } })
            }
          }
        }
      }
    },
  }
}

function check({ key, value }: Record<string | null, DocumentCorrection | null>): DocumentCorrection {
  if (value === null) {
    throw new RecordError('VALUE_MISSING', 'value', 'a correction is expected, not a tombstone')
  }
  if (key !== documentKey(value.tenantId, value.documentId)) {
    throw new RecordError('KEY_MISMATCH', 'key', 'tenantId|documentId of the value expected')
  }
  if (!isMoment(value.at)) {
    throw new RecordError('AT_INVALID', 'at', 'milliseconds since 1970 expected, before the year 10000')
  }
  return value
}

/** It was taken for a duplicate by its bytes. */
const unread = ({ header, folded }: DocumentState): StoredDocument => ({ header, allowDuplicate: true, ...folded })

/** What was taken although it is a duplicate, or is none as a person has said, is not asked about again. */
function again(before: DocumentState, { header, classification, extraction, distinct }: DocumentState): ExtractedDocument {
  const formerly = before.classification === undefined || before.extraction === undefined ? undefined : invoiceIdentity(header.tenantId, before.classification, before.extraction)
  return {
    header,
    allowDuplicate: before.duplicateOf !== undefined || distinct !== undefined,
    ...(distinct?.from === undefined ? {} : { distinctFrom: distinct.from }),
    text: undefined,
    classification: classification!,
    extraction: extraction!,
    ...(formerly === undefined ? {} : { formerIdentity: formerly.key }),
  }
}

/** Values that were written, of a document that has pages and a vendor who is known. */
function lessonOf({ header, text, extraction, corrections }: DocumentState, id: string): Lesson | undefined {
  const taught = corrections.flatMap((one) => (one.id === id && one.to !== null ? [{ field: one.field, value: one.to }] : []))
  const vendors = vendorKeysOf(extraction!.fields).map(({ digest }) => digest)
  const unread = text === undefined || text.route === 'e-invoice-xml' || header.contentReference === undefined
  const { name, vatId } = extraction!.fields.seller
  const vendor = { ...(name === undefined ? {} : { name: name.normalised }), ...(vatId === undefined ? {} : { vatId: vatId.normalised }) }
  return unread || taught.length === 0 ? undefined : { header, taught, vendors, vendor }
}

function errorOf(refusal: CorrectionRefusal): RecordError {
  const { code } = refusal
  switch (code) {
    case 'DOCUMENT_UNKNOWN':
      return new RecordError(code, 'documentId', 'this tenant has no such document')
    case 'NOT_CORRECTABLE':
      return new RecordError(
        code, 'decision', 'only a document that is archived or in review can be corrected, only one in review accepted, rejected or called a duplicate, only a duplicate called none',
      )
    case 'REVISION_STALE':
      return new RecordError(code, 'baseRevision', 'the document has another revision now; look at it again')
    default:
      return new RecordError(code, refusal.index === undefined ? refusal.part : `changes[${refusal.index}].${refusal.part}`, `allowed is ${refusal.limit}`)
  }
}
