/** Headers of RFC 5322 with the encodings of RFC 2047 (words) and RFC 2231 (parameters). Linear in their length, whatever they say. */

export interface Headers {
  /** The first value of a header, unfolded; undefined where there is none. */
  get(name: string): string | undefined
}

export interface HeaderValue {
  /** Lower case, without parameters. */
  readonly value: string
  readonly parameters: ReadonlyMap<string, string>
}

/** Longer ones are cut: no name, subject or address needs more. */
const maxValue = 8000
const maxHeaders = 2000

/** @param text the header lines, one character per byte */
export function parseHeaders(text: string): Headers {
  const headers = new Map<string, string>()
  let name = ''
  let value = ''
  const keep = (): void => {
    if (name !== '' && !headers.has(name) && headers.size < maxHeaders) {
      headers.set(name, value.trim())
    }
  }
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (/^[ \t]/.test(line)) {
      value += value.length < maxValue ? ` ${line.trim().slice(0, maxValue)}` : ''
      continue
    }
    keep()
    const colon = line.indexOf(':')
    name = colon > 0 ? line.slice(0, colon).trim().toLowerCase() : ''
    value = colon > 0 ? line.slice(colon + 1).slice(0, maxValue) : ''
  }
  keep()
  return { get: (wanted) => headers.get(wanted) }
}

/** `attachment; filename*0="a"; filename*1*=utf-8''%20b`. Parts of a value are put together in their order. */
export function parseValue(header: string | undefined): HeaderValue {
  if (header === undefined) {
    return { value: '', parameters: new Map() }
  }
  const semicolon = header.indexOf(';')
  const value = (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase()
  const pieces = new Map<string, { readonly order: number; readonly encoded: boolean; readonly text: string }[]>()
  const pattern = /;\s*([^\s=;"]{1,80})\s*=\s*(?:"((?:[^"\\]|\\.){0,8000})"|([^;]{0,8000}))/g
  for (const match of semicolon < 0 ? [] : header.slice(semicolon).matchAll(pattern)) {
    const name = /^([^*]+)(?:\*(\d{1,3}))?(\*)?$/.exec(match[1]!.toLowerCase())
    if (name !== null) {
      const text = match[2] === undefined ? match[3]!.trim() : match[2].replace(/\\(["\\])/g, '$1')
      const of = pieces.get(name[1]!) ?? []
      of.push({ order: Number(name[2] ?? -1), encoded: name[3] !== undefined, text })
      pieces.set(name[1]!, of)
    }
  }
  return { value, parameters: new Map([...pieces].map(([name, of]) => [name, parameterOf(of)])) }
}

function parameterOf(pieces: readonly { readonly order: number; readonly encoded: boolean; readonly text: string }[]): string {
  const whole = pieces.find(({ order, encoded }) => order < 0 && encoded) ?? pieces.find(({ order }) => order < 0)
  const parts = whole === undefined ? [...pieces].sort((a, b) => a.order - b.order) : [whole]
  if (!parts.some(({ encoded }) => encoded)) {
    return decodeWords(parts.map(({ text }) => text).join(''))
  }
  const charset = /^([^']{0,40})'[^']{0,40}'/.exec(parts[0]!.text)
  const bytes = parts.map(({ text, encoded }, n) => {
    const plain = n === 0 && charset !== null ? text.slice(charset[0].length) : text
    return encoded ? plain.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : plain
  })
  return decode(Buffer.from(bytes.join(''), 'latin1'), charset?.[1] ?? 'utf-8')
}

/** Encoded words (RFC 2047), also inside of quotes, where they must not stand and do. What is not encoded is UTF-8 if it is that (RFC 6532). */
export function decodeWords(text: string): string {
  const joined = text.replace(/(\?=)\s+(?==\?)/g, '$1')
  let at = 0
  let out = ''
  /** Bytes of neighbours: a letter may be cut in two. */
  let pending: { charset: string; bytes: Buffer[] } | undefined
  const flush = (): void => {
    out += pending === undefined ? '' : decode(Buffer.concat(pending.bytes), pending.charset)
    pending = undefined
  }
  for (const match of joined.matchAll(/=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]{0,2000})\?=/g)) {
    if (match.index > at) {
      flush()
      out += decode(Buffer.from(joined.slice(at, match.index), 'latin1'), 'utf-8')
    }
    at = match.index + match[0].length
    const charset = match[1]!.split('*', 1)[0]!.toLowerCase()
    const bytes = match[2]!.toLowerCase() === 'b' ? Buffer.from(match[3]!, 'base64') : decodeQ(match[3]!)
    if (pending?.charset !== charset) {
      flush()
      pending = { charset, bytes: [] }
    }
    pending.bytes.push(bytes)
  }
  flush()
  return out + decode(Buffer.from(joined.slice(at), 'latin1'), 'utf-8')
}

function decodeQ(text: string): Buffer {
  return Buffer.from(text.replaceAll('_', ' ').replace(/=([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1')
}

function decode(bytes: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}
