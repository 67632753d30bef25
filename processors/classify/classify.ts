import { mapEInvoice } from '../extract/index.ts'
import { layOut, plainText } from '../extract/layout.ts'
import { isNarrow } from '../extract/receipt-rows.ts'
import { rowsOf } from '../text/index.ts'
import type { Classification, DocumentText, DocumentType } from '../types.ts'
import { documentTypes } from '../types.ts'
import model from './model.json' with { type: 'json' }

/** UNTDID 1001: what reduces a claim. All other codes of e-invoices are invoices. */
const creditNoteCodes = new Set(['81', '83', '261', '262', '296', '308', '381', '396', '420', '458', '532'])
/** Words further down say less and cost the same. */
const maxCharacters = 20_000
/** A title stands in the first rows and is most of its row. */
const titleRows = 14
/** Below, what a mail's words say is too little to call it anything but what every mail is. */
const minProbabilityOfMail = 0.6

export interface ClassifyOptions {
  /** A tenant that sends nothing else: the type is given. */
  readonly pinned?: DocumentType
  /**
   * It came as a mail. With documents attached (`cover`) it is the letter to them, whatever its words say of them: else its invoice would be
   * there twice. Without (`letter`), it is a letter unless its words say more.
   */
  readonly mail?: 'cover' | 'letter'
}

type Weights = Readonly<Record<string, Readonly<Record<string, number>>>>

/** By feature, what it says for and against each type. */
const weights: Weights = model.weights
const words = Object.keys(weights).filter((name) => name.startsWith('word:')).map((name) => ({ name, word: plainText(name.slice('word:'.length)) }))
const titleWords = documentTypes.map((type) => ({ name: `title:${type}`, words: model.titles[type].map(plainText) }))

/**
 * What kind of document is it? An e-invoice says so by its type code. Else a linear score over words, titles and the width of the paper,
 * turned into probabilities by a softmax (a multinomial logit). The weights are learned, data with a version. Pure and synchronous.
 */
export function classify(text: DocumentText, options: ClassifyOptions = {}): Classification {
  if (options.mail === 'cover') {
    return { type: 'letter', probability: 1, method: 'mail', modelVersion: model.version }
  }
  if (options.pinned !== undefined) {
    return { type: options.pinned, probability: 1, method: 'pinned', modelVersion: model.version }
  }
  if (text.eInvoice !== undefined) {
    const mapped = mapEInvoice(text.eInvoice)
    if (mapped.ok) {
      return { type: creditNoteCodes.has(mapped.value.fields.typeCode?.normalised ?? '') ? 'credit-note' : 'invoice', probability: 1, method: 'e-invoice-xml', modelVersion: model.version }
    }
  }
  const features = typeFeatures(text)
  const scores = documentTypes.map((type) => ({ type, score: features.reduce((sum, name) => sum + (weights[name]?.[type] ?? 0), model.bias[type]) }))
  const exponents = scores.map(({ score }) => Math.exp(score))
  const sum = exponents.reduce((total, value) => total + value, 0)
  let best = 0
  for (const [n, value] of exponents.entries()) {
    best = value > exponents[best]! ? n : best
  }
  const probability = Math.round((exponents[best]! / sum) * 1000) / 1000
  return options.mail === 'letter' && (probability < minProbabilityOfMail || scores[best]!.type === 'other')
    ? { type: 'letter', probability: 1, method: 'mail', modelVersion: model.version }
    : { type: scores[best]!.type, probability, method: 'words', modelVersion: model.version }
}

/** What of the model's features a document has. */
export function typeFeatures(text: DocumentText): string[] {
  const { body, titles } = wordsOf(text)
  return [
    ...words.filter(({ word }) => body.includes(word)).map(({ name }) => name),
    ...titleWords.filter((one) => titles.some((title) => one.words.some((word) => title.includes(word) && word.length >= 0.5 * title.length))).map(({ name }) => name),
    ...(isNarrow(layOut(text)) ? ['narrow'] : []),
  ]
}

function wordsOf(text: DocumentText): { body: string; titles: readonly string[] } {
  const titles: string[] = []
  let body = ' '
  for (const page of text.pages) {
    for (const [n, row] of rowsOf(page.lines).entries()) {
      const plain = plainText(row.map((line) => line.text).join(' '))
      if (page.number === 1 && n < titleRows) {
        titles.push(...row.map((line) => plainText(line.text)))
      }
      body += plain.slice(1)
      if (body.length > maxCharacters) {
        return { body, titles }
      }
    }
  }
  return { body, titles }
}
