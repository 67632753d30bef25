/**
 * Trains the weights of the receipts' fields: `node evaluation/learn/receipts.ts --data DIR [--cache DIR] [--write]`.
 * Folds are by seller, so that what is reported is about sellers never seen; what is written is numbers for features, no word.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { dateOptions } from '../../processors/extract/receipt-date.ts'
import { headRows, headSpans, trustFeatures } from '../../processors/extract/receipt-head.ts'
import { cleanAddress, cleanName } from '../../processors/extract/receipt-head-text.ts'
import type { HeadRow, HeadWeights } from '../../processors/extract/receipt-head.ts'
import type { Layout } from '../../processors/extract/layout.ts'
import { layOut } from '../../processors/extract/layout.ts'
import type { ReceiptRow } from '../../processors/extract/receipt-rows.ts'
import { receiptRows } from '../../processors/extract/receipt-rows.ts'
import { totalOptions } from '../../processors/extract/receipt-total.ts'
import type { ReceiptWeights } from '../../processors/extract/receipt.ts'
import { findReceipt } from '../../processors/extract/receipt.ts'
import type { Features } from '../../processors/extract/linear-model.ts'
import { createDocumentParsers } from '../../processors/index.ts'
import { CachedReading } from '../reading.ts'
import { describeScores } from '../report.ts'
import type { Outcome } from '../scores.ts'
import { calibrate, distance, score } from '../scores.ts'
import { openSets } from '../sets.ts'
import type { TruthValue } from '../truth.ts'
import { compare, dayOf, decimalOf, lettersAndDigits } from '../truth.ts'
import { fitBinary, fitChoice } from './fit.ts'

const folds = 5
const order = 'day-month'

interface Example {
  readonly profile: string
  readonly id: string
  readonly seller: string
  readonly fields: ReadonlyMap<string, TruthValue>
  readonly layout: Layout
  readonly rows: readonly ReceiptRow[]
  readonly head: readonly HeadRow[]
  readonly nameRows: readonly boolean[]
  readonly addressRows: readonly boolean[]
  readonly dates: ReturnType<typeof dateOptions>
  readonly totals: ReturnType<typeof totalOptions>
}

const { values } = parseArgs({ options: { data: { type: 'string' }, cache: { type: 'string' }, write: { type: 'boolean' }, profile: { type: 'string', default: 'both' }, folds: { type: 'string', default: 'seller' }, wrong: { type: 'string' } } })
if (values.data === undefined) {
  throw new Error('--data DIR expected: a folder with truth.jsonl')
}
const [set] = openSets(values.data)
const receivedDay = new Date().toISOString().slice(0, 10)

const profiles = values.profile === 'both' ? (['standard', 'thorough'] as const) : [values.profile === 'thorough' ? 'thorough' : 'standard'] as const
const examples: Example[] = []
for (const profile of profiles) {
  const parsers = createDocumentParsers({ recognisers: 2, profile })
  const reading = new CachedReading(parsers.reader, values.cache)
  for (const document of set!.documents) {
    const { text } = await reading.read(document.bytes())
    if (text === undefined || document.truth === undefined) {
      continue
    }
    const fields = document.truth.fields
    const layout = layOut(text)
    const rows = receiptRows(layout)
    const head = headRows(rows, layout.textHeight)
    examples.push({
      profile,
      id: document.id,
      seller: lettersAndDigits(fields.get('company')?.value ?? document.id),
      fields,
      layout,
      rows,
      head,
      nameRows: labelSpan(head, fields.get('company')?.value, 3, cleanName, 0.6),
      addressRows: labelSpan(head, fields.get('address')?.value, 6, cleanAddress, 0.5),
      dates: dateOptions(rows, order, receivedDay),
      totals: totalOptions(rows),
    })
  }
  await parsers.close()
}

/** The rows that together are nearest to the truth, if near enough. */
function labelSpan(head: readonly HeadRow[], truth: string | undefined, longest: number, clean: (rows: readonly string[]) => string, least: number): boolean[] {
  const none = head.map(() => false)
  const wanted = lettersAndDigits(truth ?? '')
  if (wanted === '') {
    return none
  }
  let best = { from: 0, to: -1, likeness: least }
  for (let from = 0; from < head.length; from += 1) {
    for (let to = from; to < Math.min(head.length, from + longest); to += 1) {
      const text = lettersAndDigits(clean(head.slice(from, to + 1).map(({ row }) => row.text)))
      const likeness = 1 - distance(text, wanted) / Math.max(text.length, wanted.length)
      if (likeness > best.likeness) {
        best = { from, to, likeness }
      }
    }
  }
  return none.map((_, n) => n >= best.from && n <= best.to)
}

