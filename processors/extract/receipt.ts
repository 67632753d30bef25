/** Receipts: one narrow column; the fields by learned weights over named features. */
import type { Field } from '../types.ts'
import type { DateOrder } from './dates.ts'
import type { Layout } from './layout.ts'
import type { Weights } from './linear-model.ts'
import { findReceiptDate } from './receipt-date.ts'
import type { HeadWeights } from './receipt-head.ts'
import { findHead } from './receipt-head.ts'
import { receiptRows } from './receipt-rows.ts'
import { findReceiptTotal } from './receipt-total.ts'
import weights from './receipt-weights.json' with { type: 'json' }

export interface ReceiptWeights {
  readonly version: number
  readonly head: HeadWeights
  readonly date: Weights
  readonly total: Weights
}

export const receiptWeights: ReceiptWeights = weights

export interface ReceiptFields {
  readonly name?: Field
  readonly address?: Field
  readonly issueDate?: Field
  readonly grandTotal?: Field
}

export interface ReceiptOptions {
  readonly dateOrder: DateOrder
  /** YYYY-MM-DD */
  readonly receivedDay?: string
}

export function findReceipt(layout: Layout, options: ReceiptOptions, model: ReceiptWeights = receiptWeights): ReceiptFields {
  const rows = receiptRows(layout)
  const { name, address } = findHead(layout, rows, model.head)
  const issueDate = findReceiptDate(layout, rows, model.date, options.dateOrder, options.receivedDay)
  const grandTotal = findReceiptTotal(layout, rows, model.total)
  return {
    ...(name === undefined ? {} : { name }),
    ...(address === undefined ? {} : { address }),
    ...(issueDate === undefined ? {} : { issueDate }),
    ...(grandTotal === undefined ? {} : { grandTotal }),
  }
}
