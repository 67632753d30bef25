/** One set through the product's steps, and what it is worth. Start reading here. */
import process from 'node:process'
import type { DocumentText, Extraction, Field, InvoiceIdentity, KnownText } from '../processors/index.ts'
import { classify, createDocumentParsers, distinctiveValues, extract, invoiceIdentity, likenessOf } from '../processors/index.ts'
import type { Answers } from './answers.ts'
import { answersOf } from './answers.ts'
import type { DuplicateScore, SeenDocument } from './duplicates.ts'
import { evaluationTenant, findDuplicates, proposeDuplicates, scoreDuplicates } from './duplicates.ts'
import { eInvoiceTruth } from './e-invoice-truth.ts'
import { lineOutcomes } from './lines.ts'
import type { EvaluateOptions, Profile } from './options.ts'
import type { ReadDocument } from './reading.ts'
import { CachedReading, cpuSeconds } from './reading.ts'
import type { CalibrationBin, Outcome, Score } from './scores.ts'
import { calibrate, distance, score } from './scores.ts'
import type { EvaluationDocument, EvaluationSet } from './sets.ts'
import type { Truth, TruthValue } from './truth.ts'
import { blanks, compare } from './truth.ts'

/** A field of a document beside its truth: for the page of the worst cases. */
export interface Judged {
  readonly field: string
  readonly truth: TruthValue
  readonly answer?: Field
  readonly strict: boolean
  readonly normalised: boolean
}

export interface JudgedDocument {
  readonly document: EvaluationDocument
  readonly pages: DocumentText['pages']
  readonly fields: readonly Judged[]
  readonly failure?: string
}

export interface DocumentFailure {
  readonly document: string
  readonly code: string
}

export interface SetTimings {
  readonly documents: number
  readonly pages: number
  /** Of documents that were read in this run: what came from the cache took no time. */
  readonly readPages: number
  readonly readSeconds: number
  readonly secondsPerPage: number | null
  readonly cpuSecondsPerPage: number | null
  /** Processor time of classification and extraction, not the clock's. */
  readonly extractCpuMillisecondsPerPage: number
}

export interface SetResult {
  readonly set: string
  readonly profile: Profile
  readonly scores: readonly Score[]
  readonly calibration: readonly CalibrationBin[]
  readonly timings: SetTimings
  readonly judged: readonly JudgedDocument[]
  readonly characterErrorRate?: number
  readonly duplicates?: DuplicateScore
  /** Documents that could not be read or understood: their fields count as not found. */
  readonly failures: readonly DocumentFailure[]
  /** Documents without truth: nothing is said about them. */
  readonly unscored: readonly string[]
}

/** Fields whose four together are a receipt. */
const receiptFields = ['company', 'date', 'address', 'total']

/** Reads, classifies and extracts every document of a set; an `embedded` set gives two results, by XML and with the XML hidden. */
export async function evaluateSet(set: EvaluationSet, profile: Profile, options: EvaluateOptions, say: (line: string) => void): Promise<SetResult[]> {
  const cpuBefore = cpuSeconds()
  const parsers = createDocumentParsers({ parsers: 1, recognisers: options.processes, profile })
  const reading = new CachedReading(parsers.reader, options.cache)
  const started = performance.now()
  const reads: ReadDocument[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < set.documents.length) {
      const at = next++
      reads[at] = await readOne(reading, set.documents[at]!)
      if ((at + 1) % 50 === 0) {
        say(`${set.name}: ${at + 1} of ${set.documents.length} read`)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: options.processes }, work))
  } finally {
    // Ended children are what CPU is counted of.
    await parsers.close()
  }
  const seconds = (performance.now() - started) / 1000
  const cpuAfter = cpuSeconds()
  const fresh = reads.filter((one) => one.seconds !== undefined)
  const pagesOf = (some: readonly ReadDocument[]): number => some.reduce((sum, one) => sum + (one.text?.pages.length ?? 0), 0)
  const readPages = pagesOf(fresh)
  const timings: Omit<SetTimings, 'extractCpuMillisecondsPerPage'> = {
    documents: reads.length,
    pages: pagesOf(reads),
    readPages,
    readSeconds: fresh.length === 0 ? 0 : seconds,
    secondsPerPage: readPages === 0 ? null : seconds / readPages,
    cpuSecondsPerPage: readPages === 0 || cpuBefore === undefined || cpuAfter === undefined ? null : (cpuAfter - cpuBefore) / readPages,
  }
  const variants = set.layout === 'embedded' ? [{ name: set.name, hide: false }, { name: `${set.name}-text`, hide: true }] : [{ name: set.name, hide: false }]
  return variants.map(({ name, hide }) => judge({ ...set, name }, reads, hide, timings, profile, options))
}

/** A file that is not there, or not to be read, costs one document and not the run. */
async function readOne(reading: CachedReading, document: EvaluationDocument): Promise<ReadDocument> {
  let bytes: Uint8Array
  try {
    bytes = document.bytes()
  } catch (error) {
    return { sha256: '', failure: (error as NodeJS.ErrnoException).code ?? 'UNREADABLE_FILE' }
  }
  return reading.read(bytes)
}

