/** Documents for tests of the whole pipeline: generated samples, and as many others of the same kind as a test needs. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { generateSamples, type Sample, type SampleKind } from '../../samples/index.ts'

export interface TestDocument {
  readonly tenant: string
  readonly documentId: string
  readonly kind: SampleKind
  readonly fileName: string
  readonly contentType: string
  readonly bytes: Uint8Array
  /** What stands in it and must never stand in a log: names, numbers, amounts. */
  readonly confidential: readonly string[]
  /** ms since the epoch; the record's timestamp, too. */
  readonly receivedAt: number
  /** The sender says: process it although it is a duplicate. */
  readonly allowDuplicate?: boolean
}

export type Template = Omit<TestDocument, 'documentId' | 'receivedAt' | 'allowDuplicate'>

const SLOW: ReadonlySet<SampleKind> = new Set(['scanned-invoice'])
const REPEATED: ReadonlySet<SampleKind> = new Set(['duplicate', 'resent-copy', 'same-bytes-other-tenant'])

/** One of each kind at least, without those that are about another document, and without whole scanned pages (seconds each). */
export async function templates(seed: number, now: number): Promise<Template[]> {
  const samples = await generateSamples({ seed, count: 18, now: new Date(now) })
  return samples.filter(({ kind }) => !SLOW.has(kind) && !REPEATED.has(kind)).map(templateOf)
}

function templateOf({ tenant, kind, fileName, contentType, bytes, truth }: Sample): Template {
  const values = truth === undefined ? [] : [truth.sellerName, truth.sellerVatId, truth.invoiceNumber, truth.iban, truth.grandTotal, truth.taxBasisTotal]
  return { tenant, kind, fileName, contentType, bytes, confidential: [fileName, ...values.filter((value) => value !== undefined)] }
}

/** The same document as `template` in other bytes, which its fields give away: what only differs in them has another digest. */
export function variant({ contentType, bytes }: Pick<Template, 'contentType' | 'bytes'>, mark: string): Uint8Array {
  switch (contentType) {
    case 'application/pdf':
      return Buffer.concat([bytes, Buffer.from(`\n% ${mark}\n`)])
    case 'application/xml':
      return Buffer.concat([bytes, Buffer.from(`\n<!-- ${mark} -->\n`)])
    case 'image/jpeg':
      return Buffer.concat([bytes.subarray(0, 2), jpegComment(mark), bytes.subarray(2)])
    case 'image/png':
      return Buffer.concat([bytes.subarray(0, PNG_HEADER), pngText(mark), bytes.subarray(PNG_HEADER)])
    default:
      throw new Error(`${contentType}: no way is known to vary such a document.`)
  }
}

/** Signature and IHDR, which must come first. */
const PNG_HEADER = 8 + 25

function jpegComment(text: string): Buffer {
  const comment = Buffer.alloc(4 + text.length)
  comment.writeUInt16BE(0xff_fe, 0)
  comment.writeUInt16BE(2 + text.length, 2)
  comment.write(text, 4, 'latin1')
  return comment
}

function pngText(text: string): Buffer {
  const body = Buffer.from(`tEXtComment\0${text}`, 'latin1')
  const chunk = Buffer.alloc(8 + body.length)
  chunk.writeUInt32BE(body.length - 4, 0)
  body.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(body), 4 + body.length)
  return chunk
}

/** Makes documents whose ids, bytes and times depend on the seed and their place only. */
export class DocumentMaker {
  readonly #seed: string
  readonly #begin: number
  #made = 0

  constructor(seed: number, begin: number) {
    this.#seed = String(seed)
    this.#begin = begin
  }

  /** New bytes of the same invoice: a duplicate by its fields once the first of its kind is known, unless it is sent as wanted. */
  fresh(template: Template, tenant = template.tenant): TestDocument {
    return this.#next({ ...template, tenant, bytes: variant(template, `${this.#seed} ${this.#made}`) })
  }

  /** The content of an earlier one under a new id. */
  again(original: TestDocument, tenant = original.tenant): TestDocument {
    return this.#next({ ...original, tenant, allowDuplicate: false })
  }

  #next(template: Omit<TestDocument, 'documentId' | 'receivedAt'>): TestDocument {
    const number = this.#made++
    const digest = createHash('sha256').update(`${this.#seed} ${number}`).digest('hex')
    const documentId = [digest.slice(0, 8), digest.slice(8, 12), digest.slice(12, 16), digest.slice(16, 20), digest.slice(20, 32)].join('-')
    return { ...template, documentId, receivedAt: this.#begin + number }
  }
}
