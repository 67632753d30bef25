/**
 * What correcting receipts is worth for those that come later. `node evaluation/learn/corrections.ts --data DIR [--cache DIR] [--profile standard|thorough]`
 *
 * Receipts come one after the other. Each is read with what was learned before; then its truth plays the person, who corrects what is wrong. Scored are
 * receipts of sellers that came before: as the product reads them without memory, and with it.
 */
import { parseArgs } from 'node:util'
import { createDocumentParsers, type DocumentFields, type DocumentText, extract } from '../../processors/index.ts'
import { observe, remember, type TaughtField, vendorKeysOf, type VendorMemory } from '../../processors/learn/index.ts'
import { CachedReading } from '../reading.ts'
import { openSets } from '../sets.ts'
import { compare, dayOf, decimalOf, lettersAndDigits, type Truth } from '../truth.ts'

const { values } = parseArgs({ options: { data: { type: 'string' }, cache: { type: 'string' }, profile: { type: 'string', default: 'standard' } } })
if (values.data === undefined) {
  throw new Error('--data DIR expected: a folder with truth.jsonl')
}

const questions = {
  company: { field: 'seller.name', answer: (fields: DocumentFields) => fields.seller.name, write: (text: string) => text },
  address: { field: 'seller.address', answer: (fields: DocumentFields) => fields.seller.address, write: (text: string) => text },
  date: { field: 'issueDate', answer: (fields: DocumentFields) => fields.issueDate, write: (text: string) => dayOf(text, 'day-month') },
  total: { field: 'grandTotal', answer: (fields: DocumentFields) => fields.grandTotal ?? fields.payableAmount, write: decimalOf },
} as const
type Question = keyof typeof questions

const receivedDay = new Date().toISOString().slice(0, 10)
const memory = new Map<string, VendorMemory>()
const known = new Set<string>()
const tally = new Map(Object.keys(questions).map((name) => [name, { receipts: 0, right: 0, strict: 0, rightWithMemory: 0, strictWithMemory: 0, gained: 0, lost: 0 }]))

const parsers = createDocumentParsers({ recognisers: 2, profile: values.profile === 'thorough' ? 'thorough' : 'standard' })
const reading = new CachedReading(parsers.reader, values.cache)
for (const document of openSets(values.data)[0]!.documents) {
  const { text } = await reading.read(document.bytes())
  if (text === undefined || document.truth === undefined) {
    continue
  }
  const plain = fieldsOf(text)
  const learned = fieldsOf(text, memory)
  const seller = lettersAndDigits(document.truth.fields.get('company')?.value ?? document.id)
  if (known.has(seller)) {
    count(document.truth, plain, learned)
  }
  known.add(seller)
  teach(text, learned, correctionsOf(document.truth, learned))
}
await parsers.close()
process.stdout.write(`${values.profile}: receipts of sellers that came before; right as letters and digits, and strictly\n`)
console.table(Object.fromEntries(tally))

function fieldsOf(text: DocumentText, remembered?: ReadonlyMap<string, VendorMemory>): DocumentFields {
  const extraction = extract(text, { receivedDay, ...(remembered === undefined ? {} : { learned: ({ digest }) => remembered.get(digest) }) })
  return extraction.ok ? extraction.value.fields : { seller: {}, buyer: {} }
}

function verdict(truth: Truth, name: string, fields: DocumentFields): { readonly strict: boolean; readonly normalised: boolean } {
  const answer = questions[name as Question].answer(fields)
  return answer === undefined ? { strict: false, normalised: false } : compare(truth.fields.get(name)!, answer, 'day-month')
}

function count(truth: Truth, plain: DocumentFields, learned: DocumentFields): void {
  for (const [name, sum] of tally) {
    if (truth.fields.has(name)) {
      const before = verdict(truth, name, plain)
      const after = verdict(truth, name, learned)
      sum.receipts += 1
      sum.right += Number(before.normalised)
      sum.strict += Number(before.strict)
      sum.rightWithMemory += Number(after.normalised)
      sum.strictWithMemory += Number(after.strict)
      sum.gained += Number(after.normalised && !before.normalised)
      sum.lost += Number(before.normalised && !after.normalised)
    }
  }
}

/** What a person who knows the truth would change. */
function correctionsOf(truth: Truth, fields: DocumentFields): TaughtField[] {
  return Object.entries(questions).flatMap(([name, { field, write }]) => {
    const value = truth.fields.has(name) && !verdict(truth, name, fields).normalised ? write(truth.fields.get(name)!.value) : undefined
    return value === undefined ? [] : [{ field, value }]
  })
}

/** As the topology does: under every way to know the vendor of the corrected document. */
function teach(text: DocumentText, fields: DocumentFields, corrections: readonly TaughtField[]): void {
  const lesson = observe(text, corrections, 'day-month')
  if (lesson.places.length + lesson.constants.length === 0) {
    return
  }
  const name = corrections.find(({ field }) => field === 'seller.name')?.value
  const corrected = name === undefined ? fields : { ...fields, seller: { ...fields.seller, name: { value: name, normalised: name, confidence: 1, provenance: { page: 0, method: 'correction' as const } } } }
  for (const { digest } of vendorKeysOf(corrected, lesson.marks)) {
    memory.set(digest, remember(memory.get(digest), lesson))
  }
}
