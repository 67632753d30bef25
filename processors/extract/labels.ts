import labels from './labels.json' with { type: 'json' }
import { plainText } from './layout.ts'

export type LabelClass = Exclude<keyof typeof labels, 'version' | 'columns'>
export type ColumnClass = keyof typeof labels.columns

export const labelsVersion: number = labels.version

interface Phrase<Class> {
  readonly plain: string
  readonly class: Class
}

function phrases<Class extends string>(entries: readonly (readonly [Class, readonly string[]])[]): readonly Phrase<Class>[] {
  return entries
    .flatMap(([name, texts]) => texts.map((text) => ({ plain: plainText(text), class: name })))
    .sort((a, b) => b.plain.length - a.plain.length)
}

export interface LabelMatch<Class> {
  readonly class: Class
  /** Share of the text that the phrase covers: `Total` in `Total` is more than in a sentence. */
  readonly coverage: number
  readonly length: number
}

/** The longest phrase of these classes in a plain text: `total excl` says more than `total`. */
export class LabelSet<Class extends string> {
  readonly #phrases: readonly Phrase<Class>[]

  constructor(entries: readonly (readonly [Class, readonly string[]])[]) {
    this.#phrases = phrases(entries)
  }

  match(plain: string): LabelMatch<Class> | undefined {
    const found = this.#phrases.find((phrase) => plain.includes(phrase.plain))
    if (found === undefined) {
      return undefined
    }
    const letters = plain.replace(/[\d%#]+/g, '').trim().length
    return { class: found.class, coverage: Math.min(1, (found.plain.length - 2) / Math.max(1, letters)), length: found.plain.length - 2 }
  }
}

export const totalLabels = new LabelSet<'grandTotal' | 'taxBasisTotal' | 'taxTotal' | 'notTotal'>([
  ['grandTotal', labels.grandTotal], ['taxBasisTotal', labels.taxBasisTotal], ['taxTotal', labels.taxTotal], ['notTotal', labels.notTotal],
])
export const dateLabels = new LabelSet<'issueDate' | 'dueDate' | 'deliveryDate'>([
  ['issueDate', labels.issueDate], ['dueDate', labels.dueDate], ['deliveryDate', labels.deliveryDate],
])
export const numberLabels = new LabelSet<'invoiceNumber' | 'purchaseOrder' | 'otherNumber'>([
  ['purchaseOrder', labels.purchaseOrder], ['invoiceNumber', labels.invoiceNumber], ['otherNumber', labels.otherNumber],
])
export const buyerLabels = new LabelSet<'buyer'>([['buyer', labels.buyer]])
export const columnLabels = new LabelSet<ColumnClass>(Object.entries(labels.columns) as [ColumnClass, string[]][])
