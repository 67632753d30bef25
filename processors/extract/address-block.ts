import type { Layout, Run } from './layout.ts'

/** Lines of an address, the last one of them with postcode and city. */
export interface AddressBlock {
  readonly lines: readonly Run[]
  /** A telephone, a mail or tax address stands in it or just below: a sender's own. */
  readonly contact: boolean
}

/**
 * `12345 Stadt`, `D-12345 Stadt`, `75008 Paris Cedex 08`, `123 45 Stad`, `00-950 Miasto`, `20121 Città (MI)`; `London SW1A 1AA`; `Springfield, IL 62704`; `Toronto, ON M5V 2T6`;
 * `Sydney NSW 2000`
 */
const cities: readonly RegExp[] = [
  /^(?:[A-Z]{1,3}[- ])?(?:\d{4,6}|\d{3} \d{2}|\d{2}-\d{3}|\d{4}-\d{3})\s\p{Lu}[\p{L}\p{M}.,'’() -]{1,40}(?:(?<=[Cc]edex|CEDEX) \d{1,2})?$/u,
  /^\p{Lu}[\p{L}.' -]{1,30},?\s(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]{2}\s[A-Z]\d[A-Z]\s?\d[A-Z]\d|(?:NSW|VIC|QLD|SA|WA|TAS|NT|ACT)\s\d{4})$/u,
  /^\p{Lu}[\p{L}.' -]{1,30},\s?[A-Z]{2}\s\d{5}(?:-\d{4})?$/u,
]
/** The edge of a word is no letter of any alphabet: there is no telephone in a hôtel. */
const contact = /@|www\.|https?:|phone|telefon|(?<!\p{L})(?:tel|fax|fon|ust|vat|tva|iban|hr[ab])(?!\p{L})/iu
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
      if (cities.some((city) => city.test(run.text))) {
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

/** In heights of the text: a wider gap ends a block, unless its lines stand about as wide apart, none of them half as wide. */
const usualGap = 2.4
const widestGap = 4.2
const samePitch = 1.2

/** Runs above or below that begin at the same edge, line by line without a wide gap. */
function column(layout: Layout, from: Run, step: 1 | -1): Run[] {
  const found: Run[] = []
  let last = from
  let pitch = 0
  for (let at = from.row + step; at >= 0 && at < layout.rows.length && found.length < maxLines; at += step) {
    const row = layout.rows[at]!
    const gap = Math.abs(row.runs[0]!.box.y - last.box.y)
    if (row.page !== from.page || gap > (pitch === 0 ? widestGap * last.box.height : Math.max(usualGap * last.box.height, samePitch * pitch))) {
      break
    }
    const next = row.runs.find((run) => Math.abs(run.box.x - from.box.x) <= 0.5 * from.box.height)
    if (next !== undefined) {
      const own = Math.abs(next.box.y - last.box.y)
      if (pitch > usualGap * last.box.height && 2 * own < pitch) {
        break
      }
      pitch ||= own
      found.push(next)
      last = next
    }
  }
  return found
}
