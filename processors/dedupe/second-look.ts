import { createHash } from 'node:crypto'
import type { Classification, Extraction, Field, LineItem } from '../types.ts'
import type { DuplicatePolicy } from './dedupe.ts'

/** Names of what must be equal. Fields decide; how alike two texts are decides nothing. */
const decisive = ['vendor', 'invoiceNumber', 'issueDate', 'grandTotal'] as const
/** What two copies may both say and then must agree in: an invoice that comes again with another IBAN is for a person, not a copy. */
const supporting = ['currency', 'taxTotal', 'iban', 'buyerVatId', 'lines'] as const

/** What an invoice says that its copies say, too. */
export interface CopiedValues {
  /** YYYY-MM-DD */
  readonly issueDate: string
  readonly grandTotal: string
  /** Those that were read for sure. */
  readonly supporting: { readonly [name in (typeof supporting)[number]]?: string }
}

/** What makes an invoice this one and no other, as far as it can be read. */
export interface InvoiceIdentity extends CopiedValues {
  /** `tenant|invoice|digest` of vendor and number: the key of the store, and of its repartition topic. */
  readonly key: string
  /** A later one with another date or total is a version of it. False for receipts, whose numbers begin anew all the time. */
  readonly versioned: boolean
}

/** A document that is remembered under its identity's key. */
export interface KnownInvoice extends CopiedValues {
  readonly documentId: string
  readonly sha256: string
  /** ms since the epoch: the record's time, not the clock's. */
  readonly seenAt: number
}

export interface SecondLookInput {
  readonly documentId: string
  readonly sha256: string
  readonly timestamp: number
  readonly identity: InvoiceIdentity
  readonly policy: DuplicatePolicy
  /** The sender says: process it although it is a duplicate. */
  readonly override: boolean
  /** A person has said that it is no copy of this one. */
  readonly distinctFrom?: string
  /** After so many ms a document is forgotten. Undefined: never. */
  readonly timeToLiveMs?: number
}

/** `remember` replaces what is kept under the key when it is there. */
export type SecondLookDecision =
  | { readonly outcome: 'first'; readonly remember?: readonly KnownInvoice[] }
  /** Goes on, and says of what it is a duplicate: policy warn, or an override. */
  | { readonly outcome: 'warned'; readonly duplicateOf: string; readonly remember?: undefined }
  /** Ends here. `fields` are equal. */
  | { readonly outcome: 'duplicate'; readonly duplicateOf: string; readonly policy: 'link' | 'reject'; readonly fields: readonly string[]; readonly remember?: undefined }
  /** A person must look: the same vendor and number, but `differs`. */
  | { readonly outcome: 'version'; readonly of: string; readonly differs: readonly string[]; readonly remember?: readonly KnownInvoice[] }

/** Of a reason for review: the same vendor and number as another document, but not the same invoice. */
export const OTHER_VERSION = 'OTHER_VERSION'

/** Below this a field is too doubtful to stop a document for it. */
const MIN_CONFIDENCE = 0.5
/** Below this one that differs is misread more often than it is another. */
const MIN_SUPPORTING_CONFIDENCE = 0.9
/** A number that everybody prints (a till that always says 1) must not make a record without end. */
const MAX_KNOWN = 16
/** One character is a page or a position more often than a document. */
const MIN_NUMBER_LENGTH = 3

/**
 * The identity of an invoice, a credit note or a receipt. Undefined when the vendor (VAT id, else IBAN, else name), the number, the date or the
 * total is missing or doubtful: fewer are equal on different documents too often.
 */
export function invoiceIdentity(tenantId: string, { type }: Pick<Classification, 'type'>, { fields, lines = [] }: Pick<Extraction, 'fields'> & Partial<Pick<Extraction, 'lines'>>): InvoiceIdentity | undefined {
  if (type !== 'invoice' && type !== 'credit-note' && type !== 'receipt') {
    return undefined
  }
  const { seller, iban } = fields
  const vendor = plain(sure(seller.vatId)) ?? plain(sure(iban)) ?? plain(sure(seller.name))
  const number = plain(sure(fields.invoiceNumber))
  const issueDate = sure(fields.issueDate)
  const grandTotal = sure(fields.grandTotal ?? fields.payableAmount)
  if (vendor === undefined || number === undefined || number.length < MIN_NUMBER_LENGTH || issueDate === undefined || grandTotal === undefined) {
    return undefined
  }
  // An invoice and the credit note that takes it back may share a number. The key is a digest: keys end up in places where no content may be.
  const digest = createHash('sha256').update(JSON.stringify([type === 'credit-note', vendor, number])).digest('hex')
  const found = { currency: fields.currency, taxTotal: fields.taxTotal, iban, buyerVatId: fields.buyer.vatId }
  const values = supporting.map((name) => [name, name === 'lines' ? lineTotals(lines) : sure(found[name], MIN_SUPPORTING_CONFIDENCE)] as const).filter(([, value]) => value !== undefined)
  return { key: `${tenantId}|invoice|${digest}`, issueDate, grandTotal, supporting: Object.fromEntries(values), versioned: type !== 'receipt' }
}

