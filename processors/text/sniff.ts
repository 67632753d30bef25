import { looksLikeMail, readZipDirectory } from '../containers/index.ts'
import { fail } from '../failure.ts'
import type { Failure } from '../types.ts'
import { defaultTextBounds } from './bounds.ts'
import { looksLikeText } from './decode-text.ts'
import type { DocumentKind } from './messages.ts'

export interface Sniffed {
  readonly kind: DocumentKind
  readonly contentType: string
}

const office = 'application/vnd.openxmlformats-officedocument.'

/** Media types of the kinds that have one. */
const contentTypes: { readonly [kind in Exclude<DocumentKind, 'image'>]: string } = {
  pdf: 'application/pdf',
  xml: 'application/xml',
  text: 'text/plain',
  html: 'text/html',
  rtf: 'application/rtf',
  mail: 'message/rfc822',
  zip: 'application/zip',
  docx: `${office}wordprocessingml.document`,
  xlsx: `${office}spreadsheetml.sheet`,
  pptx: `${office}presentationml.presentation`,
  odt: 'application/vnd.oasis.opendocument.text',
  ods: 'application/vnd.oasis.opendocument.spreadsheet',
  odp: 'application/vnd.oasis.opendocument.presentation',
}

/** Office documents are ZIPs, told by the part that every one of them has. */
const mainParts: ReadonlyMap<string, 'docx' | 'xlsx' | 'pptx'> = new Map([['word/document.xml', 'docx'], ['xl/workbook.xml', 'xlsx'], ['ppt/presentation.xml', 'pptx']])

const head = 1024

/**
 * What the bytes are, whatever name and declared type say. Undefined: nothing we read. By hand, because a general library walks through
 * containers we refuse anyway, in the process that must not hang: of a ZIP only the directory is looked at, of text the beginning.
 */
export function sniff(bytes: Uint8Array): Sniffed | undefined {
  const image = imageType(bytes)
  if (image !== undefined) {
    return { kind: 'image', contentType: image }
  }
  const kind = kindOfOthers(bytes)
  return kind === undefined ? undefined : { kind, contentType: contentTypes[kind] }
}

export function kindOf(bytes: Uint8Array): DocumentKind | undefined {
  return sniff(bytes)?.kind
}

function imageType(bytes: Uint8Array): string | undefined {
  if (starts(bytes, [0xff, 0xd8, 0xff])) {
    return 'image/jpeg'
  }
  if (starts(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) {
    return 'image/png'
  }
  if (starts(bytes, [0x49, 0x49, 0x2a, 0x00]) || starts(bytes, [0x4d, 0x4d, 0x00, 0x2a])) {
    return 'image/tiff'
  }
  if (starts(bytes, [0x52, 0x49, 0x46, 0x46]) && latin1(bytes, 8, 12) === 'WEBP') {
    return 'image/webp'
  }
  return brandsOf(bytes).some((brand) => brand === 'avif' || brand === 'avis') ? 'image/avif' : undefined
}

function kindOfOthers(bytes: Uint8Array): Exclude<DocumentKind, 'image'> | undefined {
  if (latin1(bytes, 0, 4) === 'PK\x03\x04' || latin1(bytes, 0, 4) === 'PK\x05\x06') {
    return kindOfZip(bytes)
  }
  // before PDF: a mail may hold one within its first bytes
  if (looksLikeMail(bytes)) {
    return 'mail'
  }
  const first = latin1(bytes, 0, head)
  // Readers accept a PDF whose header begins within the first kilobyte.
  if (first.includes('%PDF-')) {
    return 'pdf'
  }
  if (first.startsWith('{\\rtf')) {
    return 'rtf'
  }
  if (/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<[\0]?[?A-Za-z!]/.test(first)) {
    return isHtml(first) ? 'html' : 'xml'
  }
  return !foreign.test(first) && looksLikeText(bytes) ? 'text' : undefined
}

/** Formats that begin with letters and are no text to read. */
const foreign = /^(?:GIF8|%!PS|Rar!|MZ|BM|\x7fELF|SQLite format|#!)/

/** Elements that a page, or a piece of one as mail programs write it, begins with; none of them is the root of an e-invoice. */
const htmlStart = /^<(?:!doctype\s+html|(?:html|head|body|meta|title|style|table|tbody|tr|div|p|br|span|center|font|h[1-6]|ul|ol|pre|b|strong|img|section|article|header|main)[\s/>])/i

/** What may stand before the first element: byte order mark, XML declaration, comments. */
const prologue = /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[\s\S]{0,900}?-->\s*){0,5}/

function isHtml(first: string): boolean {
  return htmlStart.test(first.replaceAll('\0', '').replace(prologue, ''))
}

function kindOfZip(bytes: Uint8Array): Exclude<DocumentKind, 'image'> {
  // OpenDocument, part 2, 3.3: the first entry is the media type itself, not packed
  if (latin1(bytes, 30, 38) === 'mimetype') {
    const declared = latin1(bytes, 38, 38 + 80)
    const kind = (['ods', 'odp', 'odt'] as const).find((one) => declared.startsWith(contentTypes[one]))
    if (kind !== undefined) {
      return kind
    }
  }
  const directory = readZipDirectory(bytes, { ...defaultTextBounds, maxParts: defaultTextBounds.maxOfficeParts })
  const names = new Set(directory.ok ? directory.value.map(({ name }) => name) : [])
  const main = names.has('[Content_Types].xml') ? [...mainParts].find(([part]) => names.has(part)) : undefined
  return main?.[1] ?? 'zip'
}

/** Names of the high-efficiency codec, which the decoder at hand must not carry. */
const heic = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1'])

/** Formats that are known and not read: why not, and what to send instead. */
export function refusalOf(bytes: Uint8Array): Failure {
  if (starts(bytes, [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1])) {
    const encrypted = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(Buffer.from('EncryptedPackage', 'utf16le'))
    return encrypted
      ? fail('ENCRYPTED', 'content', 'an office document that needs a password').failure
      : fail('FORMAT_OUTDATED', 'content', 'a file of Office before 2007 or of Outlook (.doc, .xls, .ppt, .msg): save it as DOCX, XLSX, PPTX, EML or PDF').failure
  }
  if (brandsOf(bytes).some((brand) => heic.has(brand))) {
    return fail('CODEC_MISSING', 'content', 'HEIC, whose codec is not at hand: export it as JPEG').failure
  }
  return fail('TYPE_UNSUPPORTED', 'content', 'PDF, JPEG, PNG, TIFF, WebP, AVIF, e-invoice XML, e-mail, ZIP, DOCX, XLSX, PPTX, ODT, ODS, ODP, RTF, HTML or text expected').failure
}

/** ISO 14496-12: the first box names the brands that the file follows, four letters each. */
function brandsOf(bytes: Uint8Array): readonly string[] {
  if (bytes.byteLength < 16 || latin1(bytes, 4, 8) !== 'ftyp') {
    return []
  }
  const size = Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32BE(0)
  return latin1(bytes, 8, Math.min(size, 256)).match(/.{4}/gs) ?? []
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', from, Math.min(to, bytes.byteLength))
}

function starts(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, n) => bytes[n] === byte)
}
