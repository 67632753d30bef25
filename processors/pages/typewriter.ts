import { fail, succeed } from '../failure.ts'
import { defaultTextBounds } from '../text/bounds.ts'
import { readFlow } from '../text/formats.ts'
import type { FlowKind } from '../text/messages.ts'
import type { Outcome, TextPage } from '../types.ts'

/** Windows-1252 from 0x80 on: what a standard font of PDF can show besides Latin-1. */
const windows = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

/**
 * A page of a format that has none, as it was laid out to be read (`../text/flow.ts`): a PDF of one page in Courier, whose letters are as wide as
 * the layout's, so that boxes fit on it. Letters that the standard fonts do not have are question marks here, and nowhere else.
 */
export function typePage(kind: FlowKind, bytes: Uint8Array, page: number): Outcome<Buffer> {
  const pages = readFlow(kind, bytes, defaultTextBounds)
  if (!pages.ok) {
    return pages
  }
  const typed = pages.value[page - 1]
  return typed === undefined ? fail('CORRUPT', 'content', 'a page that is not there') : succeed(pdfOf(typed))
}

/** Courier's letters are 0.6 of its size wide. */
const widthOfLetter = 0.6
/** How far the line that letters stand on is below the top of their box. */
const ascent = 0.8

function pdfOf({ width, height, lines }: TextPage): Buffer {
  const shown = lines.map(({ text, box }) => {
    const size = box.width / text.length / widthOfLetter
    return `BT /F ${number(size)} Tf 1 0 0 1 ${number(box.x)} ${number(height - box.y - ascent * box.height)} Tm <${encode(text)}> Tj ET`
  })
  const content = shown.join('\n')
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${number(width)} ${number(height)}] /Resources << /Font << /F 4 0 R >> >> /Contents 5 0 R >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
  ]
  let pdf = '%PDF-1.7\n'
  const places = objects.map((object, n) => {
    const at = pdf.length
    pdf += `${n + 1} 0 obj\n${object}\nendobj\n`
    return at
  })
  const table = pdf.length
  pdf += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('')}`
  return Buffer.from(`${pdf}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`, 'latin1')
}

const number = (value: number): string => value.toFixed(2)

/** Each letter keeps its place: the text's units are counted, not its characters. */
function encode(text: string): string {
  let hex = ''
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    const place = windows.indexOf(text[at]!)
    const byte = code < 0x80 || (code >= 0xa0 && code <= 0xff) ? code : place >= 0 ? 0x80 + place : 0x3f
    hex += byte.toString(16).padStart(2, '0')
  }
  return hex
}
