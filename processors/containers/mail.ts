import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import type { HeaderValue, Headers } from './mail-header.ts'
import { decodeWords, parseHeaders, parseValue } from './mail-header.ts'
import type { ContainerBounds, PartPlace } from './part.ts'
import { placeOf } from './part.ts'

/** What the sender wrote into the mail itself. */
export interface MailBody {
  readonly type: 'html' | 'plain'
  readonly bytes: Uint8Array
  readonly charset?: string
}

export interface Mail {
  readonly from: string
  readonly to: string
  readonly subject: string
  readonly date: string
  /** In the order of reading: a mailing list adds its foot as a part of its own. */
  readonly bodies: readonly MailBody[]
  /** What was sent with it: files, and mails that were forwarded. */
  readonly parts: readonly MailPart[]
}

export interface MailPart extends PartPlace {
  readonly leaf: Leaf
}

export type MailBounds = Pick<ContainerBounds, 'maxParts'>

/** A part that holds no parts: its bytes as they are encoded. */
export interface Leaf {
  readonly from: number
  readonly to: number
  readonly encoding: string
}

/** Multiparts in multiparts: what a client makes is four deep at most. */
const maxDepth = 16
const maxHeaderBytes = 256 * 1024
/** Seals of the mail itself. */
const signatures = new Set(['application/pkcs7-signature', 'application/x-pkcs7-signature', 'application/pgp-signature', 'application/pgp-keys'])
const sealed = new Set(['application/pkcs7-mime', 'application/x-pkcs7-mime', 'application/pgp-encrypted'])

/**
 * The parts of a mail (RFC 5322, 2045 to 2049): nothing is decoded but headers. Parts are counted while they are found; a mail that was cut
 * off ends where it ends.
 */
export function readMail(bytes: Uint8Array, bounds: MailBounds): Outcome<Mail> {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // the line that mailboxes put before a mail
  const from = data.subarray(0, 5).toString('latin1') === 'From ' ? Math.max(0, data.indexOf(0x0a)) + 1 : 0
  const walk = new Walk(data, bounds)
  const headers = walk.walk(from, data.length, '', 0, false)
  if (walk.refused !== undefined) {
    return walk.refused
  }
  const text = (name: string): string => decodeWords(headers.get(name) ?? '').slice(0, 2000)
  return succeed({ from: text('from'), to: text('to'), subject: text('subject'), date: text('date'), bodies: walk.bodies, parts: walk.parts })
}

class Walk {
  readonly bodies: MailBody[] = []
  readonly parts: MailPart[] = []
  refused: Outcome<never> | undefined
  readonly #data: Buffer
  readonly #bounds: MailBounds
  #seen = 0

  constructor(data: Buffer, bounds: MailBounds) {
    this.#data = data
    this.#bounds = bounds
  }

