/**
 * What the steps pass on: plain domain types. Names of fields follow EN 16931 (the BT numbers); amounts are decimal strings,
 * dates ISO 8601 days (YYYY-MM-DD). The topology maps these to its Avro schemas.
 */

/** Points of the page (PDF) or pixels (image), the origin at the top left. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A run of text without a wide gap: a cell of a table is one, a line of a paragraph is one. */
export interface TextLine {
  readonly text: string
  readonly box: Box
  /** 0 to 1; a text layer is 1. */
  readonly confidence: number
}

export interface TextPage {
  /** From 1. */
  readonly number: number
  readonly width: number
  readonly height: number
  readonly lines: readonly TextLine[]
}

export type TextRoute = 'e-invoice-xml' | 'text-layer' | 'ocr'

export interface EInvoice {
  readonly syntax: 'cii' | 'ubl'
  /** The guideline or customization id as it stands, at most 200 characters. */
  readonly profile: string
  /** The XML itself, decoded. */
  readonly xml: string
}

export interface PageIssue {
  readonly page: number
  readonly code: FailureCode
}

export interface DocumentText {
  readonly route: TextRoute
  /** ISO 639-1, `und` when there is too little text. */
  readonly language: string
  readonly pages: readonly TextPage[]
  readonly eInvoice?: EInvoice
  /** 0 to 1: mean confidence weighted by characters, 0 for an unreadable page. */
  readonly quality: number
  /** Pages that could not be read: they are in `pages` with no lines, and the document goes to review. */
  readonly issues: readonly PageIssue[]
  readonly engine: string
  readonly engineVersion: string
  readonly dataVersion: string
}

/** Why a document could not be read. Codes are stable; they go into records, logs and answers. */
export type FailureCode =
  | 'EMPTY'
  | 'TOO_LARGE'
  | 'SIZE_MISMATCH'
  | 'SHA256_MISMATCH'
  | 'TYPE_UNSUPPORTED'
  | 'TYPE_MISMATCH'
  | 'MALWARE'
  | 'ENCRYPTED'
  | 'CORRUPT'
  | 'TOO_MANY_PAGES'
  | 'TOO_MANY_PIXELS'
  | 'TOO_MUCH_TEXT'
  | 'XML_REFUSED'
  | 'TIMEOUT'
  | 'MEMORY'
  | 'CRASHED'
  | 'STEP_FAILED'
  | 'TENANT_INACTIVE'
  | 'CONTENT_MISSING'

export interface Failure {
  readonly code: FailureCode
  /** The field that is wrong: content, contentType, size, sha256. */
  readonly field: string
  /** The bound that was broken, if one was. */
  readonly limit?: number
  /** For people; never anything out of the document. */
  readonly reason: string
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure }

export type DocumentType = 'invoice' | 'credit-note' | 'receipt' | 'purchase-order' | 'contract' | 'letter' | 'form' | 'other'

export const documentTypes: readonly DocumentType[] = [
  'invoice', 'credit-note', 'receipt', 'purchase-order', 'contract', 'letter', 'form', 'other',
]

export interface Classification {
  readonly type: DocumentType
  /** 0 to 1. */
  readonly probability: number
  readonly method: 'e-invoice-xml' | 'words' | 'pinned'
  readonly modelVersion: string
}

export type ProvenanceMethod = 'e-invoice-xml' | 'text-layer' | 'ocr' | 'rule'

export interface Provenance {
  /** From 1; 0 when it comes from the e-invoice's XML, which has no pages. */
  readonly page: number
  readonly box?: Box
  readonly method: ProvenanceMethod
}

export interface Field {
  /** As it stands in the document. */
  readonly value: string
  /** Amounts `1234.50`, dates `2026-11-21`, ids upper-case without blanks. */
  readonly normalised: string
  /** 0 to 1: how likely `normalised` is right. */
  readonly confidence: number
  readonly provenance: Provenance
}

