export type { DateOrder } from './dates.ts'
export { mapEInvoice } from './e-invoice.ts'
export { extract, extractorVersion } from './extract.ts'
export type { ExtractOptions } from './extract.ts'
