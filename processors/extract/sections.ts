import { partyLabels } from './labels.ts'
import type { Layout, Run } from './layout.ts'
import { overlapX, plainText } from './layout.ts'

export type PartyRole = 'seller' | 'buyer' | 'other'

/** What stands in a party's block: a line of its own, or a value with the word that names it. */
export interface SectionEntry {
  readonly run: Run
  readonly key?: string
}

/** A block under a heading like "Bill to" or "Verkäufer". */
export interface Section {
  readonly role: PartyRole
  readonly label: Run
  readonly entries: readonly SectionEntry[]
}

const maxLabel = 40
const maxSectionRows = 16
/** Widths of a block whose heading is short, in points or pixels of a usual page: half of it. */
const minWidth = 0.3

/** Every block of a party on the pages, in reading order. */
export function findSections(layout: Layout): Section[] {
  const labels = new Map<Run, PartyRole>()
  for (const row of layout.rows) {
    for (const run of row.runs) {
      const role = roleOf(run)
      if (role !== undefined) {
        labels.set(run, role)
      }
    }
  }
  return [...labels].map(([label, role]) => ({ role, label, entries: entriesUnder(layout, label, labels) }))
}

function roleOf(run: Run): PartyRole | undefined {
  const inline = /^([^:]{3,30}):\s*\p{L}/u.exec(run.text)?.[1]
  const title = inline ?? run.text
  if (title.length > maxLabel || /\d/.test(title)) {
    return undefined
  }
  const match = partyLabels.match(plainText(title))
  return match === undefined || match.coverage < 0.75 ? undefined : match.class === 'otherParty' ? 'other' : match.class
}

function entriesUnder(layout: Layout, label: Run, labels: ReadonlyMap<Run, PartyRole>): SectionEntry[] {
  const entries: SectionEntry[] = []
  const after = /^[^:]{3,30}:\s*(\p{L}.*)$/u.exec(label.text)?.[1]
  if (after !== undefined) {
    entries.push({ run: { ...label, text: after, plain: plainText(after) } })
  }
  const next = layout.rows[label.row]!.runs.find((run) => run.box.x > label.box.x && labels.has(run))
  const pageWidth = Math.max(...layout.rows[label.row]!.runs.map((run) => run.box.x + run.box.width), label.box.x + 200)
  const right = Math.min(next === undefined ? Number.POSITIVE_INFINITY : next.box.x - 1, Math.max(label.box.x + label.box.width, label.box.x + minWidth * pageWidth))
  const area = { ...label.box, x: label.box.x - 6, width: right - label.box.x + 6 }
  let last = label
  for (let at = label.row + 1; at < Math.min(layout.rows.length, label.row + maxSectionRows); at += 1) {
    const row = layout.rows[at]!
    const n = row.runs.findIndex((run) => overlapX(run.box, area) > 0 && run.box.x < right)
    const run = row.runs[n]
    if (row.page !== label.page || (run !== undefined && (run.box.y - last.box.y > 3.5 * Math.max(last.box.height, run.box.height) || labels.has(run)))) {
      break
    }
    if (run === undefined) {
      continue
    }
    last = run
    const beside = row.runs[n + 1]
    const own = /^([^:]{2,25}?)\s*:\s*(\S.*)$/.exec(run.text)
    if (own !== null) {
      entries.push({ key: plainText(own[1]!), run: { ...run, text: own[2]!, plain: plainText(own[2]!) } })
    } else if (beside !== undefined && (/:\s*$/.test(run.text) || beside.text.startsWith(':'))) {
      const text = beside.text.replace(/^:\s*/, '')
      entries.push({ key: run.plain, run: { ...beside, text, plain: plainText(text) } })
    } else {
      entries.push({ run })
    }
  }
  return entries
}
