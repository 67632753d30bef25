export type SampleRoute = 'api' | 'producer' | 'share'
/** How the pipeline must end a document. Of two equal files either one may be taken for the duplicate. */
export type SampleEnd = 'processed' | 'duplicate' | 'review' | 'rejected' | 'deadLetter'

export type SampleKind =
  | 'text-invoice'
  | 'scanned-invoice'
  | 'receipt'
  | 'factur-x'
  | 'zugferd'
  | 'xml-invoice'
  | 'duplicate'
  | 'resent-copy'
  | 'same-bytes-other-tenant'
  | 'wrong-total'
  | 'corrupt-pdf'
  | 'password-pdf'
  | 'unknown-tenant'

/** What stands in the document; amounts `1234.50`, dates ISO days. */
export interface SampleTruth {
  readonly type: 'invoice' | 'credit-note' | 'receipt'
  readonly invoiceNumber: string
  readonly issueDate: string
  readonly dueDate?: string
  readonly currency: string
  readonly sellerName: string
  readonly sellerVatId: string
  readonly iban?: string
  readonly taxBasisTotal: string
  readonly taxTotal: string
  readonly grandTotal: string
  readonly lines: number
}

export interface Sample {
  readonly kind: SampleKind
  readonly fileName: string
  readonly tenant: string
  readonly contentType: string
  readonly bytes: Uint8Array
  readonly expected: SampleEnd
  readonly route: SampleRoute
  /** Absent where nothing can be read. */
  readonly truth?: SampleTruth
  /** File name of the document that a duplicate repeats, byte for byte or (`resent-copy`) in other bytes. */
  readonly duplicateOf?: string
}
