/** Bytes that are looked at to tell text from anything else. */
const looked = 4096
/** Windows-1252, as browsers take Latin-1: the guess that is never wrong about more than single letters. */
const fallback = 'windows-1252'

/**
 * Text of whatever encoding: byte order mark, else what is declared, else UTF-8 if it is that, else UTF-16 by its zero bytes, else
 * Windows-1252. Never refuses: bytes that the encoding does not know become U+FFFD.
 * @param declared a label of the WHATWG encoding standard, from a header or a meta element; unknown ones count as none
 */
export function decodeText(bytes: Uint8Array, declared?: string): string {
  return new TextDecoder(encodingOf(bytes, declared)).decode(bytes)
}

function encodingOf(bytes: Uint8Array, declared: string | undefined): string {
  const marked = byMark(bytes)
  if (marked !== undefined) {
    return marked
  }
  const label = declared === undefined ? undefined : canonical(declared)
  if (label !== undefined && label !== 'utf-8') {
    // it was declared in single bytes, so it cannot be UTF-16, unless a mail says so of text that is
    return label.startsWith('utf-16') && byZeros(bytes) === undefined ? utf8Or(fallback, bytes) : label
  }
  return byZeros(bytes) ?? utf8Or(fallback, bytes)
}

function byMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return 'utf-8'
  }
  return bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined
}

function byZeros(bytes: Uint8Array): string | undefined {
  const head = bytes.subarray(0, looked)
  const zeros = [0, 0]
  for (const [at, byte] of head.entries()) {
    zeros[at % 2]! += byte === 0 ? 1 : 0
  }
  // most letters of any alphabetic script have their zero in the same half
  const enough = head.length / 4
  return zeros[1]! > enough && zeros[0] === 0 ? 'utf-16le' : zeros[0]! > enough && zeros[1] === 0 ? 'utf-16be' : undefined
}

function utf8Or(other: string, bytes: Uint8Array): string {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return 'utf-8'
  } catch {
    return other
  }
}

function canonical(label: string): string | undefined {
  try {
    return new TextDecoder(label.trim().slice(0, 40)).encoding
  } catch {
    return undefined
  }
}

/** Do these bytes begin as text does? No control characters but those of lines; UTF-16 only with a byte order mark. */
export function looksLikeText(bytes: Uint8Array): boolean {
  const mark = byMark(bytes)
  if (mark === 'utf-16le' || mark === 'utf-16be') {
    const text = new TextDecoder(mark).decode(bytes.subarray(0, looked - (looked % 2)))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    return !/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text) && text.trim() !== ''
  }
  let printable = 0
  let high = 0
  for (const byte of bytes.subarray(0, looked)) {
    if (byte < 0x09 || (byte > 0x0d && byte < 0x20) || byte === 0x7f) {
      return false
    }
    printable += byte > 0x20 ? 1 : 0
    high += byte >= 0x80 ? 1 : 0
  }
  // In every encoding that begins with ASCII a document has blanks, digits and lines; bytes that are mostly high and no UTF-8 are noise.
  return printable > 0 && (2 * high <= printable || isUtf8(bytes.subarray(0, looked)))
}

/** A sequence that is cut off at the end is none the worse. */
function isUtf8(head: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}
