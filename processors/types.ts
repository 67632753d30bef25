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
  /** From left to right, where the text was recognised: `text` is made of them. A text layer has none. */
  readonly words?: readonly TextWord[]
}

export interface TextWord {
  /** Without white space. */
  readonly text: string
  readonly box: Box
  /** 0 to 1: of a line's confidence, this word's part. */
  readonly confidence: number
}

export interface TextPage {
  /** From 1. */
  readonly number: number
  readonly width: number
  readonly height: number
  readonly lines: readonly TextLine[]
  /** Degrees clockwise that the page (as EXIF says) was turned by before it was recognised; size and boxes are those of the turned page. */
  readonly turned?: number
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
  | 'FORMAT_OUTDATED'
  | 'CODEC_MISSING'
  | 'MALWARE'
  | 'ENCRYPTED'
  | 'CORRUPT'
  | 'TOO_MANY_PAGES'
  | 'TOO_MANY_PIXELS'
  | 'TOO_MUCH_TEXT'
  | 'TOO_MANY_PARTS'
  | 'EXPANDS_TOO_MUCH'
  | 'NESTED_TOO_DEEP'
  | 'XML_REFUSED'
  | 'TIMEOUT'
  | 'MEMORY'
  | 'CRASHED'
  | 'STEP_FAILED'
  | 'TENANT_INACTIVE'
  | 'CONTENT_MISSING'
  | 'REJECTED_IN_REVIEW'

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
  readonly method: 'e-invoice-xml' | 'words' | 'pinned' | 'mail'
  readonly modelVersion: string
}

/**
 * `correction`: a person said so; `learned`: where such a correction has shown that this vendor prints it; `language-model`: a model said so
 * and the text states it.
 */
export type ProvenanceMethod = 'e-invoice-xml' | 'text-layer' | 'ocr' | 'rule' | 'correction' | 'learned' | 'language-model'

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

/** The seller (BG-4), the buyer (BG-7) and who else has a part in it. Numbers are the seller's, then the buyer's. */
export interface Party {
  /** BT-27 and BT-44 */
  readonly name?: Field
  /** BT-28 and BT-45 */
  readonly tradingName?: Field
  /** BT-29 and BT-46, as the parties agreed on it. */
  readonly identifier?: Field
  /** BT-29 and BT-46 with a registered scheme, for example a GLN. */
  readonly globalIdentifier?: Field
  /** BT-30 and BT-47 */
  readonly registrationId?: Field
  /** BT-31 and BT-48 */
  readonly vatId?: Field
  /** BT-32 */
  readonly taxNumber?: Field
  /** BT-34 and BT-49 */
  readonly electronicAddress?: Field
  /** The parts of the address in one line, as they would be printed. */
  readonly address?: Field
  /** BT-35 and BT-50 */
  readonly street?: Field
  /** BT-36 and BT-51 */
  readonly streetAdditional?: Field
  /** BT-162 and BT-163 */
  readonly addressLine?: Field
  /** BT-37 and BT-52 */
  readonly city?: Field
  /** BT-38 and BT-53 */
  readonly postcode?: Field
  /** BT-39 and BT-54 */
  readonly region?: Field
  /** ISO 3166-1 alpha-2 (BT-40, BT-55) */
  readonly country?: Field
  /** BT-41 and BT-56 */
  readonly contactName?: Field
  /** BT-42 and BT-57 */
  readonly contactPhone?: Field
  /** BT-43 and BT-58 */
  readonly contactEmail?: Field
}

