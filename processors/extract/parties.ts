import { checkVAT, countries } from 'jsvat'
import type { Field, Party } from '../types.ts'
import { findAmounts } from './amounts.ts'
import { findDates } from './dates.ts'
import { fieldOf } from './field.ts'
import { buyerLabels, numberLabels, totalLabels } from './labels.ts'
import type { Layout, Run } from './layout.ts'
import { overlapX } from './layout.ts'

const legalForm = /(?<!\p{L})(?:GmbH(?: & Co\.? KG)?|AG|KG|OHG|UG|e\.\s?K\.?|e\.\s?V\.|SE|Ltd\.?|Limited|PLC|LLP|LLC|Inc\.?|Corp\.?|S\.?A\.?S?\.?|SARL|B\.?V\.?|N\.?V\.?|S\.?r\.?l\.?|S\.?p\.?A\.?|Pty|Pvt|Sdn\.? ?Bhd\.?|S\/B|Bhd\.?|Pte|A\/S|ApS|AB|Oy|S\.?L\.?)(?!\p{L})/iu
/** Overlapping on purpose: `VAT GB…` and `UID AT U…` begin with letters that are no country. */
const vatPattern = /(?<![A-Z0-9])(?=((?:AT|BE|BG|CHE|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|HR|HU|IE|IT|LT|LU|LV|MT|NL|NO|PL|PT|RO|RS|SE|SI|SK)[ .-]?[0-9A-Z](?:[ .-]?[0-9A-Z]){6,13})(?![A-Z0-9]))/g
const titleWords = /^ (?:(?:tax )?invoice|rechnung|facture|factuur|receipt|quittung|credit note|gutschrift|cash bill|original|copy|duplicate|page .*|seite .*|tel .*|fax .*|www .*|e ?mail .*) $/

export interface Parties {
  readonly seller: Party
  readonly buyer: Party
}

/** Who sends and who gets it: names by legal form, size and place; VAT ids by checksum; what stands under a buyer's label is the buyer's. */
export function findParties(layout: Layout): Parties {
  const buyerRuns = runsUnderBuyerLabel(layout)
  const seller: { name?: Field; vatId?: Field } = {}
  const buyer: { name?: Field; vatId?: Field } = {}
  for (const row of layout.rows) {
    for (const run of row.runs) {
      const vatId = vatIn(run)
      if (vatId !== undefined) {
        const side = buyerRuns.has(run) ? buyer : seller
        side.vatId ??= fieldOf(layout, run, vatId, vatId.replace(/[ .-]/g, ''), 0.95)
      }
    }
  }
  const sellerName = best(layout, (run) => (buyerRuns.has(run) ? 0 : nameScore(layout, run)))
  if (sellerName !== undefined) {
    seller.name = sellerName
  }
  const buyerName = [...buyerRuns].find((run) => looksLikeName(run))
  if (buyerName !== undefined) {
    buyer.name = fieldOf(layout, buyerName, buyerName.text, clean(buyerName.text), 0.7)
  }
  return { seller, buyer }
}

function vatIn(run: Run): string | undefined {
  for (const match of run.text.toUpperCase().matchAll(vatPattern)) {
    const text = match[1]!
    // An account number begins like a VAT id; the checksum tells them apart, and words without enough digits are none.
    if (text.replace(/\D/g, '').length >= 7 && checkVAT(text, countries).isValid) {
      return text
    }
  }
  return undefined
}

/** The runs below a label like "Bill to", as far as its block goes. */
function runsUnderBuyerLabel(layout: Layout): Set<Run> {
  const runs = new Set<Run>()
  for (const row of layout.rows) {
    const label = row.runs.find((run) => (buyerLabels.match(run.plain)?.coverage ?? 0) > 0.6 && run.text.length <= 30)
    if (label === undefined) {
      continue
    }
    let last = label
    for (let at = label.row + 1; at < Math.min(layout.rows.length, label.row + 12); at += 1) {
      const below = layout.rows[at]!
      const run = below.runs.find((other) => overlapX(other.box, label.box) > 0)
      if (below.page !== label.page || (run !== undefined && run.box.y - last.box.y > 3 * last.box.height + last.box.height)) {
        break
      }
      if (run !== undefined) {
        runs.add(run)
        last = run
      }
    }
  }
  return runs
}

function best(layout: Layout, score: (run: Run) => number): Field | undefined {
  let found: { run: Run; score: number } | undefined
  for (const row of layout.rows) {
    for (const run of row.runs) {
      const value = score(run)
      if (value > 0 && (found === undefined || value > found.score)) {
        found = { run, score: value }
      }
    }
  }
  return found === undefined ? undefined : fieldOf(layout, found.run, found.run.text, clean(found.run.text), Math.min(0.9, 0.3 + 0.45 * found.score))
}

function nameScore(layout: Layout, run: Run): number {
  const row = layout.rows[run.row]!
  if (!looksLikeName(run) || run.page !== 1) {
    return 0
  }
  const large = Math.max(0, Math.min(0.3, 0.3 * (run.box.height / Math.max(1, layout.textHeight) - 1)))
  return (legalForm.test(run.text) ? 0.6 : 0) + 0.6 * Math.max(0, 1 - row.position * 3) + large + 0.15 * run.confidence
}

function looksLikeName(run: Run): boolean {
  const letters = run.text.replace(/[^\p{L}]/gu, '').length
  return (
    letters >= 3 &&
    letters / run.text.replace(/\s/g, '').length > 0.6 &&
    run.text.length <= 80 &&
    !titleWords.test(run.plain) &&
    (numberLabels.match(run.plain)?.coverage ?? 0) < 0.6 &&
    (totalLabels.match(run.plain)?.coverage ?? 0) < 0.6 &&
    (buyerLabels.match(run.plain)?.coverage ?? 0) < 0.6 &&
    findDates(run.text, 'day-month').length === 0 &&
    findAmounts(run.text).every((amount) => !amount.monetary)
  )
}

function clean(text: string): string {
  // A registration number behind a name is not part of it: (139386 X), (965752-T).
  return text.replace(/\s+/g, ' ').replace(/ ?\(\d[0-9 A-Z-]{3,16}\)\W*$/, '').replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}.)]+$/gu, '')
}