export interface Party {
  /** BT-27 and BT-44 */
  readonly name?: Field
  /** BT-31 and BT-48 */
  readonly vatId?: Field
  /** BT-32 */
  readonly taxNumber?: Field
  readonly address?: Field
  /** ISO 3166-1 alpha-2 (BT-40, BT-55) */
  readonly country?: Field
}

export interface DocumentFields {
  readonly seller: Party
  readonly buyer: Party
  /** BT-1 */
  readonly invoiceNumber?: Field
  /** BT-2 */
  readonly issueDate?: Field
  /** BT-9 */
  readonly dueDate?: Field
  /** BT-72 */
  readonly deliveryDate?: Field
  /** BT-5 */
  readonly currency?: Field
  /** BT-13 */
  readonly purchaseOrderNumber?: Field
  /** BT-25 */
  readonly precedingInvoiceNumber?: Field
  /** BT-84 */
  readonly iban?: Field
  /** BT-86 */
  readonly bic?: Field
  /** BT-106 */
  readonly lineTotal?: Field
  /** BT-107 */
  readonly allowanceTotal?: Field
  /** BT-108 */
  readonly chargeTotal?: Field
  /** BT-109 */
  readonly taxBasisTotal?: Field
  /** BT-110 */
  readonly taxTotal?: Field
  /** BT-112 */
  readonly grandTotal?: Field
  /** BT-113 */
  readonly paidAmount?: Field
  /** BT-114 */
  readonly roundingAmount?: Field
  /** BT-115 */
  readonly payableAmount?: Field
}

export interface LineItem {
  /** BT-126 */
  readonly lineId?: Field
  /** BT-153 */
  readonly description?: Field
  /** BT-129 */
  readonly quantity?: Field
  /** BT-130 */
  readonly unitCode?: Field
  /** BT-146 */
  readonly unitPrice?: Field
  /** BT-152, percent */
  readonly taxRate?: Field
  /** BT-131 */
  readonly lineTotal?: Field
}

export interface TaxLine {
  /** BT-118 */
  readonly category?: Field
  /** BT-119, percent */
  readonly rate?: Field
  /** BT-116 */
  readonly basis?: Field
  /** BT-117 */
  readonly amount?: Field
}

export interface Extraction {
  readonly fields: DocumentFields
  readonly lines: readonly LineItem[]
  readonly taxes: readonly TaxLine[]
  readonly extractorVersion: string
  /** Something was left out because of a bound (for example more than 10,000 lines): the document goes to review. */
  readonly truncated: boolean
}

export type Severity = 'hard' | 'soft'

export interface RuleResult {
  readonly ruleId: string
  readonly ruleVersion: number
  readonly severity: Severity
  readonly outcome: 'passed' | 'failed' | 'not-applicable'
  /** The fields it is about. */
  readonly fields: readonly string[]
  readonly message: string
}

export interface Validation {
  readonly ruleSetId: string
  readonly ruleSetVersion: number
  readonly results: readonly RuleResult[]
  /** False when a hard rule failed: the document goes to review. */
  readonly valid: boolean
}

export interface VendorMatch {
  readonly vendorId: string
  readonly name: string
  readonly matchedBy: 'vat-id' | 'iban' | 'name'
  readonly confidence: number
}

export interface BaseAmount {
  readonly currency: string
  readonly grandTotal: string
  readonly rate: string
  /** The day the rate is of, which may be before the document's. */
  readonly rateDate: string
}

export interface Enrichment {
  readonly vendor?: VendorMatch
  readonly base?: BaseAmount
  /** What was looked up and not found: `vendor`, `exchange-rate`. */
  readonly missing: readonly string[]
}

export interface ReviewReason {
  /** For example UNREADABLE_PAGE, LOW_PROBABILITY, RULE_FAILED, MISSING_FIELD, LOW_CONFIDENCE, POSSIBLE_DUPLICATE. */
  readonly code: string
  readonly step: string
  /** Field path or rule id. */
  readonly subject: string
}
