import { createHash } from 'node:crypto'
import { maxContainerDepth } from '../containers/index.ts'
import { fail } from '../failure.ts'
import type { DocumentKind, ReadOptions, TextReader } from '../text/index.ts'
import { refusalOf, type Sniffed, sniff } from '../text/index.ts'
import type { Failure } from '../types.ts'

export interface ReceiveInput {
  readonly bytes: Uint8Array
  /** As the sender declared it; nothing, or application/octet-stream, claims nothing. */
  readonly contentType?: string
  /** As the record announces them; checked when they are there. */
  readonly size?: number
  readonly sha256?: string
}

export interface ReceiveLimits {
  /** Default 50 MiB. */
  readonly maxBytes: number
}

export interface Accepted {
  readonly outcome: 'accepted'
  readonly kind: DocumentKind
  /** What the bytes are, not what was declared. */
  readonly contentType: string
  readonly size: number
  readonly sha256: string
  /** 0 for XML and for a ZIP. */
  readonly pages: number
  /** Documents of their own inside of it: what is attached to a mail, a ZIP's entries. */
  readonly parts: number
}

export interface Rejected extends Failure {
  readonly outcome: 'rejected'
  readonly size: number
  readonly sha256: string
}

export type ReceiveResult = Accepted | Rejected

export interface ReceiveOptions extends ReadOptions {
  readonly limits?: Partial<ReceiveLimits>
  /** Containers that it came out of. Default 0. */
  readonly depth?: number
}

export interface Receiver {
  /**
   * Is this a document we can read? Cheap checks first; then the parser opens it, in its own process.
   * @throws PoolError ABORTED and CLOSED only
   */
  receive(input: ReceiveInput, options?: ReceiveOptions): Promise<ReceiveResult>
}

export const defaultReceiveLimits: ReceiveLimits = { maxBytes: 50 * 1024 * 1024 }

/** Same content, other names. */
const synonyms: ReadonlyMap<string, string> = new Map([
  ['image/jpg', 'image/jpeg'], ['image/pjpeg', 'image/jpeg'], ['image/x-png', 'image/png'], ['image/tif', 'image/tiff'],
  ['application/x-pdf', 'application/pdf'], ['text/xml', 'application/xml'], ['application/xhtml+xml', 'text/html'], ['text/rtf', 'application/rtf'],
  ['text/csv', 'text/plain'], ['text/tab-separated-values', 'text/plain'], ['text/markdown', 'text/plain'],
  ['application/x-zip-compressed', 'application/zip'], ['application/x-zip', 'application/zip'],
  ['application/vnd.ms-word.document.macroenabled.12', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['application/vnd.ms-excel.sheet.macroenabled.12', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
])
const claimsNothing = new Set(['', 'application/octet-stream', 'binary/octet-stream', 'application/force-download', 'application/x-download', 'application/unknown'])
/** These say only what it is made of: all mail and markup is text, all office documents are ZIPs. */
const claimsLittle: ReadonlyMap<string, readonly DocumentKind[]> = new Map([
  ['text/plain', ['text', 'html', 'mail', 'rtf', 'xml']], ['application/zip', ['zip', 'docx', 'xlsx', 'pptx', 'odt', 'ods', 'odp']],
])

function agrees(declared: string, found: Sniffed): boolean {
  const type = synonyms.get(declared) ?? declared
  return claimsNothing.has(declared) || type === found.contentType || claimsLittle.get(type)?.includes(found.kind) === true
}

/** The EICAR test string, in pieces, so that a scanner leaves this file alone. */
const eicar = Buffer.from(['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!$H+H*'].join(''), 'latin1')

export function createReceiver(reader: Pick<TextReader, 'inspect'>, defaults: Partial<ReceiveLimits> = {}): Receiver {
  return {
    async receive(input, options = {}) {
      const { bytes } = input
      const maxBytes = Math.min(defaults.maxBytes ?? defaultReceiveLimits.maxBytes, options.limits?.maxBytes ?? Number.POSITIVE_INFINITY)
      const size = bytes.byteLength
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const reject = ({ failure }: { readonly failure: Failure }): Rejected => ({ outcome: 'rejected', ...failure, size, sha256 })

      if (size === 0) {
        return reject(fail('EMPTY', 'content', 'no bytes'))
      }
      if (size > maxBytes) {
        return reject(fail('TOO_LARGE', 'content', `${size} bytes`, maxBytes))
      }
      if (input.size !== undefined && input.size !== size) {
        return reject(fail('SIZE_MISMATCH', 'size', `${size} bytes came`, input.size))
      }
      if (input.sha256 !== undefined && input.sha256 !== sha256) {
        return reject(fail('SHA256_MISMATCH', 'sha256', 'the bytes have another digest'))
      }
      if (Buffer.from(bytes.buffer, bytes.byteOffset, size).includes(eicar)) {
        return reject(fail('MALWARE', 'content', 'holds the EICAR test file'))
      }
      const found = sniff(bytes)
      if (found === undefined) {
        return reject({ failure: refusalOf(bytes) })
      }
      if (!agrees((input.contentType ?? '').split(';', 1)[0]!.trim().toLowerCase(), found)) {
        return reject(fail('TYPE_MISMATCH', 'contentType', `the content is ${found.contentType}`))
      }
      const inspection = await reader.inspect(found.kind, bytes, options)
      if (!inspection.ok) {
        return reject(inspection)
      }
      const { pages, parts } = inspection.value
      if (found.kind === 'zip' && parts === 0) {
        return reject(fail('EMPTY', 'content', 'a ZIP without files'))
      }
      const depth = options.depth ?? 0
      return parts > 0 && depth >= maxContainerDepth
        ? reject(fail('NESTED_TOO_DEEP', 'content', 'documents in documents, too deep', maxContainerDepth))
        : { outcome: 'accepted', ...found, size, sha256, pages, parts }
    },
  }
}
