import type { Classification, DocumentFields, DocumentType, Extraction, Field, Party } from '../types.ts'

/** What a model may be asked for, and how it is told. No words of a document, nothing that could be taken for a value. */
export const descriptions = {
  'seller.name': 'name of the company that issued the document',
  'seller.address': 'postal address of that company, in one line',
  'seller.vatId': 'VAT identification number of that company',
  'buyer.name': 'name of the company or person the document is addressed to',
  invoiceNumber: 'number of the document itself',
  issueDate: 'date the document was issued',
  dueDate: 'date until which it must be paid',
  purchaseOrderNumber: 'number of the order it refers to',
  currency: 'three-letter code of the currency the amounts are in',
  taxBasisTotal: 'total without tax',
  taxTotal: 'total of the tax',
  grandTotal: 'total with tax',
  iban: 'IBAN of the account to pay to',
} as const

export type AskedField = keyof typeof descriptions

export const isAskedField = (name: string): name is AskedField => Object.hasOwn(descriptions, name)

const usual: { readonly [type in DocumentType]?: readonly AskedField[] } = {
  invoice: ['seller.name', 'invoiceNumber', 'issueDate', 'currency', 'grandTotal'],
  'credit-note': ['seller.name', 'invoiceNumber', 'issueDate', 'currency', 'grandTotal'],
  receipt: ['seller.name', 'seller.address', 'issueDate', 'grandTotal'],
}

export function fieldOf(extraction: Extraction, name: AskedField): Field | undefined {
  const [outer, inner] = name.split('.') as [keyof DocumentFields, keyof Party | undefined]
  const value = extraction.fields[outer]
  return inner === undefined ? (value as Field | undefined) : (value as Party | undefined)?.[inner]
}

/**
 * The fields worth asking for: missing, or less sure than the tenant wants. An e-invoice's XML is the truth and is never asked about.
 * @param also what the tenant wants besides; unknown names are left out
 */
export function fieldsToAsk(classification: Classification, extraction: Extraction, threshold: number, also: readonly string[] = []): readonly AskedField[] {
  const wanted = new Set([...(usual[classification.type] ?? []), ...also.filter(isAskedField)])
  return [...wanted].filter((name) => {
    const field = fieldOf(extraction, name)
    return field === undefined || field.normalised === '' || field.confidence < threshold
  })
}