/**
 * Re-sent copies and rescans: other bytes, the same vendor, number, date and total, and no contradiction. `known` is what is kept under the identity's key, the oldest
 * first. The same bytes are the first look's, which has let them pass. The same document again gets the same decision again.
 */
export function lookAgain(input: SecondLookInput, known: readonly KnownInvoice[] = []): SecondLookDecision {
  const { documentId, sha256, timestamp, identity, timeToLiveMs } = input
  const alive = known.filter((one) => one.documentId === documentId || timeToLiveMs === undefined || timestamp - one.seenAt <= timeToLiveMs)
  const own = alive.findIndex((one) => one.documentId === documentId)
  const earlier = (own < 0 ? alive : alive.slice(0, own)).filter((one) => one.documentId !== input.distinctFrom)

  const same = earlier.find((one) => differences(one, identity).length === 0)
  if (same !== undefined) {
    if (same.sha256 === sha256) {
      return { outcome: 'first' }
    }
    return input.policy === 'warn' || input.override
      ? { outcome: 'warned', duplicateOf: same.documentId }
      : { outcome: 'duplicate', duplicateOf: same.documentId, policy: input.policy, fields: [...decisive, ...supporting.filter((name) => agrees(same, identity, name))] }
  }
  const remember = remembered(input, alive, own)
  const last = earlier.findLast((one) => one.issueDate === identity.issueDate && one.grandTotal === identity.grandTotal) ?? earlier.at(-1)
  if (last === undefined || !identity.versioned || input.override) {
    return { outcome: 'first', ...remember }
  }
  return { outcome: 'version', of: last.documentId, differs: differences(last, identity), ...remember }
}

/** Without a document whose fields turned out to be others: nothing is a copy of it under this key any more. */
export const forgetInvoice = (documentId: string, known: readonly KnownInvoice[]): readonly KnownInvoice[] => known.filter((one) => one.documentId !== documentId)

const agrees = (one: CopiedValues, other: CopiedValues, name: (typeof supporting)[number]): boolean =>
  one.supporting[name] !== undefined && one.supporting[name] === other.supporting[name]

/** Names of what is said otherwise. What only one of the two says does not count: a copy may be hard to read, an e-invoice may have fewer fields. */
function differences(one: CopiedValues, other: CopiedValues): string[] {
  return [
    ...(['issueDate', 'grandTotal'] as const).filter((name) => one[name] !== other[name]),
    ...supporting.filter((name) => one.supporting[name] !== undefined && other.supporting[name] !== undefined && !agrees(one, other, name)),
  ]
}

function remembered({ documentId, sha256, timestamp, identity }: SecondLookInput, alive: readonly KnownInvoice[], own: number): { readonly remember?: readonly KnownInvoice[] } {
  const { issueDate, grandTotal, supporting: others } = identity
  const values: CopiedValues = { issueDate, grandTotal, supporting: others }
  const before = alive[own]
  if (before === undefined) {
    return { remember: [...alive, { documentId, sha256, ...values, seenAt: timestamp }].slice(-MAX_KNOWN) }
  }
  // read anew, and otherwise
  return differences(before, identity).length === 0 ? {} : { remember: alive.with(own, { ...before, sha256, ...values }) }
}

/** A digest of what every line comes to, in no order; undefined unless all of them were read for sure. */
function lineTotals(lines: readonly LineItem[]): string | undefined {
  const totals = lines.map(({ lineTotal }) => sure(lineTotal, MIN_SUPPORTING_CONFIDENCE))
  return totals.length === 0 || totals.includes(undefined) ? undefined : createHash('sha256').update(totals.sort().join(' ')).digest('hex')
}

/** A field's normalised value, unless it is doubtful. */
export function sure(field: Field | undefined, least = MIN_CONFIDENCE): string | undefined {
  return field === undefined || field.normalised === '' || field.confidence < least ? undefined : field.normalised
}

/** Letters and digits only: how a name or a number is set does not matter. */
export function plain(text: string | undefined): string | undefined {
  return text?.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '') || undefined
}