/** A reading of a document by another engine is no other document. */
const penalties = { head: 4 * profiles.length, trust: 2 * profiles.length, date: 1.5 * profiles.length, total: 1.5 * profiles.length }

function fitHead(some: readonly Example[]): Pick<HeadWeights, 'name' | 'address'> {
  const rowsOf = (pick: (one: Example) => readonly boolean[]) => some.flatMap((one) => one.head.map(({ features }, n) => ({ features, right: pick(one)[n]! })))
  return {
    name: fitBinary(rowsOf((one) => one.nameRows), { penalty: penalties.head, rounds: 300 }),
    address: fitBinary(rowsOf((one) => one.addressRows), { penalty: penalties.head, rounds: 300 }),
  }
}

interface TrustExample {
  readonly name?: { readonly features: Features; readonly right: boolean }
  readonly address?: { readonly features: Features; readonly right: boolean }
}

/** Features of what weights that never saw the document chose, and whether it was right. */
function trustExample(one: Example, head: Pick<HeadWeights, 'name' | 'address'>): TrustExample {
  const spans = headSpans(one.head, head)
  const of = (span: readonly [number, number] | undefined, clean: typeof cleanName, weights: HeadWeights['name'], truth: TruthValue | undefined) => {
    if (span === undefined || truth === undefined) {
      return undefined
    }
    const text = clean(one.head.slice(span[0], span[1] + 1).map(({ row }) => row.text))
    return { features: trustFeatures(one.head, span, weights, text), right: lettersAndDigits(text) === lettersAndDigits(truth.value) }
  }
  const name = of(spans.name, cleanName, head.name, one.fields.get('company'))
  const address = of(spans.address, cleanAddress, head.address, one.fields.get('address'))
  return { ...(name === undefined ? {} : { name }), ...(address === undefined ? {} : { address }) }
}

function fitTrust(some: readonly TrustExample[]): Pick<HeadWeights, 'nameTrust' | 'addressTrust'> {
  const defined = <T>(list: readonly (T | undefined)[]): T[] => list.filter((one) => one !== undefined)
  return {
    nameTrust: fitBinary(defined(some.map(({ name }) => name)), { penalty: penalties.trust, rounds: 300 }),
    addressTrust: fitBinary(defined(some.map(({ address }) => address)), { penalty: penalties.trust, rounds: 300 }),
  }
}

/** What labels and sums mean on any till: the data moves these, and has little to say about layouts it lacks. */
const totalPrior = {
  'total.clean': 1.5, 'total.payable': 3, 'total.rounded': 2.5, 'total.grand': 1.5, 'total.including': 1, 'word.total': 0.5, 'word.due': 0.5, 'word.rounding': -1, 'word.sub': -2, 'word.change': -3, 'word.cash': -0.5,
  'word.tendered': -0.5, 'word.count': -2, 'word.discount': -2, 'word.excluding': -1.5, 'word.tax': -1, 'word.points': -2, 'total.count': -1, 'above.change': -1, 'sum.subtotal': 1, 'sum.items': 0.7, 'sum.taxed': 0.3, 'sum.rounding': 1, difference: 1.5,
  noDifference: -0.5, unrounded: -1, largestUnpaid: 1, repeated: 0.4, tiny: -0.7, 'form.pointless': -2, 'form.letters': -1, 'form.whole': -1.5, 'form.spaced': -0.3, 'form.repaired': -1, bare: -0.5,
}
const datePrior = { labelled: 1.5, labelledAbove: 0.7, other: -2, otherAbove: -0.7, clock: 1, clockBefore: 0.7, first: 0.5, only: 0.7, repeated: 0.5, future: -3, old: -3, distant: -2, ambiguous: -0.3, 'form.lost': -1, 'form.lost2': -2, 'form.loose': -0.5, 'form.loose2': -1.5, 'form.solid': -1.5, confidence: 1, doubtful: -0.5 }

function fitRest(some: readonly Example[]): Pick<ReceiptWeights, 'date' | 'total'> {
  const known = (field: string): Example[] => some.filter((one) => one.fields.has(field))
  return {
    date: fitChoice(known('date').map((one) => ({ options: one.dates, right: (value: string) => value === dayOf(one.fields.get('date')!.value, order) })), { penalty: penalties.date, prior: datePrior, rounds: 300 }),
    total: fitChoice(known('total').map((one) => ({ options: one.totals, right: (value: string) => value === decimalOf(one.fields.get('total')!.value) })), { penalty: penalties.total, prior: totalPrior, rounds: 300 }),
  }
}

