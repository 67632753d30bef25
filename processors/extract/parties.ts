import { checkVAT, countries } from 'jsvat'
import { unite } from '../text/runs.ts'
import type { Field, Party } from '../types.ts'
import { addressBlocks } from './address-block.ts'
import { findAmounts } from './amounts.ts'
import { findDates } from './dates.ts'
import { domainNames, saysName } from './domains.ts'
import { fieldOf } from './field.ts'
import { buyerLabels, columnLabels, dateLabels, numberLabels, partyLabels, totalLabels } from './labels.ts'
import type { Layout, Run } from './layout.ts'
import { plainText } from './layout.ts'
import { registeredNames } from './registered.ts'
import type { PartyRole, Section } from './sections.ts'
import { findSections } from './sections.ts'

/** In small letters only what is no word of some language, as se, ab and sa are. */
const legalForm = /(?<!\p{L})(?:[Gg]mb[Hh]|GMBH|mbH|AG|KGaA|KG|OHG|UG|GbR|eG|SE|PLC|LLP|LLC|SASU|SAS|SARL|EURL|SNC|SA|BVBA|BV|NV|VOF|SpA|SPA|Srl|SRL|SLU|SL|AB|ASA|AS$|Oyj|Oy|ApS|Kft|Zrt|Lda|Ltda|UAB|OÜ|[Ll]td|LTD|[Ll]imited|LIMITED|[Ii]nc|INC|[Cc]orp(?:oration)?|CORP(?:ORATION)?|[Ss]arl|[Ss]àrl|[Pp]ty|PTY|[Pp]vt|PVT|[Ss][Dd][Nn]\.? ?[Bb][Hh][Dd]|S\/B|[Bb]hd|BHD|[Pp]te|PTE|[Pp]lc|[Ll]lp|[Ll]lc|A\/S|e\.\s?K|e\.\s?V|a\.\s?G|VVaG|S\.A\.S|S\.A|S\.?[Rr]\.[Ll]|S\.[Pp]\.A|B\.V|N\.V|S\.L|d\.o\.o|s\.r\.o|Sp\. ?z ?o\. ?o)(?!\p{L})\.?/u
/** Overlapping on purpose: `VAT GB…` and `UID AT U…` begin with letters that are no country. */
const vatPattern = /(?<![A-Z0-9])(?=((?:AT|BE|BG|CHE|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|HR|HU|IE|IT|LT|LU|LV|MT|NL|NO|PL|PT|RO|RS|SE|SI|SK)[ .-]?[0-9A-Z](?:[ .-]?[0-9A-Z]){6,13})(?![A-Z0-9]))/g
const titleWords = /^ (?:(?:copy|kopie|copie|copia|kopia|kopi|duplicata?e?|duplikat|original|pro ?forma|tax|vat|sales|retail|commercial|payment|official|final|electronic) )*(?:invoice|rechnung|facture|factuur|factura|fattura|fatura|faktura|receipt|quittung|kvittering|credit note|credit memo|gutschrift|cash bill|statement|order confirmation|delivery note|lieferschein|quotation|original|copy|kopie|copie|copia|duplicate|page .*|seite .*|tel .*|fax .*|www .*|e ?mail .*)(?: (?:no|nr))?(?: \d+)* $/
const salutation = /^ (?:herrn?|frau|firma|mr|mrs|ms|mme|m|monsieur|madame|messrs|attn|an|to|dhr|mevr) $/
/** Names a VAT id in the usual languages. */
const vatLabel = / (?:ust|umsatzsteuer|mwst|vat|tva|btw|iva|uid|moms|mva)[a-z]* | tax (?:id|no|number|reg) | partita iva | nif | cif /
/** Where the forms of e-invoices are printed, the identifier of a registered scheme is a "global" one. */
const glnLabel = / (?:gln|iln|global location (?:number|no)|globale? (?:id|nummer|number)) /
const glnPattern = /(?<![\d.,])\d(?:[ .]?\d){12}(?![\d.,]\d|\d)/
const buyersOwn = / (?:client|customer|kunden?|ihre|votre|your|buyer|acheteur|klant|uw) /
const nameKey = /^ (?:name|firma|company|company name|nom|naam|raison sociale|attn) $/
/** A line with the sender's whole address: the name ends at the first of these. */
const addressBreak = / (?:[-–—•·|●]|,) (?=.*\d)/u

export interface Parties {
  readonly seller: Party
  readonly buyer: Party
}

/**
 * Who sends and who gets it. What stands in a block under a party's heading is that party's; without one, names go by legal form,
 * size and place. VAT ids by checksum, or by their label where the checksum is wrong: that is for validation to say. GLNs by both:
 * thirteen digits of which the last follows from the others are an article's number more often.
 */
