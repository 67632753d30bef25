import { decimal, type SampleInvoice } from './invoice.ts'
import type { SampleTruth } from './types.ts'

export function invoiceTruth(invoice: SampleInvoice): SampleTruth {
  return { ...receiptTruth(invoice), type: 'invoice', dueDate: invoice.dueDate, iban: invoice.seller.iban }
}

export function receiptTruth(invoice: SampleInvoice): SampleTruth {
  return {
    type: 'receipt',
    invoiceNumber: invoice.number,
    issueDate: invoice.issueDate,
    currency: invoice.currency,
    sellerName: invoice.seller.name,
    sellerVatId: invoice.seller.vatId,
    taxBasisTotal: decimal(invoice.net),
    taxTotal: decimal(invoice.tax),
    grandTotal: decimal(invoice.gross),
    lines: invoice.lines.length,
  }
}
