/**
 * Trains the weights of document types: `node evaluation/learn/document-types.ts [--data DIR …] [--cache DIR] [--write]`. Generated documents of every
 * type, and of sets with known answers the type alone (receipts, e-invoices by their type code). Reported is what five folds say of documents
 * that their weights never saw; what is written are numbers for words chosen by hand, none of a document's.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { typeFeatures } from '../../processors/classify/classify.ts'
import type { DocumentText, DocumentType } from '../../processors/index.ts'
import { classify, createDocumentParsers, documentTypes } from '../../processors/index.ts'
import { CachedReading } from '../reading.ts'
import { calibrate } from '../scores.ts'
import { openSets } from '../sets.ts'
import { fitChoice } from './fit.ts'
import { generateDocuments } from './generated-documents.ts'

interface Example {
  readonly set: string
  readonly type: DocumentType
  readonly features: readonly string[]
}

interface Model {
  readonly version: string
  readonly bias: Readonly<Record<string, number>>
  readonly titles: Readonly<Record<string, readonly string[]>>
  readonly weights: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const folds = 5
const perType = 120
const seed = 20261122
const fitting = { penalty: 2, rounds: 300 }

const { values } = parseArgs({ options: { data: { type: 'string', multiple: true }, cache: { type: 'string' }, write: { type: 'boolean' } } })
const file = new URL('../../processors/classify/model.json', import.meta.url)
const model = JSON.parse(readFileSync(file, 'utf8')) as Model

const nameOf = (type: string, feature: string): string => `${type}|${feature}`
const prior = Object.fromEntries([
  ...Object.entries(model.bias).map(([type, weight]) => [nameOf(type, 'bias'), weight] as const),
  ...Object.entries(model.weights).flatMap(([feature, byType]) => Object.entries(byType).map(([type, weight]) => [nameOf(type, feature), weight] as const)),
])

function optionsOf({ features }: Example): { readonly value: string; readonly features: Readonly<Record<string, number>> }[] {
  return documentTypes.map((type) => ({ value: type, features: Object.fromEntries([...features, 'bias'].map((feature) => [nameOf(type, feature), 1])) }))
}

function fit(examples: readonly Example[]): Readonly<Record<string, number>> {
  return fitChoice(examples.map((example) => ({ options: optionsOf(example), right: (value: string) => value === example.type })), { ...fitting, prior })
}

function judge(example: Example, weights: Readonly<Record<string, number>>): { readonly type: string; readonly probability: number } {
  const scores = optionsOf(example).map(({ value, features }) => ({ value, score: Object.keys(features).reduce((sum, name) => sum + (weights[name] ?? 0), 0) }))
  const highest = Math.max(...scores.map(({ score }) => score))
  const sum = scores.reduce((total, { score }) => total + Math.exp(score - highest), 0)
  return { type: scores.find(({ score }) => score === highest)!.value, probability: 1 / sum }
}

/** Texts of sets, with the XML taken out that says what they are. */
async function realExamples(): Promise<Example[]> {
  const parsers = createDocumentParsers({ parsers: 1, recognisers: 2 })
  const reading = new CachedReading(parsers.reader, values.cache)
  const examples: Example[] = []
  try {
    for (const set of (values.data ?? []).flatMap((folder) => openSets(folder))) {
      for (const document of set.documents) {
        const { text } = await reading.read(document.bytes())
        if (text !== undefined) {
          const { eInvoice, ...page } = text
          const type = set.layout === 'transcripts' ? 'receipt' : eInvoice === undefined ? 'invoice' : classify(text).type
          examples.push({ set: set.name, type, features: typeFeatures({ ...page, route: page.route === 'ocr' ? 'ocr' : 'text-layer' } satisfies DocumentText) })
        }
      }
    }
  } finally {
    await parsers.close()
  }
  return examples
}

function report(name: string, judged: readonly { readonly example: Example; readonly type: string; readonly probability: number }[]): void {
  const lines = [...Map.groupBy(judged, ({ example }) => (example.set === 'generated' ? `generated ${example.type}` : example.set))].map(([set, some]) =>
    `  ${set}: ${some.filter(({ example, type }) => type === example.type).length} of ${some.length}`)
  const bins = calibrate(judged.map(({ example, type, probability }, n) => ({ field: 'type', document: String(n), truths: 1, answers: 1, strict: 0, normalised: type === example.type ? 1 : 0, confidence: probability })))
  process.stdout.write(`${name}\n${lines.join('\n')}\n${bins.map((bin) => `  claimed ${bin.from}–${bin.to}: ${bin.n}, right ${bin.right.toFixed(3)}`).join('\n')}\n`)
}

const examples = [...generateDocuments(seed, perType).map(({ type, text }) => ({ set: 'generated', type, features: typeFeatures(text) })), ...(await realExamples())]
report('as it is', examples.map((example) => ({ example, ...judge(example, prior) })))
const foldOf = examples.map((_, n) => n % folds)
const judged = Array.from({ length: folds }, (_, fold) => {
  const weights = fit(examples.filter((_, n) => foldOf[n] !== fold))
  return examples.filter((_, n) => foldOf[n] === fold).map((example) => ({ example, ...judge(example, weights) }))
}).flat()
report('learned, cross-validated', judged)

if (values.write === true) {
  const learned = fit(examples)
  const weightOf = (type: string, feature: string): number => learned[nameOf(type, feature)] ?? 0
  const byType = (feature: string): Record<string, number> => Object.fromEntries(documentTypes.map((type) => [type, weightOf(type, feature)] as const).filter(([, weight]) => Math.abs(weight) >= 0.02))
  const written: Model = {
    version: `words-${Number(model.version.replace('words-', '')) + 1}`,
    bias: Object.fromEntries(documentTypes.map((type) => [type, weightOf(type, 'bias')])),
    titles: model.titles,
    weights: Object.fromEntries(Object.keys(model.weights).map((feature) => [feature, byType(feature)])),
  }
  // A line a feature: what a training changed can be read.
  const rows = Object.entries(written.weights).map(([feature, weights]) => `    ${JSON.stringify(feature)}: ${JSON.stringify(weights)}`)
  writeFileSync(file, `{\n  "version": ${JSON.stringify(written.version)},\n  "bias": ${JSON.stringify(written.bias)},\n  "titles": ${JSON.stringify(written.titles)},\n  "weights": {\n${rows.join(',\n')}\n  }\n}\n`)
  process.stdout.write(`written: ${written.version}\n`)
}
