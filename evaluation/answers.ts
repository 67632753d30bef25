/** The product's fields under the names that sets of documents use. */
import type { Classification, Extraction, Field } from '../processors/index.ts'

export type Answers = ReadonlyMap<string, Field>

/** `transcripts`: company, date, address, total of receipts; the others: names of invoices. */
export function answersOf(extraction: Extraction, classification: Classification): Answers {
  const { fields } = extraction
  const { seller, buyer } = fields
  const total = fields.grandTotal ?? fields.payableAmount
  const entries: readonly (readonly [string, Field | undefined])[] = [
    ['type', { value: classification.type, normalised: classification.type, confidence: classification.probability, provenance: { page: 0, method: 'rule' } }],
    ['company', seller.name],
    ['seller', seller.name],
    ['buyer', buyer.name],
    ['address', seller.address],
    ['sellerVatId', seller.vatId],
    ['buyerVatId', buyer.vatId],
    ['number', fields.invoiceNumber],
    ['date', fields.issueDate],
    ['dueDate', fields.dueDate],
    ['currency', fields.currency],
    ['iban', fields.iban],
    ['netTotal', fields.taxBasisTotal],
    ['taxTotal', fields.taxTotal],
    ['total', total],
    ['due', fields.payableAmount],
  ]
  return new Map(entries.filter((entry): entry is readonly [string, Field] => entry[1] !== undefined))
}
