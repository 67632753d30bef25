import { createHash } from 'node:crypto'
import type { DocumentText, Extraction } from '../types.ts'
import { plain, sure } from './second-look.ts'

/**
 * SimHash: texts that share most of their pieces share most bits (Charikar, Similarity Estimation Techniques from Rounding Algorithms, STOC 2002).
 * The expected share of bits that differ is the angle between the texts' piece counts over π.
 */
const LANES = 4
const LANE_BITS = 32
export const FINGERPRINT_BITS = LANES * LANE_BITS

/** Characters of a piece: short enough that a misread one spoils few, long enough that pieces say something. */
const PIECE = 4
/** Of the text; the beginning of a long document tells it from others. */
const MAX_CHARACTERS = 40_000
/** A text with fewer pieces says too little: a page number is like any other. */
const MIN_PIECES = 150

/** Hexadecimal digits of a band: 16 bits, so that one in 65,536 texts shares one by chance. */
const BAND_DIGITS = 4

/** Bits by which the texts of two copies may differ where fields say little. */
export const NEAR = 12
/** And where two fields agree: receipts scanned again are 11 to 32 bits away, but others of the same shop may be as near as 15 (docs/evaluation.md). */
export const NEAR_ENOUGH = 32

/** Of a reason for review: nearly the text of another document, and fields that do not tell the two apart. */
export const NEAR_IDENTICAL_TEXT = 'NEAR_IDENTICAL_TEXT'

/** As 32 hexadecimal digits; undefined when there is too little text. */
export function textFingerprint({ pages }: Pick<DocumentText, 'pages'>): string | undefined {
  const text = plainText(pages)
  const pieces = text.length - PIECE + 1
  if (pieces < MIN_PIECES) {
    return undefined
  }
  const sums = new Int32Array(FINGERPRINT_BITS)
  for (let at = 0; at < pieces; at++) {
    let piece = 0
    for (let n = 0; n < PIECE; n++) {
      piece = Math.imul(piece, 0x01000193) ^ text.charCodeAt(at + n)
    }
    for (let lane = 0; lane < LANES; lane++) {
      const bits = mixed(piece + Math.imul(lane + 1, 0x9e3779b9))
      for (let bit = 0; bit < LANE_BITS; bit++) {
        sums[lane * LANE_BITS + bit]! += ((bits >>> bit) & 1) === 1 ? 1 : -1
      }
    }
  }
  return Array.from({ length: LANES }, (_, lane) => {
    let bits = 0
    for (let bit = 0; bit < LANE_BITS; bit++) {
      bits |= (sums[lane * LANE_BITS + bit]! > 0 ? 1 : 0) << bit
    }
    return (bits >>> 0).toString(16).padStart(LANE_BITS / 4, '0')
  }).join('')
}

/**
 * Parts of a fingerprint to look neighbours up by (Manku, Jain, Das Sarma, Detecting Near-Duplicates for Web Crawling, WWW 2007): two that differ in
 * fewer bits than there are bands share one of them for sure, others the more likely the closer they are.
 */
function bandsOf(fingerprint: string): string[] {
  return Array.from({ length: fingerprint.length / BAND_DIGITS }, (_, band) => `${band}.${fingerprint.slice(band * BAND_DIGITS, (band + 1) * BAND_DIGITS)}`)
}

/** Bits in which two fingerprints differ. */
export function distanceOf(one: string, other: string): number {
  let distance = 0
  for (let at = 0; at < one.length; at += LANE_BITS / 4) {
    let bits = Number.parseInt(one.slice(at, at + LANE_BITS / 4), 16) ^ Number.parseInt(other.slice(at, at + LANE_BITS / 4), 16)
    for (; bits !== 0; bits &= bits - 1) {
      distance++
    }
  }
  return distance
}

/** What a document says for sure that tells it from others of the same look. */
export interface DistinctiveValues {
  readonly invoiceNumber?: string
  readonly issueDate?: string
  readonly grandTotal?: string
}

const names = ['invoiceNumber', 'issueDate', 'grandTotal'] as const

