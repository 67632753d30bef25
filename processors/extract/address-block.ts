import type { Layout, Run } from './layout.ts'

/** Lines of an address, the last one of them with postcode and city. */
export interface AddressBlock {
  readonly lines: readonly Run[]
  /** A telephone, a mail or tax address stands in it or just below: a sender's own. */
  readonly contact: boolean
}

/** `12345 Stadt`, `D-12345 Stadt`, `London SW1A 1AA`, `Springfield, IL 62704` */
const city = /^(?:[A-Z]{1,2}[- ])?\d{4,6}\s\p{Lu}[\p{L}\p{M}.' -]{1,40}$|^\p{Lu}[\p{L}.' -]{1,30},?\s[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}$|^\p{Lu}[\p{L}.' -]{1,30},\s?[A-Z]{2}\s\d{5}(?:-\d{4})?$/u
const contact = /@|\bwww\.|https?:|\btel\b|\bfax\b|\bfon\b|phone|telefon|\bust|\bvat\b|\btva\b|\biban\b|\bhr[ab]\b/i
/** Addresses stand in the upper part of the first page. */
const lowest = 0.5
const maxLines = 6

/** Every address on the upper half of the first page, top to bottom. */
export function addressBlocks(layout: Layout): AddressBlock[] {
  const blocks: AddressBlock[] = []
  for (const row of layout.rows) {
    if (row.page !== 1 || row.position > lowest) {
      break
    }
    for (const run of row.runs) {
      if (city.test(run.text)) {
        const above = column(layout, run, -1)
        const below = column(layout, run, 1).slice(0, 4)
        if (above.length >= 2) {
          blocks.push({ lines: [...above.reverse(), run], contact: [...above, ...below].some((line) => contact.test(line.text)) })
        }
      }
    }
  }
  return blocks
}

/** Runs above or below that begin at the same edge, line by line without a wide gap. */
function column(layout: Layout, from: Run, step: 1 | -1): Run[] {
  const found: Run[] = []
  let last = from
  for (let at = from.row + step; at >= 0 && at < layout.rows.length && found.length < maxLines; at += step) {
    const row = layout.rows[at]!
    const gap = Math.abs(row.runs[0]!.box.y - last.box.y)
    if (row.page !== from.page || gap > 2.4 * last.box.height) {
      break
    }
    const next = row.runs.find((run) => Math.abs(run.box.x - from.box.x) <= 0.5 * from.box.height)
    if (next !== undefined) {
      found.push(next)
      last = next
    }
  }
  return found
}
