import { Decimal } from 'decimal.js'
import type { Field } from '../types.ts'
import type { FoundAmount } from './amounts.ts'
import type { Candidate } from './candidates.ts'
import { labelOf } from './candidates.ts'
import { toField } from './field.ts'
import { totalLabels } from './labels.ts'
import type { Layout } from './layout.ts'
import type { Sum, SumTable } from './sum-table.ts'

export interface Totals {
  readonly taxBasisTotal?: Field
  readonly taxTotal?: Field
  readonly grandTotal?: Field
  readonly payableAmount?: Field
}

interface Scored {
  readonly candidate: Candidate<FoundAmount>
  readonly value: Decimal
  readonly net: number
  readonly tax: number
  readonly gross: number
  readonly payable: number
}

/** Of each kind only the best are tried against each other: 12³ combinations at most. */
const maxPerKind = 12
const tolerance = new Decimal('0.02')
/** Highest share of tax in a net amount that counts as plausible. */
const maxTaxShare = new Decimal('0.30')
/** What sums that agree are worth: less than a clear label, more than any difference between two clear labels. */
const agreement = 0.8

/**
 * Net, tax and gross: each amount is scored for each role by label, place and size; then the three that together score best are
 * taken, where agreeing arithmetic counts. It never overrules clear labels: a wrong sum on paper has to stay wrong, so that
 * validation sees it.
 */
export function findTotals(layout: Layout, candidates: readonly Candidate<FoundAmount>[], table: SumTable = { taxes: [] }): Totals {
  const scored = [...score(candidates), ...fromTable(table)]
  const best = (role: 'net' | 'tax' | 'gross'): Scored[] =>
    scored.filter((one) => one[role] > 0).sort((a, b) => b[role] - a[role] || b.candidate.position - a.candidate.position).slice(0, maxPerKind)
  const nets = best('net')
  const byRate = sumOfRates(layout, candidates)
  const taxes = byRate === undefined ? best('tax') : [...best('tax'), byRate]
  const grosses = best('gross')
  let chosen: { net?: Scored | undefined; tax?: Scored | undefined; gross?: Scored | undefined; total: number; agrees: boolean } = { total: -1, agrees: false }
  for (const gross of grosses) {
    for (const net of [undefined, ...nets]) {
      for (const tax of [undefined, ...taxes]) {
        if (net?.candidate === gross.candidate || tax?.candidate === gross.candidate || (net !== undefined && net.candidate === tax?.candidate)) {
          continue
        }
        const agrees = net !== undefined && tax !== undefined && agree(net.value, tax.value, gross.value)
        const total = gross.gross + (net?.net ?? 0) + (tax?.tax ?? 0) + (agrees ? agreement : 0)
        if (total > chosen.total + 1e-9) {
          chosen = { net, tax, gross, total, agrees }
        }
      }
    }
  }
  const field = (one: Scored | undefined, own: number): Field | undefined =>
    one === undefined ? undefined : toField(layout, one.candidate, one.candidate.found.value, confidence(own, chosen.agrees))
  const net = field(chosen.net, chosen.net?.net ?? 0)
  const tax = field(chosen.tax, chosen.tax?.tax ?? 0)
  const gross = field(chosen.gross, chosen.gross?.gross ?? 0)
  const due = scored.filter((one) => one.payable > 0).sort((a, b) => b.payable - a.payable)[0]
  const payable = field(due, due?.payable ?? 0)
  return {
    ...(net === undefined ? {} : { taxBasisTotal: net }),
    ...(tax === undefined ? {} : { taxTotal: tax }),
    ...(gross === undefined ? {} : { grandTotal: gross }),
    ...(payable === undefined ? {} : { payableAmount: payable }),
  }
}

