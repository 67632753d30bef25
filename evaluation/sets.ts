/** Sets of documents with known answers: folders of three layouts, and the project's own samples. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
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
 * @throws UsageError when there is none
 */
export function openSets(folder: string, limit = Number.POSITIVE_INFINITY): EvaluationSet[] {
  const root = resolve(folder)
  if (!existsSync(root)) {
    throw new UsageError(`--data ${folder}: no such folder`)
  }
  const set = openSet(root, limit)
  if (set !== undefined) {
    return [set]
  }
  const sets = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => openSet(join(root, entry.name), limit))
    .filter((found) => found !== undefined)
  if (sets.length === 0) {
    throw new UsageError(`--data ${folder}: neither truth.jsonl nor PDF files in it or in a folder of it`)
  }
  return sets
}

function openSet(folder: string, limit: number): EvaluationSet | undefined {
  const name = basename(folder)
  const file = (id: string) => ({ id, bytes: () => readFileSync(join(folder, id)) })
  if (existsSync(join(folder, 'truth.jsonl'))) {
    const documents = lines(readFileSync(join(folder, 'truth.jsonl'), 'utf8')).slice(0, limit).map((line) => {
      const entry = JSON.parse(line) as TranscriptEntry
      return { ...file(entry.file), truth: transcript(entry) }
    })
    const pairs = join(folder, 'duplicates.json')
    const duplicates = existsSync(pairs) && limit === Number.POSITIVE_INFINITY ? (JSON.parse(readFileSync(pairs, 'utf8')) as [string, string][]) : undefined
    return { name, layout: 'transcripts', documents, ...(duplicates === undefined ? {} : { duplicates }) }
  }
  const pdfs = readdirSync(folder).filter((id) => /\.(?:pdf|xml)$/i.test(id)).sort().slice(0, limit)
  if (pdfs.length === 0) {
    return undefined
  }
  const beside = (id: string): string => join(folder, id.replace(/\.[^.]+$/, '.json'))
  if (pdfs.some((id) => existsSync(beside(id)))) {
    const known = pdfs.filter((id) => existsSync(beside(id)))
    return { name, layout: 'json', documents: known.map((id) => ({ ...file(id), truth: jsonTruth(readFileSync(beside(id), 'utf8')) })) }
  }
  return { name, layout: 'embedded', documents: pdfs.map(file) }
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
    // The same bytes under another tenant are no duplicate to the product; this set is looked at as one tenant's, so they are.
    duplicates: readable.flatMap((sample, n) => {
      const first = readable.findIndex((other) => Buffer.compare(other.bytes, sample.bytes) === 0)
      return first < n ? [[readable[first]!.fileName, sample.fileName] as const] : []
    }),
  }
}

interface TranscriptEntry {
  readonly file: string
  readonly company?: string
  readonly date?: string
  readonly address?: string
  readonly total?: string
  readonly words?: readonly string[]
}

function transcript(entry: TranscriptEntry): Truth {
  return {
    fields: fieldsOf(true, [['company', 'text', entry.company], ['date', 'date', entry.date], ['address', 'text', entry.address], ['total', 'amount', entry.total]]),
    ...(entry.words === undefined ? {} : { text: entry.words.join('\n') }),
  }
}

interface JsonEntry {
  readonly issuer?: string
  readonly partner_name?: string
  readonly amount?: number
  readonly amount_untaxed?: number
  readonly date?: string
  readonly invoice_number?: string
  readonly currency?: string
  readonly lines?: readonly { readonly name?: string; readonly qty?: string | number; readonly price_unit?: string | number; readonly price_subtotal?: string | number }[]
}

function jsonTruth(text: string): Truth {
  const parsed = JSON.parse(text) as JsonEntry | readonly JsonEntry[]
  const entry = (Array.isArray(parsed) ? parsed[0] : parsed) as JsonEntry
  const lines = entry.lines?.map((line) => fieldsOf(false, [
    ['description', 'text', line.name], ['quantity', 'amount', line.qty], ['unitPrice', 'amount', line.price_unit], ['lineTotal', 'amount', line.price_subtotal],
  ]))
  return {
    fields: fieldsOf(false, [
      ['number', 'text', entry.invoice_number], ['date', 'date', entry.date], ['currency', 'text', entry.currency], ['seller', 'text', entry.partner_name ?? entry.issuer],
      ['netTotal', 'amount', entry.amount_untaxed?.toFixed(2)], ['total', 'amount', entry.amount?.toFixed(2)],
    ]),
    ...(lines === undefined ? {} : { lines }),
  }
}

/** Empty answers are gaps of the annotation, not proof that a document lacks the field: they are not scored. */
export function fieldsOf(printed: boolean, entries: readonly (readonly [string, ValueKind, string | number | undefined])[]): ReadonlyMap<string, TruthValue> {
  const known = entries.filter(([, , value]) => value !== undefined && String(value).trim() !== '')
  return new Map(known.map(([name, kind, value]) => [name, { kind, value: String(value).trim(), printed }]))
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
