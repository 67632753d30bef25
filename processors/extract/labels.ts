import labels from './labels.json' with { type: 'json' }
import { plainText } from './layout.ts'

export type ColumnClass = keyof typeof labels.columns
export type SumClass = keyof typeof labels.sumColumns

export const labelsVersion: number = labels.version

/** Words beside a label that name nothing else: a label among them is still most of its text. */
const fillers = /(?<= )(?:of|the|in|and|of|sales|amount|betrag|summe|rm|eur|euro|gbp|usd|chf|myr|gst|vat|tax|mwst|ust|ttc|ht|incl?|inclusive|including|inkl|excl?|excluding|exclusive|exkl|zzgl|s|nr|no|vom) /g

interface Phrase<Class> {
  readonly plain: string
  readonly class: Class
  /** The longest first; of two as long the one that was listed first. */
  readonly rank: number
}

function phrases<Class extends string>(entries: readonly (readonly [Class, readonly string[]])[]): readonly Phrase<Class>[] {
  return entries
    .flatMap(([name, texts]) => texts.map((text) => ({ plain: plainText(text), class: name })))
    .sort((a, b) => b.plain.length - a.plain.length)
    .map((phrase, rank) => ({ ...phrase, rank }))
}

export interface LabelMatch<Class> {
  readonly class: Class
  /** Share of the text that the phrase covers: `Total` in `Total` is more than in a sentence. */
  readonly coverage: number
  readonly length: number
}

/** Letters set apart are recognised in texts as short as a label, for labels that are no short words. */
const maxApart = 60
const minApart = 7

/** The longest phrase of these classes in a plain text: `total excl` says more than `total`. */
export class LabelSet<Class extends string> {
  /** By their first word, the longest first: most texts begin none. */
  readonly #byFirstWord: ReadonlyMap<string, readonly Phrase<Class>[]>
  /** By their letters alone: fonts with wide kerning come out as `Br uttosumme`, headings are set as `T O T A L`. */
  readonly #letters: ReadonlyMap<string, Phrase<Class>>

  constructor(entries: readonly (readonly [Class, readonly string[]])[]) {
    const all = phrases(entries)
    this.#byFirstWord = Map.groupBy(all, ({ plain }) => plain.split(' ')[1]!)
    this.#letters = new Map([...all].reverse().map((phrase) => [phrase.plain.replaceAll(' ', ''), phrase]))
  }

  match(plain: string): LabelMatch<Class> | undefined {
    const found = this.#longestIn(plain)
    // Of "Ver käufer" the second part alone is another label.
    const apart = plain.length <= maxApart ? this.#letters.get(plain.replace(/[\d ]+/g, '')) : undefined
    if (apart !== undefined && apart.plain.length >= minApart && apart.plain.length > (found?.plain.length ?? 0)) {
      return { class: apart.class, coverage: 1, length: apart.plain.length - 2 }
    }
    if (found === undefined) {
      return undefined
    }
    const rest = plain.replace(found.plain, ' ').replace(fillers, '').replace(/[\d%#\s]+/g, '').length
    const length = found.plain.length - 2
    return { class: found.class, coverage: length / (length + rest), length }
  }

  #longestIn(plain: string): Phrase<Class> | undefined {
    let longest: Phrase<Class> | undefined
    for (const word of plain.split(' ')) {
      const found = this.#byFirstWord.get(word)?.find((phrase) => plain.includes(phrase.plain))
      if (found !== undefined && (longest === undefined || found.rank < longest.rank)) {
        longest = found
      }
    }
    return longest
  }
}

export type TotalClass = 'grandTotal' | 'payableAmount' | 'taxBasisTotal' | 'taxTotal' | 'notTotal'

const without = / (?:excl|excluding|exclusive|exkl|ohne|before|without|hors|netto|zzgl) /
const included = / (?:incl|including|inclusive|inkl|ttc|brutto) /

/** A total says with its qualifier which one it is, wherever the qualifier stands: "Total sales (inclusive of GST)". */
class TotalLabels extends LabelSet<TotalClass> {
  override match(plain: string): LabelMatch<TotalClass> | undefined {
    const found = super.match(plain)
    if (found?.class === 'grandTotal' && without.test(plain)) {
      return { ...found, class: 'taxBasisTotal' }
    }
    if (found?.class === 'taxTotal' && included.test(plain) && plain.includes(' total ')) {
      return { ...found, class: 'grandTotal' }
    }
    return found
  }
}

export const totalLabels = new TotalLabels([
  ['grandTotal', labels.grandTotal], ['payableAmount', labels.payableAmount], ['taxBasisTotal', labels.taxBasisTotal], ['taxTotal', labels.taxTotal], ['notTotal', labels.notTotal],
])
export const dateLabels = new LabelSet<'issueDate' | 'dueDate' | 'deliveryDate'>([
  ['issueDate', labels.issueDate], ['dueDate', labels.dueDate], ['deliveryDate', labels.deliveryDate],
])
export const numberLabels = new LabelSet<'invoiceNumber' | 'purchaseOrder' | 'otherNumber'>([
  ['purchaseOrder', labels.purchaseOrder], ['invoiceNumber', labels.invoiceNumber], ['otherNumber', labels.otherNumber],
])
/** Numbers that stand for a document that has none of its own. */
export const referenceLabels = new LabelSet<'reference'>([['reference', labels.reference]])
export const endLabels = new LabelSet<'endOfItems'>([['endOfItems', labels.endOfItems]])
export const partyLabels = new LabelSet<'seller' | 'buyer' | 'otherParty'>([
  ['otherParty', labels.otherParty], ['seller', labels.seller], ['buyer', labels.buyer],
])
export const buyerLabels = new LabelSet<'buyer'>([['buyer', labels.buyer]])
export const columnLabels = new LabelSet<ColumnClass>(Object.entries(labels.columns) as [ColumnClass, string[]][])
export const sumColumnLabels = new LabelSet<SumClass>(Object.entries(labels.sumColumns) as [SumClass, string[]][])