export function findParties(layout: Layout): Parties {
  const sections = findSections(layout)
  const sellerName = nameIn(layout, sections, 'seller') ?? bestName(layout, sections)
  const buyerName = nameIn(layout, sections, 'buyer') ?? addressee(layout, sections, sellerName)
  const vatIds = findIds(layout, sections, vatIn)
  const glns = findIds(layout, sections, glnIn)
  return {
    seller: party(sellerName, vatIds.seller, glns.seller),
    buyer: party(buyerName, vatIds.buyer, glns.buyer),
  }
}

function party(name: Field | undefined, vatId: Field | undefined, globalIdentifier: Field | undefined): Party {
  return { ...(name === undefined ? {} : { name }), ...(vatId === undefined ? {} : { vatId }), ...(globalIdentifier === undefined ? {} : { globalIdentifier }) }
}

interface FoundId {
  readonly text: string
  readonly confidence: number
}

interface IdCandidate {
  readonly field: Field
  readonly role: PartyRole | undefined
}

/**
 * Blocks and labels say whose it is; of the rest the first is the seller's, who alone prints his in the page's head or foot.
 * @param idIn what a run holds, by its own words and those of the run before it on its row
 */
function findIds(layout: Layout, sections: readonly Section[], idIn: (run: Run, label: string) => FoundId | undefined): { readonly seller?: Field; readonly buyer?: Field } {
  const roles = new Map(sections.flatMap((section) => section.entries.map((entry) => [entry.run.box, section.role] as const)))
  const found: IdCandidate[] = []
  for (const row of layout.rows) {
    for (const [n, run] of row.runs.entries()) {
      const label = `${row.runs[n - 1]?.plain ?? ''}${run.plain}`
      const id = idIn(run, label)
      if (id !== undefined) {
        const role = buyersOwn.test(label) ? 'buyer' : roles.get(run.box)
        found.push({ role, field: fieldOf(layout, run, id.text, id.text.replace(/[ .-]/g, ''), id.confidence) })
      }
    }
  }
  const buyer = found.find((one) => one.role === 'buyer')?.field
  const own = found.find((one) => one.role === 'seller')?.field ?? found.find((one) => one.role === undefined && one.field.normalised !== buyer?.normalised)?.field
  return { ...(own === undefined ? {} : { seller: own }), ...(buyer === undefined ? {} : { buyer }) }
}

function vatIn(run: Run, label: string): FoundId | undefined {
  let plausible: string | undefined
  for (const match of run.text.toUpperCase().matchAll(vatPattern)) {
    const text = match[1]!
    // An account number begins like a VAT id; the checksum tells them apart, and words without enough digits are none.
    if (text.replace(/\D/g, '').length < 7) {
      continue
    }
    const result = checkVAT(text, countries)
    if (result.isValid) {
      return { text, confidence: 0.95 }
    }
    plausible ??= result.isValidFormat ? text : undefined
  }
  return plausible !== undefined && vatLabel.test(label) ? { text: plausible, confidence: 0.75 } : undefined
}

function glnIn(run: Run, label: string): FoundId | undefined {
  const text = glnLabel.test(label) ? glnPattern.exec(run.text)?.[0] : undefined
  return text !== undefined && hasCheckDigit(text.replace(/\D/g, '')) ? { text, confidence: 0.95 } : undefined
}

/** GS1 General Specifications, 7.9: from the right, digits count three times and once by turns. */
function hasCheckDigit(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, digit, n) => total + Number(digit) * (n % 2 === 0 ? 1 : 3), 0)
  return sum % 10 === 0
}

/** The name in a party's block: where it says so, else the first line that looks like one. */
function nameIn(layout: Layout, sections: readonly Section[], role: PartyRole): Field | undefined {
  for (const section of sections) {
    if (section.role === role) {
      const named = section.entries.find((entry) => entry.key !== undefined && nameKey.test(entry.key))
        ?? section.entries.find((entry) => entry.key === undefined && looksLikeName(entry.run) && !salutation.test(entry.run.plain))
      if (named !== undefined) {
        const run = withLegalForm(named.run, section.entries[section.entries.indexOf(named) + 1])
        return fieldOf(layout, run, run.text, clean(run.text), 0.75)
      }
    }
  }
  return undefined
}

/** A name of two lines ends with its legal form: what has none goes on in the line below that does. */
function withLegalForm(run: Run, next: Section['entries'][number] | undefined): Run {
  const goesOn = next !== undefined && next.key === undefined && next.run.row === run.row + 1 && !legalForm.test(run.text) && endsWithLegalForm(next.run) && looksLikeName(next.run)
  if (!goesOn) {
    return run
  }
  const text = `${run.text} ${next.run.text}`
  return { ...run, text, plain: plainText(text), box: unite([run.box, next.run.box]) }
}

