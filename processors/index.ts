import type { Receiver, ReceiveLimits } from './receive/index.ts'
import { createReceiver } from './receive/index.ts'
import type { TextReader, TextReaderOptions } from './text/index.ts'
import { createTextReader } from './text/index.ts'

export { classify } from './classify/index.ts'
export type { ClassifyOptions } from './classify/index.ts'
export { contentKey, decide, distinctiveValues, invoiceIdentity, likenessOf, lookAgain, lookupKeys, proposeOriginal } from './dedupe/index.ts'
export type {
  CopiedValues, DedupeDecision, DedupeInput, DuplicatePolicy, FirstSeen, InvoiceIdentity, KnownInvoice, KnownText, SecondLookDecision, SecondLookInput,
} from './dedupe/index.ts'
export { enrich, plainVendorName, rateLookupFrom, vendorIndexKeys, vendorLookup, vendorLookupFrom } from './enrich/index.ts'
export type { EnrichLookups, ExchangeRate, RateLookup, Vendor, VendorLookup } from './enrich/index.ts'
export { extract, extractorVersion } from './extract/index.ts'
export type { DateOrder, ExtractOptions } from './extract/index.ts'
export { endStates, fold, mayFollow, transitions } from './lifecycle/index.ts'
export type {
  Correction, DocumentHeader, DocumentRow, DocumentState, FoldResult, LifecycleChange, LifecycleEvent, LifecycleState, TextSummary,
} from './lifecycle/index.ts'
export { PoolError } from './pool/index.ts'
export type { PoolStats } from './pool/index.ts'
export { createReceiver, defaultReceiveLimits } from './receive/index.ts'
export type { Accepted, Receiver, ReceiveInput, ReceiveLimits, ReceiveResult, Rejected } from './receive/index.ts'
export { defaultReviewThresholds, reasonsForReview } from './review.ts'
export type { ReviewThresholds } from './review.ts'
export { createTextReader, defaultTextBounds } from './text/index.ts'
export type { ReadOptions, TextBounds, TextReader, TextReaderOptions } from './text/index.ts'
export * from './types.ts'
export { checkRuleSet, createValidator, defaultRuleSet, en16931RuleSet, RuleSetInvalid } from './validate/index.ts'
export type { Rule, RuleSet, RuleSetError, ValidateInput, Validator } from './validate/index.ts'

export interface DocumentParsers {
  readonly receiver: Receiver
  readonly reader: TextReader
  close(): Promise<void>
}

/** The two steps that own processes, over one set of them. Processes start with the first document. */
export function createDocumentParsers(options: TextReaderOptions & { readonly limits?: Partial<ReceiveLimits> } = {}): DocumentParsers {
  const reader = createTextReader(options)
  return { reader, receiver: createReceiver(reader, options.limits), close: () => reader.close() }
}
