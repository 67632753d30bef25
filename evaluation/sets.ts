/** Sets of documents with known answers: folders of three layouts, and the project's own samples. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { generateSamples } from '../samples/index.ts'
import { UsageError } from './options.ts'
import type { Truth, TruthValue, ValueKind } from './truth.ts'

export interface EvaluationDocument {
  readonly id: string
  readonly bytes: () => Uint8Array
  /** Absent: the truth is inside the document (e-invoice XML), or nothing is known. */
  readonly truth?: Truth
}

export interface EvaluationSet {
  readonly name: string
  /** `embedded`: the truth is the XML inside; it is scored by XML, and once more with the XML hidden. */
  readonly layout: 'transcripts' | 'embedded' | 'json' | 'samples'
  readonly documents: readonly EvaluationDocument[]
  /** Pairs of ids that are the same document; undefined where nobody looked. */
  readonly duplicates?: readonly (readonly [string, string])[]
}

/**
 * The sets under a folder.
 * @throws UsageError when there is none, or naming the file (and line) of a truth that cannot be read
 */
export function openSets(folder: string, limit = Number.POSITIVE_INFINITY): EvaluationSet[] {
  const root = resolve(folder)
  if (!isFolder(root)) {
    throw new UsageError(`--data ${folder}: no such folder`)
  }
  const set = openSet(root, limit)
  if (set !== undefined) {
    return [set]
  }
  const sets = readdirSync(root)
    .map((name) => join(root, name))
    .filter(isFolder)
    .sort()
    .map((one) => openSet(one, limit))
    .filter((found) => found !== undefined)
  if (sets.length === 0) {
    throw new UsageError(`--data ${folder}: neither truth.jsonl nor documents (PDF, XML, or a JSON beside each) in it or in a folder of it`)
  }
  return sets
}

/** What a truth may stand beside; archives and mails are several documents. */
const documentName = /\.(?:pdf|xml|jpe?g|png|tiff?|webp|avif)$/i

function openSet(folder: string, limit: number): EvaluationSet | undefined {
  const name = basename(folder)
  const file = (id: string) => ({ id, bytes: () => readFileSync(join(folder, id)) })
  if (existsSync(join(folder, 'truth.jsonl'))) {
    const documents = readLines(join(folder, 'truth.jsonl')).slice(0, limit).map(({ text, where }) => {
      const entry = readTruth(where, text, isTranscript, 'an object with "file", and company, date, address, total, words')
      return { ...file(entry.file), truth: transcript(entry) }
    })
    const pairs = join(folder, 'duplicates.json')
    const duplicates = existsSync(pairs) && limit === Number.POSITIVE_INFINITY ? readTruth(pairs, readText(pairs), isPairs, 'a list of pairs of file names') : undefined
    return { name, layout: 'transcripts', documents, ...(duplicates === undefined ? {} : { duplicates }) }
  }
  const names = readdirSync(folder).filter((id) => documentName.test(id)).sort()
  const beside = (id: string): string => join(folder, id.replace(/\.[^.]+$/, '.json'))
  if (names.some((id) => existsSync(beside(id)))) {
    const documents = names.slice(0, limit).map((id) => (existsSync(beside(id)) ? { ...file(id), truth: jsonTruth(beside(id)) } : file(id)))
    return { name, layout: 'json', documents }
  }
  const known = names.filter((id) => /\.(?:pdf|xml)$/i.test(id)).slice(0, limit)
  return known.length === 0 ? undefined : { name, layout: 'embedded', documents: known.map(file) }
}

/** Links are followed: a set may be linked to where it lies. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** Without a byte order mark. */
function readText(file: string): string {
  return readFileSync(file, 'utf8').replace(/^\ufeff/, '')
}

/** The lines that say something, and where they stand. */
function readLines(file: string): { readonly text: string; readonly where: string }[] {
  return readText(file).split('\n').map((text, n) => ({ text, where: `${file}, line ${n + 1}` })).filter(({ text }) => text.trim() !== '')
}

/** @throws UsageError naming the place and what was expected there */
function readTruth<T>(where: string, text: string, is: (value: unknown) => value is T, expected: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UsageError(`${where}: no JSON; ${expected} expected`)
  }
  if (!is(value)) {
    throw new UsageError(`${where}: ${expected} expected`)
  }
  return value
}