function endsWithLegalForm({ text }: Run): boolean {
  const form = legalForm.exec(text)
  return form !== null && form.index + form[0].length >= text.trimEnd().length && !/\d/.test(text)
}

/** Without a heading the addressee is whose address stands there without telephone and the like, and who is not the seller. */
function addressee(layout: Layout, sections: readonly Section[], seller: Field | undefined): Field | undefined {
  const others = new Set(sections.filter((section) => section.role !== 'buyer').flatMap((section) => section.entries.map((entry) => entry.run.box)))
  for (const block of addressBlocks(layout)) {
    const name = block.lines.find((line) => looksLikeName(line) && !salutation.test(line.plain) && !addressBreak.test(line.text))
    if (name !== undefined && name !== block.lines.at(-1) && !block.contact && !others.has(name.box) && clean(name.text) !== seller?.normalised) {
      return fieldOf(layout, name, name.text, clean(name.text), 0.55)
    }
  }
  return undefined
}

function bestName(layout: Layout, sections: readonly Section[]): Field | undefined {
  const others = new Set(sections.filter((section) => section.role !== 'seller').flatMap((section) => section.entries.map((entry) => entry.run.box)))
  const domains = domainNames(layout, others)
  const registered = registeredNames(layout, legalForm)
  let found: { run: Run; score: number } | undefined
  for (const run of [...layout.rows.flatMap((row) => row.runs), ...registered]) {
    const own = others.has(run.box) ? 0 : nameScore(layout, run, domains)
    const value = own > 0 && registered.includes(run) ? own + inRegister : own
    if (value > 0 && (found === undefined || value > found.score)) {
      found = { run, score: value }
    }
  }
  return found === undefined ? undefined : fieldOf(layout, found.run, found.run.text, clean(found.run.text), Math.min(0.9, 0.3 + 0.45 * found.score))
}

/** Words enough for a sentence, or its end. */
const sentence = /^(?:\S+\s+){7}\S|(?:\S+\s+){3}\S*\p{Ll}\.$/u
/** A name that web and mail addresses agree with is the sender's, be it in the foot of the page. */
const sameAsDomain = 0.5
/** A name beside the register's particulars in the foot of the page: as much as a legal form. */
const inRegister = 0.6

function nameScore(layout: Layout, run: Run, domains: ReadonlySet<string>): number {
  const row = layout.rows[run.row]!
  if (!looksLikeName(run) || run.page !== 1 || headsColumns(row)) {
    return 0
  }
  const legal = legalForm.test(run.text) ? 0.6 : 0
  const known = legal + (saysName(clean(run.text), domains) ? sameAsDomain : 0)
  if ((legal === 0 && sentence.test(run.text.trim())) || (known === 0 && hasPrice(row))) {
    return 0
  }
  const large = Math.max(0, Math.min(0.3, 0.3 * (run.box.height / Math.max(1, layout.textHeight) - 1)))
  return known + 0.6 * Math.max(0, 1 - row.position * 3) + large + 0.15 * run.confidence
}

/** An item's row, or a sum's. */
function hasPrice({ runs }: Layout['rows'][number]): boolean {
  return runs.some(({ text }) => findAmounts(text).some((amount) => amount.monetary))
}

/** What stands among the headings of a table is one, known or not. */
function headsColumns({ runs }: Layout['rows'][number]): boolean {
  return runs.filter((run) => columnLabels.match(run.plain)?.coverage === 1).length >= 2
}

function looksLikeName(run: Run): boolean {
  const letters = run.text.replace(/[^\p{L}]/gu, '').length
  return (
    letters >= 3 &&
    letters / run.text.replace(/\s/g, '').length > 0.6 &&
    run.text.length <= 80 &&
    !titleWords.test(run.plain) &&
    !run.text.startsWith('(') &&
    !/@|www\.|:\/\//i.test(run.text) &&
    (partyLabels.match(run.plain)?.coverage ?? 0) < 0.75 &&
    (numberLabels.match(run.plain)?.coverage ?? 0) < 0.6 &&
    (totalLabels.match(run.plain)?.coverage ?? 0) < 0.6 &&
    (dateLabels.match(run.plain)?.coverage ?? 0) < 0.75 &&
    (columnLabels.match(run.plain)?.coverage ?? 0) < 1 &&
    (buyerLabels.match(run.plain)?.coverage ?? 0) < 0.6 &&
    findDates(run.text, 'day-month').length === 0 &&
    findAmounts(run.text).every((amount) => !amount.monetary)
  )
}

function clean(text: string): string {
  // A registration number behind a name is not part of it: (139386 X), (965752-T).
  return text.split(addressBreak)[0]!.replace(/\s+/g, ' ').replace(/ ?\(\d[0-9 A-Z-]{3,16}\)\W*$/, '').replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}.)]+$/gu, '')
}
