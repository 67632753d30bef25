import type { DocumentKind } from './messages.ts'

export interface Sniffed {
  readonly kind: DocumentKind
  readonly contentType: string
}

/**
 * What the first bytes are, whatever name and declared type say. Undefined: nothing we read. Seven formats by hand, because a general
 * library walks through containers we refuse anyway, in the process that must not hang.
 */
export function sniff(bytes: Uint8Array): Sniffed | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(1024, bytes.byteLength))
  if (starts(head, [0xff, 0xd8, 0xff])) {
    return { kind: 'image', contentType: 'image/jpeg' }
  }
  if (starts(head, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) {
    return { kind: 'image', contentType: 'image/png' }
  }
  if (starts(head, [0x49, 0x49, 0x2a, 0x00]) || starts(head, [0x4d, 0x4d, 0x00, 0x2a])) {
    return { kind: 'image', contentType: 'image/tiff' }
  }
  if (starts(head, [0x52, 0x49, 0x46, 0x46]) && head.subarray(8, 12).toString('latin1') === 'WEBP') {
    return { kind: 'image', contentType: 'image/webp' }
  }
  // HEIC is the same container with a codec that our decoder must not carry: it is not one of ours.
  if (isAvif(head)) {
    return { kind: 'image', contentType: 'image/avif' }
  }
  // Readers accept a PDF whose header begins within the first kilobyte.
  if (head.includes('%PDF-')) {
    return { kind: 'pdf', contentType: 'application/pdf' }
  }
  return /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<[\0]?[?A-Za-z!]/.test(head.toString('latin1')) ? { kind: 'xml', contentType: 'application/xml' } : undefined
}

export function kindOf(bytes: Uint8Array): DocumentKind | undefined {
  return sniff(bytes)?.kind
}

/** ISO 14496-12: the first box names the brands that the file follows, four letters each. */
function isAvif(head: Buffer): boolean {
  if (head.length < 16 || head.toString('latin1', 4, 8) !== 'ftyp') {
    return false
  }
  const brands: readonly string[] = head.toString('latin1', 8, Math.min(head.readUInt32BE(0), 256)).match(/.{4}/gs) ?? []
  return brands.includes('avif') || brands.includes('avis')
}

function starts(head: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, n) => head[n] === byte)
}
