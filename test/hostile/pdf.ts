import { deflateRawSync, deflateSync } from 'node:zlib'

/** An object's body: a dictionary as text, or a stream. */
export type PdfObject = string | { readonly dictionary: string; readonly data: Uint8Array }

/** A PDF of these objects, numbered from 1, the first of which is the catalogue; written by hand, so that nothing in it need make sense. */
export function pdfOf(objects: readonly PdfObject[], trailer = ''): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')]
  const offsets: number[] = []
  let at = parts[0]!.length
  const add = (part: Uint8Array | string): void => {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part)
    parts.push(bytes)
    at += bytes.length
  }
  for (const [n, object] of objects.entries()) {
    offsets.push(at)
    add(`${n + 1} 0 obj\n`)
    if (typeof object === 'string') {
      add(object)
    } else {
      add(`<< ${object.dictionary} /Length ${object.data.length} >>\nstream\n`)
      add(object.data)
      add('\nendstream')
    }
    add('\nendobj\n')
  }
  const table = at
  add(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')}`)
  add(`trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${table}\n%%EOF\n`)
  return Buffer.concat(parts)
}

/** One page with this content; `extra` objects follow from number 5 on. */
export function pageOf(content: PdfObject, resources = '/Font << /F 4 0 R >>', extra: readonly PdfObject[] = [], page = ''): Buffer {
  return pdfOf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << ${resources} >> /Contents ${extra.length + 5} 0 R ${page} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...extra,
    content,
  ])
}

/** So many bytes of blanks, as deflate packs them: about a thousandth. Packed in pieces, so that making a bomb needs no memory. */
export function deflatedBlanks(bytes: number): Buffer {
  return deflateSync(Buffer.alloc(bytes, 0x20), { level: 9 })
}

/** The same without a frame: what a ZIP's entry holds. */
export function rawBlanks(bytes: number): Buffer {
  return deflateRawSync(Buffer.alloc(bytes, 0x20), { level: 9 })
}

export function stream(data: Uint8Array | string, dictionary = ''): PdfObject {
  return { dictionary, data: typeof data === 'string' ? Buffer.from(data, 'latin1') : data }
}