  /** @param related inside of a multipart/related: pictures are there for the text to show them */
  walk(from: number, to: number, section: string, depth: number, related: boolean): Headers {
    const split = endOfHeaders(this.#data, from, to)
    const headers = parseHeaders(this.#data.toString('latin1', from, Math.min(split.end, from + maxHeaderBytes)))
    if (this.refused !== undefined) {
      return headers
    }
    const type = parseValue(headers.get('content-type'))
    if (sealed.has(type.value) || type.value === 'multipart/encrypted') {
      this.refused = fail('ENCRYPTED', 'content', 'a mail that is encrypted or sealed (S/MIME, OpenPGP)')
      return headers
    }
    const boundary = type.parameters.get('boundary')
    if (type.value.startsWith('multipart/') && boundary !== undefined && boundary !== '') {
      this.#multipart(type.value, boundary, split.body, to, section, depth)
    } else {
      this.#leaf(headers, type, split.body, to, section === '' ? '1' : section, related)
    }
    return headers
  }

  #multipart(type: string, boundary: string, from: number, to: number, section: string, depth: number): void {
    if (depth === maxDepth) {
      this.refused = fail('NESTED_TOO_DEEP', 'content', 'a mail whose parts are nested too deep', maxDepth)
      return
    }
    const before = this.bodies.length
    let number = 0
    for (const { start, end } of this.#between(boundary, from, to)) {
      number += 1
      this.#seen += 1
      if (this.#seen > this.#bounds.maxParts) {
        this.refused = fail('TOO_MANY_PARTS', 'content', 'a mail of too many parts', this.#bounds.maxParts)
        return
      }
      this.walk(start, end, section === '' ? `${number}` : `${section}.${number}`, depth + 1, type === 'multipart/related')
      if (this.refused !== undefined) {
        return
      }
    }
    if (type === 'multipart/alternative') {
      // The same text several times: the one with a layout says where columns are.
      const same = this.bodies.splice(before)
      this.bodies.push(...(same.some(({ type: kind }) => kind === 'html') ? same.filter(({ type: kind }) => kind === 'html') : same.slice(-1)))
    }
  }

  /** Bodies between lines that are `--boundary`; the last one may have no end. */
  *#between(boundary: string, from: number, to: number): Generator<{ readonly start: number; readonly end: number }> {
    const mark = Buffer.from(`--${boundary}`, 'latin1')
    // not beyond the end: a thousand parts without a second boundary would each look through the whole mail
    const part = this.#data.subarray(0, to)
    let start: number | undefined
    for (let at = part.indexOf(mark, from); at >= 0; at = part.indexOf(mark, at + mark.length)) {
      const after = this.#data.toString('latin1', at + mark.length, Math.min(to, at + mark.length + 2))
      const atLine = at === from || this.#data[at - 1] === 0x0a || this.#data[at - 1] === 0x0d
      if (!atLine || !/^(?:$|--|[\s])/.test(after)) {
        continue
      }
      if (start !== undefined) {
        const lineEnd = this.#data[at - 1] === 0x0a && this.#data[at - 2] === 0x0d ? 2 : 1
        yield { start, end: Math.max(start, at - lineEnd) }
      }
      if (after.startsWith('--')) {
        return
      }
      const line = this.#data.indexOf(0x0a, at + mark.length)
      start = line < 0 || line >= to ? to : line + 1
    }
    if (start !== undefined && start < to) {
      yield { start, end: to }
    }
  }

  #leaf(headers: Headers, type: HeaderValue, from: number, to: number, section: string, related: boolean): void {
    const disposition = parseValue(headers.get('content-disposition'))
    const named = disposition.parameters.get('filename') ?? type.parameters.get('name')
    const leaf = { from, to, encoding: (headers.get('content-transfer-encoding') ?? '').trim().toLowerCase() }
    const declared = type.value === '' ? 'text/plain' : type.value
    const attached = disposition.value === 'attachment' || named !== undefined
    if (!attached && (declared === 'text/plain' || declared === 'text/html')) {
      const charset = type.parameters.get('charset')
      const body = { type: declared === 'text/html' ? 'html' : 'plain', bytes: decodeLeaf(this.#data, leaf) } as const
      this.bodies.push(charset === undefined ? body : { ...body, charset })
      return
    }
    const shown = related && declared.startsWith('image/') && headers.get('content-id') !== undefined && disposition.value !== 'attachment'
    if (shown || signatures.has(declared) || declared === 'message/delivery-status' || (from >= to && named === undefined)) {
      return
    }
    this.parts.push({ ...placeOf(section, named ?? nameOf(declared, section), declared), leaf })
  }
}

/** A forwarded mail seldom has a name of its own. */
function nameOf(type: string, section: string): string {
  return type === 'message/rfc822' ? `mail-${section}.eml` : type === 'text/html' ? `part-${section}.html` : `part-${section}`
}

/** Headers end at the first empty line; a part may begin with one, and then has none. */
function endOfHeaders(data: Buffer, from: number, to: number): { readonly end: number; readonly body: number } {
  for (let at = from; at < to;) {
    const line = data.indexOf(0x0a, at)
    const end = line < 0 || line >= to ? to : line
    if (end === at || (end === at + 1 && data[at] === 0x0d)) {
      return { end: at, body: Math.min(to, end + 1) }
    }
    at = end + 1
  }
  return { end: to, body: to }
}

/** A part's own bytes. What is no base64 in base64 is skipped, as every mail program does. */
export function decodeLeaf(bytes: Uint8Array, { from, to, encoding }: Leaf): Uint8Array {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (encoding) {
    case 'base64':
      return Buffer.from(data.toString('latin1', from, to), 'base64')
    case 'quoted-printable':
      return decodeQuotedPrintable(data.subarray(from, to))
    default:
      return data.subarray(from, to)
  }
}

/** RFC 2045, 6.7; what is not encoded rightly stays as it is. */
function decodeQuotedPrintable(bytes: Uint8Array): Uint8Array {
  const out = Buffer.alloc(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!
    if (byte === 0x3d) {
      const line = softBreak(bytes, at + 1)
      const value = line > 0 ? -1 : hexAt(bytes, at + 1)
      if (line > 0) {
        at = line - 1
        continue
      }
      if (value >= 0) {
        out[length++] = value
        at += 2
        continue
      }
    }
    out[length++] = byte
  }
  return out.subarray(0, length)
}

/** Blanks a gateway added may stand before the break; so many at most. */
const maxBlanks = 80

/** Behind a soft line break: where the next line begins; 0 where there is none. */
function softBreak(bytes: Uint8Array, from: number): number {
  let at = from
  while (at - from < maxBlanks && (bytes[at] === 0x20 || bytes[at] === 0x09)) {
    at += 1
  }
  if (bytes[at] === 0x0d) {
    return bytes[at + 1] === 0x0a ? at + 2 : at + 1
  }
  return bytes[at] === 0x0a ? at + 1 : 0
}

function hexAt(bytes: Uint8Array, at: number): number {
  const text = String.fromCharCode(bytes[at] ?? 0, bytes[at + 1] ?? 0)
  return /^[0-9A-Fa-f]{2}$/.test(text) ? Number.parseInt(text, 16) : -1
}

const known = new Set([
  'from', 'to', 'cc', 'subject', 'date', 'message-id', 'mime-version', 'received', 'return-path', 'content-type', 'content-transfer-encoding', 'delivered-to', 'reply-to',
  'sender', 'dkim-signature', 'in-reply-to', 'references', 'authentication-results', 'x-mailer', 'x-originating-ip', 'thread-topic', 'arc-seal', 'bcc', 'list-id', 'x-received',
])
/** Headers that only a mail has; a letter, too, may begin with from, to, subject and date. */
const onlyMail = new Set(['message-id', 'mime-version', 'received', 'return-path', 'dkim-signature', 'delivered-to', 'x-received', 'arc-seal'])
const looked = 16 * 1024

/** Do these bytes begin with the headers of a mail? */
export function looksLikeMail(bytes: Uint8Array): boolean {
  let head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(looked, bytes.byteLength)).toString('latin1')
  head = head.replace(/^\u00ef\u00bb\u00bf/, '').replace(/^From [^\r\n]{0,500}\r?\n/, '')
  const names = new Set<string>()
  for (const line of head.split(/\r?\n/)) {
    if (line === '') {
      break
    }
    const name = /^([!-9;-~]{1,80}):/.exec(line)?.[1]?.toLowerCase()
    if (name === undefined && !/^[ \t]/.test(line)) {
      // a line that is cut off, or no header at all
      break
    }
    names.add(name ?? '')
  }
  const mail = [...names].filter((name) => known.has(name)).length
  return mail >= 2 && [...names].some((name) => onlyMail.has(name))
}