export interface DocumentFields {
  readonly seller: Party
  readonly buyer: Party
  /** BG-10: who is paid, where it is not the seller. */
  readonly payee?: Party
  /** BG-11 */
  readonly taxRepresentative?: Party
  /** BG-13 */
  readonly deliverTo?: Party
  /** BT-24: the rules the sender says the e-invoice follows. */
  readonly specification?: Field
  /** BT-23 */
  readonly businessProcess?: Field
  /** BT-3, UNTDID 1001 */
  readonly typeCode?: Field
  /** BT-1 */
  readonly invoiceNumber?: Field
  /** BT-2 */
  readonly issueDate?: Field
  /** BT-9 */
  readonly dueDate?: Field
  /** BT-72 */
  readonly deliveryDate?: Field
  /** BT-73 */
  readonly periodStart?: Field
  /** BT-74 */
  readonly periodEnd?: Field
  /** BT-5 */
  readonly currency?: Field
  /** BT-6: the currency the tax is accounted in. */
  readonly taxCurrency?: Field
  /** BT-7 */
  readonly taxPointDate?: Field
  /** BT-8, UNTDID 2005 */
  readonly taxPointDateCode?: Field
  /** BT-10 */
  readonly buyerReference?: Field
  /** BT-11 */
  readonly projectReference?: Field
  /** BT-12 */
  readonly contractNumber?: Field
  /** BT-13 */
  readonly purchaseOrderNumber?: Field
  /** BT-14 */
  readonly salesOrderNumber?: Field
  /** BT-15 */
  readonly receivingAdviceNumber?: Field
  /** BT-16 */
  readonly despatchAdviceNumber?: Field
  /** BT-19 */
  readonly buyerAccountingReference?: Field
  /** BT-20 */
  readonly paymentTerms?: Field
  /** BT-22, the first. */
  readonly note?: Field
  /** BT-25 */
  readonly precedingInvoiceNumber?: Field
  /** BT-26 */
  readonly precedingInvoiceDate?: Field
  /** BT-81, UNTDID 4461 */
  readonly paymentMeansCode?: Field
  /** BT-83 */
  readonly remittanceInformation?: Field
  /** BT-84, where it is an IBAN. */
  readonly iban?: Field
  /** BT-84, where it is none. */
  readonly accountNumber?: Field
  /** BT-85 */
  readonly accountName?: Field
  /** BT-86 */
  readonly bic?: Field
  /** BT-87: the last digits. */
  readonly cardNumber?: Field
  /** BT-89 */
  readonly mandateReference?: Field
  /** BT-90 */
  readonly creditorIdentifier?: Field
  /** BT-91 */
  readonly debitedAccount?: Field
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
  /** BT-111: the tax total in the currency of accounting. */
  readonly accountingTaxTotal?: Field
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
  /** BT-127 */
  readonly note?: Field
  /** BT-153: the item's name. */
  readonly description?: Field
  /** BT-154: what is said about it besides. */
  readonly details?: Field
  /** BT-155 */
  readonly sellerItemId?: Field
  /** BT-156 */
  readonly buyerItemId?: Field
  /** BT-157, for example a GTIN. */
  readonly standardItemId?: Field
  /** BT-132 */
  readonly orderLine?: Field
  /** BT-129 */
  readonly quantity?: Field
  /** BT-130 */
  readonly unitCode?: Field
  /** BT-146 */
  readonly unitPrice?: Field
  /** BT-148 */
  readonly grossPrice?: Field
  /** BT-147 */
  readonly priceDiscount?: Field
  /** BT-149: how many the price is for, one if absent. */
  readonly priceQuantity?: Field
  /** BT-134 */
  readonly periodStart?: Field
  /** BT-135 */
  readonly periodEnd?: Field
  /** BT-136, the sum where there are several. */
  readonly allowanceAmount?: Field
  /** BT-141, the sum where there are several. */
  readonly chargeAmount?: Field
  /** BT-151, UNTDID 5305 */
  readonly taxCategory?: Field
  /** BT-152, percent */
  readonly taxRate?: Field
  /** BT-131 */
  readonly lineTotal?: Field
  /** BT-X-8 of Factur-X EXTENDED: GROUP and INFORMATION lines do not count in the sum. */
  readonly lineStatus?: Field
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
  /** BT-120 */
  readonly exemptionReason?: Field
  /** BT-121 */
  readonly exemptionReasonCode?: Field
}

/** An allowance (BG-20) or a charge (BG-21) on the whole document. */
export interface Adjustment {
  /** `allowance` or `charge` */
  readonly kind?: Field
  /** BT-92 and BT-99 */
  readonly amount?: Field
  /** BT-93 and BT-100 */
  readonly basis?: Field
  /** BT-94 and BT-101 */
  readonly percent?: Field
  /** BT-95 and BT-102 */
  readonly taxCategory?: Field
  /** BT-96 and BT-103 */
  readonly taxRate?: Field
  /** BT-97 and BT-104 */
  readonly reason?: Field
  /** BT-98 and BT-105 */
  readonly reasonCode?: Field
}

/** What the pages of an e-invoice say about a field that its XML states. */
export interface VisibleValue {
  readonly field: 'invoiceNumber' | 'issueDate' | 'grandTotal'
  /** `differs`: the pages show another value and nowhere the XML's. */
  readonly outcome: 'agrees' | 'differs' | 'not-found'
  /** What the pages show instead. */
  readonly visible?: Field
}

/** Rules of EN 16931 about parts of an e-invoice of which nothing is extracted. */
export type PartRule =
  | 'BR-41' | 'BR-42' | 'BR-43' | 'BR-44' | 'BR-52' | 'BR-54' | 'BR-62' | 'BR-63' | 'BR-64' | 'BR-65' | 'BR-CO-19' | 'BR-CO-20'
  | 'BR-DEC-24' | 'BR-DEC-25' | 'BR-DEC-27' | 'BR-DEC-28'

export interface Extraction {
  readonly fields: DocumentFields
  readonly lines: readonly LineItem[]
  readonly taxes: readonly TaxLine[]
  /** Allowances and charges on the whole document, where the document lists them. */
  readonly adjustments?: readonly Adjustment[]
  /** Of an e-invoice: whether its parts meet them; absent where there are none of a kind. */
  readonly partRules?: { readonly [rule in PartRule]?: boolean }
  /** For an e-invoice with pages: whether a reader of the pages sees what the XML says. */
  readonly visible?: readonly VisibleValue[]
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
  /** For example UNREADABLE_PAGE, LOW_PROBABILITY, RULE_FAILED, MISSING_FIELD, LOW_CONFIDENCE, OTHER_VERSION, NEAR_IDENTICAL_TEXT. */
  readonly code: string
  readonly step: string
  /** Field path or rule id. */
  readonly subject: string
}