/** Documents of one seller are in one fold, or (`--folds document`) anywhere: sellers come again in other sets, too. */
const sellers = [...new Set(examples.map(({ seller }) => seller))].sort()
const sellerFold = new Map(sellers.map((seller, n) => [seller, n % folds]))
const documents = [...new Set(examples.map(({ id }) => id))]
const documentFold = new Map(documents.map((id, n) => [id, n % folds]))
const foldOf = (one: Example): number => (values.folds === 'document' ? documentFold.get(one.id)! : sellerFold.get(one.seller)!)
const foldModels = Array.from({ length: folds }, (_, fold) => {
  const seen = examples.filter((one) => foldOf(one) !== fold)
  return { head: fitHead(seen), rest: fitRest(seen) }
})
const trusts = examples.map((one) => trustExample(one, foldModels[foldOf(one)]!.head))

const outcomes: (Outcome & { readonly profile: string; readonly fold: number })[] = []
for (let fold = 0; fold < folds; fold += 1) {
  const { head, rest } = foldModels[fold]!
  const trust = fitTrust(trusts.filter((_, n) => foldOf(examples[n]!) !== fold))
  const model: ReceiptWeights = { version: 0, head: { ...head, ...trust }, ...rest }
  for (const one of examples.filter((one) => foldOf(one) === fold)) {
    const found = findReceipt(one.layout, { dateOrder: order, receivedDay }, model)
    const answers = { company: found.name, date: found.issueDate, address: found.address, total: found.grandTotal }
    for (const [field, truth] of one.fields) {
      const answer = answers[field as keyof typeof answers]
      const verdict = answer === undefined ? { strict: false, normalised: false } : compare(truth, answer, order)
      outcomes.push({
        profile: one.profile,
        fold,
        field,
        document: one.id,
        truths: 1,
        answers: answer === undefined ? 0 : 1,
        strict: verdict.strict ? 1 : 0,
        normalised: verdict.normalised ? 1 : 0,
        ...(answer === undefined ? {} : { confidence: answer.confidence }),
      })
      if ((values.wrong === field || values.wrong === "all") && !(verdict.normalised)) {
        process.stdout.write(`${field} ${one.profile} ${one.id} ${answer?.confidence ?? ''}\n  truth  ${truth.value}\n  answer ${answer?.value ?? '–'}\n`)
      }
      if ((values.wrong === `${field}-strict` || values.wrong === "all") && verdict.normalised && !verdict.strict) {
        process.stdout.write(`${field} ${one.profile} ${one.id} ${answer?.confidence ?? ''}\n  truth  ${truth.value}\n  answer ${answer?.value ?? '–'}\n`)
      }
    }
  }
}
for (const profile of profiles) {
  const own = examples.filter((one) => one.profile === profile)
  const optionsWith = (field: 'date' | 'total'): number => own.filter((one) => one.fields.has(field) && (field === 'date'
    ? one.dates.some(({ value }) => value === dayOf(one.fields.get('date')!.value, order))
    : one.totals.some(({ value }) => value === decimalOf(one.fields.get('total')!.value)))).length
  process.stdout.write(`${profile}: ${own.length} documents, ${sellers.length} sellers, ${folds} folds by ${values.folds}; the right date is among the options of ${optionsWith('date')}, the right total of ${optionsWith('total')}\n`)
  const some = outcomes.filter((one) => one.profile === profile)
  const byField = Map.groupBy(some, ({ field }) => field)
  process.stdout.write(`${describeScores([...[...byField].map(([field, group]) => score(field, group)), score('all', some)], calibrate(some)).join('\n')}\n`)
  // A gain that one fold alone has is that fold's seller.
  const byFold = [...Map.groupBy(some, ({ fold }) => fold)].sort(([a], [b]) => a - b).map(([, group]) => score('all', group))
  process.stdout.write(`by fold: strict ${byFold.map(({ strictF1 }) => strictF1.toFixed(3)).join(' ')}, normalised ${byFold.map(({ normalisedF1 }) => normalisedF1.toFixed(3)).join(' ')}\n`)
  for (const [field, group] of byField) {
    const sure = group.filter((one) => (one.confidence ?? 0) >= 0.95)
    process.stdout.write(`${field}: ${sure.length} claimed .95 or more, ${sure.filter((one) => one.normalised === 1).length} right\n`)
  }
}

if (values.write) {
  const file = new URL('../../processors/extract/receipt-weights.json', import.meta.url)
  const learned = { head: { ...fitHead(examples), ...fitTrust(trusts) }, ...fitRest(examples) }
  const { version, ...before } = JSON.parse(readFileSync(file, 'utf8')) as ReceiptWeights
  // Records carry the version and caches key on it: other weights are another version.
  const model: ReceiptWeights = { version: JSON.stringify(before) === JSON.stringify(learned) ? version : version + 1, ...learned }
  writeFileSync(file, `${JSON.stringify(model, null, 1)}\n`)
  process.stdout.write(`written: processors/extract/receipt-weights.json, version ${model.version}\n`)
}