function judge(set: EvaluationSet, reads: readonly ReadDocument[], hideXml: boolean, timings: Omit<SetTimings, 'extractCpuMillisecondsPerPage'>, profile: Profile, options: EvaluateOptions): SetResult {
  const outcomes: Outcome[] = []
  const judged: JudgedDocument[] = []
  const unscored: string[] = []
  const failures: DocumentFailure[] = []
  const seen: SeenDocument[] = []
  const texts: KnownText[] = []
  const characters = { distance: 0, length: 0 }
  let extractMicroseconds = 0
  for (const [n, document] of set.documents.entries()) {
    const { text, sha256 } = reads[n]!
    const before = process.cpuUsage()
    const understood = text === undefined ? undefined : understand(hideXml ? withoutXml(text) : text, options)
    const used = process.cpuUsage(before)
    extractMicroseconds += used.user + used.system
    const failure = reads[n]!.failure ?? understood?.failure
    if (failure !== undefined) {
      failures.push({ document: document.id, code: failure })
    }
    seen.push({ id: document.id, sha256, ...(understood?.identity === undefined ? {} : { identity: understood.identity }) })
    const likeness = text === undefined ? undefined : likenessOf(text)
    if (likeness !== undefined && understood?.extraction !== undefined) {
      texts.push({ documentId: document.id, ...likeness, seenAt: n, values: distinctiveValues(understood.extraction) })
    }
    const truth = document.truth ?? (text?.eInvoice === undefined ? undefined : eInvoiceTruth(text.eInvoice.xml))
    if (truth === undefined) {
      unscored.push(document.id)
      continue
    }
    const answers: Answers = understood?.answers ?? new Map()
    const fields: Judged[] = []
    for (const [field, known] of truth.fields) {
      const answer = answers.get(field)
      const verdict = answer === undefined ? { strict: false, normalised: false } : compare(known, answer, options.dateOrder)
      fields.push({ field, truth: known, ...verdict, ...(answer === undefined ? {} : { answer }) })
      outcomes.push({
        field,
        document: document.id,
        truths: 1,
        answers: answer === undefined ? 0 : 1,
        strict: verdict.strict ? 1 : 0,
        normalised: verdict.normalised ? 1 : 0,
        ...(answer === undefined ? {} : { confidence: answer.confidence }),
      })
    }
    if (truth.lines !== undefined) {
      outcomes.push(...lineOutcomes(document.id, truth.lines, understood?.lines ?? [], options.dateOrder))
    }
    if (truth.text !== undefined && text?.route === 'ocr') {
      const expected = blanks(truth.text)
      const read = blanks(text.pages.flatMap((page) => page.lines.map((line) => line.text)).join('\n'))
      // Transcribers of receipts type capitals whatever is printed: that is no error of the reading.
      characters.distance += distance(expected, /\p{Ll}/u.test(expected) ? read : read.toUpperCase())
      characters.length += expected.length
    }
    judged.push({ document, pages: text?.pages ?? [], fields, ...(failure === undefined ? {} : { failure }) })
  }
  const byField = Map.groupBy(outcomes, ({ field }) => field)
  const scores = [...byField].map(([field, some]) => score(field, some))
  const four = receiptFields.flatMap((field) => byField.get(field) ?? [])
  if (set.layout === 'transcripts' && four.length > 0) {
    scores.push(score('all', four))
  }
  const found = findDuplicates(seen)
  return {
    set: set.name,
    profile,
    scores,
    calibration: calibrate(outcomes),
    timings: { ...timings, extractCpuMillisecondsPerPage: extractMicroseconds / 1000 / Math.max(1, timings.pages) },
    judged,
    failures,
    unscored,
    ...(characters.length === 0 ? {} : { characterErrorRate: characters.distance / characters.length }),
    ...(set.duplicates === undefined ? {} : { duplicates: scoreDuplicates(found, set.duplicates, proposeDuplicates(texts, found)) }),
  }
}

interface Understood {
  readonly answers: Answers
  readonly lines: Parameters<typeof lineOutcomes>[2]
  readonly extraction?: Extraction
  readonly identity?: InvoiceIdentity
  readonly failure?: string
}

/** What the product makes of a text. A defect that throws costs one document and not the run, and is named. */
function understand(text: DocumentText, options: EvaluateOptions): Understood {
  const none = { answers: new Map(), lines: [] }
  try {
    const classification = classify(text)
    const extraction = extract(text, { dateOrder: options.dateOrder, receivedDay: new Date().toISOString().slice(0, 10) })
    if (!extraction.ok) {
      return { ...none, failure: extraction.failure.code }
    }
    const identity = invoiceIdentity(evaluationTenant, classification, extraction.value)
    return {
      answers: answersOf(extraction.value, classification),
      lines: extraction.value.lines,
      extraction: extraction.value,
      ...(identity === undefined ? {} : { identity }),
    }
  } catch (error) {
    return { ...none, failure: error instanceof Error ? error.name : 'UNKNOWN' }
  }
}

function withoutXml(text: DocumentText): DocumentText {
  const { eInvoice: _, ...rest } = text
  return { ...rest, route: 'text-layer' }
}

export type { EvaluationSet, Truth }