function score(candidates: readonly Candidate<FoundAmount>[]): Scored[] {
  const monetary = candidates.filter(({ found }) => found.monetary)
  const values = monetary.map(({ found }) => new Decimal(found.value))
  const largest = values.reduce((max, value) => Decimal.max(max, value.abs()), new Decimal(0))
  // How often the same amount stands there: a gross total is often repeated (paid, by card).
  const counts = new Map<string, number>()
  for (const { found } of monetary) {
    counts.set(found.value, (counts.get(found.value) ?? 0) + 1)
  }
  return monetary.map((candidate, n) => {
    const value = values[n]!
    const label = labelOf(candidate, totalLabels)
    const place = 0.1 * candidate.position
    const size = largest.isZero() ? 0 : value.abs().div(largest).toNumber()
    const named = (kind: string): number => (label?.class === kind ? label.strength : 0)
    const foreign = label !== undefined && label.class !== 'grandTotal' && label.class !== 'payableAmount' ? 0.5 : 0
    const repeated = (counts.get(candidate.found.value) ?? 1) > 1 ? 0.08 : 0
    return {
      candidate,
      value,
      net: named('taxBasisTotal') > 0 ? named('taxBasisTotal') + place : 0,
      tax: named('taxTotal') > 0 ? named('taxTotal') + place : 0,
      payable: named('payableAmount') > 0 ? named('payableAmount') + place : 0,
      // An amount due is the gross total unless something was paid before; another label then says so. Without any label the
      // largest amount low on the page is a fair guess, with a low score.
      gross: Math.max(0, Math.max(named('grandTotal'), 0.85 * named('payableAmount')) + place + 0.15 * size + repeated - foreign),
    }
  })
}

/** What a row under titles is worth: as much as a label beside it. */
const tableScore = 0.9

function fromTable({ totals }: SumTable): Scored[] {
  if (totals === undefined) {
    return []
  }
  const scored = (sum: Sum, role: 'net' | 'tax' | 'gross'): Scored => ({
    candidate: { found: sum.found, run: sum.run, position: 0, contexts: [] }, value: sum.value, net: 0, tax: 0, gross: 0, payable: 0, [role]: tableScore,
  })
  return [scored(totals.net, 'net'), scored(totals.tax, 'tax'), scored(totals.gross, 'gross')]
}

const taxWord = / (?:u?st|umsatzsteuer|mwst|mehrwertsteuer|vat|tva|btw|iva|[cis]gst|utgst|gst|[hpq]st|tax|moms|mva) /
const rateInRow = /(?<!\d)\d{1,2}(?:[.,]\d{1,2})?\s?%/
/** Rates that an invoice has at most; more rows with a percentage are no taxes. */
const maxRates = 6

/** Where taxes are listed by rate and no total of them is printed, their sum is one more candidate. */
function sumOfRates(layout: Layout, candidates: readonly Candidate<FoundAmount>[]): Scored | undefined {
  const last = new Map<number, Candidate<FoundAmount>>()
  for (const candidate of candidates) {
    const row = layout.rows[candidate.run.row]!
    if (candidate.found.monetary && taxWord.test(row.plain) && row.runs.some((run) => rateInRow.test(run.text)) && row.runs.at(-1) === candidate.run) {
      last.set(candidate.run.row, candidate)
    }
  }
  const rows = [...last.values()]
  if (rows.length < 2 || rows.length > maxRates) {
    return undefined
  }
  const value = rows.reduce((sum, candidate) => sum.plus(candidate.found.value), new Decimal(0))
  const first = rows[0]!
  const candidate = { ...first, found: { ...first.found, text: rows.map((row) => row.found.text).join(' + '), value: value.toFixed(2) } }
  return { candidate, value, net: 0, tax: 0.5, gross: 0, payable: 0 }
}

function agree(net: Decimal, tax: Decimal, gross: Decimal): boolean {
  return net.plus(tax).minus(gross).abs().lte(tolerance) && !gross.isZero() && tax.abs().lte(net.abs().times(maxTaxShare))
}

function confidence(score: number, agrees: boolean): number {
  return Math.min(0.99, (agrees ? 0.45 : 0.1) + 0.5 * Math.min(1.1, score))
}