export function distinctiveValues({ fields }: Pick<Extraction, 'fields'>): DistinctiveValues {
  const found = { invoiceNumber: plain(sure(fields.invoiceNumber)), issueDate: sure(fields.issueDate), grandTotal: sure(fields.grandTotal ?? fields.payableAmount) }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}

/** How a text looks to those who look for others like it. */
export interface Likeness {
  readonly fingerprint: string
  /** Characters were recognised: any of them may be misread. */
  readonly recognised: boolean
}

/** Undefined when there is too little text. */
export function likenessOf(text: Pick<DocumentText, 'pages' | 'route'>): Likeness | undefined {
  const fingerprint = textFingerprint(text)
  return fingerprint === undefined ? undefined : { fingerprint, recognised: text.route === 'ocr' }
}

/** A document whose text is remembered. */
export interface KnownText extends Likeness {
  readonly documentId: string
  readonly values: DistinctiveValues
  /** ms since the epoch: the record's time, not the clock's. */
  readonly seenAt: number
}

/** Under what a document is found by those that may be copies of it: pairs of its values, which few share, and bands of its text. No content stands in them. */
export function lookupKeys({ fingerprint, values }: Pick<KnownText, 'fingerprint' | 'values'>): string[] {
  const pairs = names.flatMap((one, n) => names.slice(n + 1).map((other) => [one, other] as const))
  const known = pairs.filter(([one, other]) => values[one] !== undefined && values[other] !== undefined)
  return [...known.map(([one, other]) => createHash('sha256').update(JSON.stringify([one, values[one], other, values[other]])).digest('hex').slice(0, 32)), ...bandsOf(fingerprint)]
}

export interface SimilarText {
  readonly of: string
  /** Of {@link FINGERPRINT_BITS}. */
  readonly distance: number
  /** Names of what the two say alike, what they say differently, and of what at most one of them says. */
  readonly agrees: readonly string[]
  readonly differs: readonly string[]
  readonly unknown: readonly string[]
}

/**
 * The document that this one is probably a copy of: nearly the same text, and fields that do not tell them apart. It is a proposal for a person. A value that
 * differs while the other two agree may be misread where characters were recognised; otherwise it is another document (next month's invoice reads like
 * this month's).
 */
export function proposeOriginal(document: KnownText, known: Iterable<KnownText>, distinctFrom?: string): SimilarText | undefined {
  const earlier = [...known].filter((one) => one.documentId !== document.documentId && one.documentId !== distinctFrom && one.seenAt <= document.seenAt)
  const proposals = earlier.sort((a, b) => a.seenAt - b.seenAt).map((one) => compare(one, document)).filter((found) => found !== undefined)
  return proposals.reduce<SimilarText | undefined>((best, one) => (best === undefined || one.distance < best.distance ? one : best), undefined)
}

function compare(one: KnownText, other: KnownText): SimilarText | undefined {
  const unknown = names.filter((name) => one.values[name] === undefined || other.values[name] === undefined)
  const agrees = names.filter((name) => !unknown.includes(name) && one.values[name] === other.values[name])
  const differs = names.filter((name) => !unknown.includes(name) && !agrees.includes(name))
  const distance = distanceOf(one.fingerprint, other.fingerprint)
  const alike = distance <= (agrees.length >= 2 ? NEAR_ENOUGH : NEAR)
  const misread = agrees.length === 2 && (one.recognised || other.recognised)
  return alike && (differs.length === 0 || misread) ? { of: one.documentId, distance, agrees, differs, unknown } : undefined
}

/** Letters and digits, words apart: how a line is set and which dash was read do not matter. */
function plainText(pages: DocumentText['pages']): string {
  let text = ''
  for (const { lines } of pages) {
    for (const line of lines) {
      text += ` ${line.text}`
      if (text.length > MAX_CHARACTERS) {
        return cleaned(text.slice(0, MAX_CHARACTERS))
      }
    }
  }
  return cleaned(text)
}

const cleaned = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ')

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of the piece. */
function mixed(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
