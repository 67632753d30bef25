export { contentKey, decide } from './dedupe.ts'
export type { DedupeDecision, DedupeInput, DuplicatePolicy, FirstSeen } from './dedupe.ts'
export { forgetInvoice, invoiceIdentity, lookAgain, OTHER_VERSION } from './second-look.ts'
export type { CopiedValues, InvoiceIdentity, KnownInvoice, SecondLookDecision, SecondLookInput } from './second-look.ts'