/** The default: generated documents, the same ones on every run. */
export async function sampleSet(limit = 60): Promise<EvaluationSet> {
  const samples = await generateSamples({ seed: 20261121, count: Math.max(12, limit), now: new Date('2026-11-21T12:00:00Z') })
  const readable = samples.filter((sample) => sample.truth !== undefined)
  return {
    name: 'samples',
    layout: 'samples',
    documents: readable.map(({ fileName, bytes, truth }) => ({
      id: fileName,
      bytes: () => bytes,
      truth: {
        fields: fieldsOf(false, [
          ['type', 'text', truth!.type], ['number', 'text', truth!.invoiceNumber], ['date', 'date', truth!.issueDate], ['dueDate', 'date', truth!.dueDate],
          ['currency', 'text', truth!.currency], ['seller', 'text', truth!.sellerName], ['sellerVatId', 'text', truth!.sellerVatId], ['iban', 'text', truth!.iban],
          ['netTotal', 'amount', truth!.taxBasisTotal], ['taxTotal', 'amount', truth!.taxTotal], ['total', 'amount', truth!.grandTotal],
        ]),
      },
    })),
    // The same invoice under another tenant is no duplicate to the product; this set is looked at as one tenant's, so it is, as a scan or another file, too.
    duplicates: readable.flatMap((sample, n) => {
      const first = readable.findIndex(({ truth }) => truth!.invoiceNumber === sample.truth!.invoiceNumber && truth!.sellerName === sample.truth!.sellerName && truth!.grandTotal === sample.truth!.grandTotal)
      return first < n ? [[readable[first]!.fileName, sample.fileName] as const] : []
    }),
  }
}

type Known = string | number | null

interface TranscriptEntry {
  readonly file: string
  readonly company?: Known
  readonly date?: Known
  readonly address?: Known
  readonly total?: Known
  readonly words?: readonly string[]
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isTranscript = (value: unknown): value is TranscriptEntry => isObject(value) && typeof value['file'] === 'string' && (value['words'] === undefined || Array.isArray(value['words']))
const isPairs = (value: unknown): value is [string, string][] =>
  Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((one) => typeof one === 'string'))

function transcript(entry: TranscriptEntry): Truth {
  return {
    fields: fieldsOf(true, [['company', 'text', entry.company], ['date', 'date', entry.date], ['address', 'text', entry.address], ['total', 'amount', entry.total]]),
    ...(entry.words === undefined ? {} : { text: entry.words.join('\n') }),
  }
}

interface JsonEntry {
  readonly issuer?: Known
  readonly partner_name?: Known
  readonly amount?: Known
  readonly amount_untaxed?: Known
  readonly amount_tax?: Known
  readonly date?: Known
  readonly date_due?: Known
  readonly invoice_number?: Known
  readonly currency?: Known
  readonly vat?: Known
  readonly iban?: Known
  readonly lines?: readonly { readonly name?: Known; readonly qty?: Known; readonly price_unit?: Known; readonly price_subtotal?: Known }[]
}

const isJsonEntry = (value: unknown): value is JsonEntry => isObject(value) && (value['lines'] === undefined || (Array.isArray(value['lines']) && value['lines'].every(isObject)))
const isJsonTruth = (value: unknown): value is JsonEntry | JsonEntry[] => isJsonEntry(value) || (Array.isArray(value) && value.length > 0 && value.every(isJsonEntry))

function jsonTruth(file: string): Truth {
  const parsed = readTruth(file, readText(file), isJsonTruth, 'an object (or a list of one) with amount, date, invoice_number, …')
  const entry = (Array.isArray(parsed) ? parsed[0] : parsed) as JsonEntry
  const lines = entry.lines?.map((line) => fieldsOf(false, [
    ['description', 'text', line.name], ['quantity', 'amount', line.qty], ['unitPrice', 'amount', line.price_unit], ['lineTotal', 'amount', line.price_subtotal],
  ]))
  return {
    fields: fieldsOf(false, [
      ['number', 'text', entry.invoice_number], ['date', 'date', entry.date], ['dueDate', 'date', entry.date_due], ['currency', 'text', entry.currency],
      ['seller', 'text', entry.partner_name ?? entry.issuer], ['sellerVatId', 'text', entry.vat], ['iban', 'text', entry.iban],
      ['netTotal', 'amount', cents(entry.amount_untaxed)], ['taxTotal', 'amount', cents(entry.amount_tax)], ['total', 'amount', cents(entry.amount)],
    ]),
    ...(lines === undefined ? {} : { lines }),
  }
}

/** JSON says 319.0 for what an amount's canonical writing has as 319.00. */
function cents(amount: Known | undefined): Known | undefined {
  return typeof amount === 'number' ? amount.toFixed(2) : amount
}

/** Empty answers are gaps of the annotation, not proof that a document lacks the field: they are not scored. */
export function fieldsOf(printed: boolean, entries: readonly (readonly [string, ValueKind, string | number | null | undefined])[]): ReadonlyMap<string, TruthValue> {
  const known = entries.filter(([, , value]) => value !== undefined && value !== null && String(value).trim() !== '')
  return new Map(known.map(([name, kind, value]) => [name, { kind, value: String(value).trim(), printed }]))
}
