import { PDFiumLibrary } from '@hyzyla/pdfium'
import { PDFDocument, rgb, StandardFonts } from 'pdf-lib'
import type { Sharp } from 'sharp'
import sharp from 'sharp'
import type { SampleInvoice } from './invoice.ts'
import { decimal, localDate } from './invoice.ts'
import type { Random } from './random.ts'

/** A till receipt, prices with tax, as a narrow PDF page. Glyphs are the PDF standard fonts: no font of the machine is needed. */
async function drawReceipt(random: Random, invoice: SampleInvoice): Promise<Uint8Array> {
  const document = await PDFDocument.create()
  const regular = await document.embedFont(random.pick([StandardFonts.Helvetica, StandardFonts.Courier]))
  const bold = await document.embedFont(StandardFonts.HelveticaBold)
  const width = 300
  const height = 300 + 16 * invoice.lines.length
  const page = document.addPage([width, height])
  let y = height - 36
  const center = (text: string, size = 10, font = regular): void => {
    page.drawText(text, { x: (width - font.widthOfTextAtSize(text, size)) / 2, y, size, font })
    y -= size + 6
  }
  const pair = (left: string, right: string, size = 10, font = regular): void => {
    page.drawText(left, { x: 24, y, size, font })
    page.drawText(right, { x: width - 24 - font.widthOfTextAtSize(right, size), y, size, font })
    y -= size + 6
  }
  const rule = (): void => {
    page.drawLine({ start: { x: 24, y: y + 6 }, end: { x: width - 24, y: y + 6 }, thickness: 0.8, color: rgb(0, 0, 0) })
    y -= 8
  }
  center(invoice.seller.name, 13, bold)
  center(invoice.seller.street)
  center(`${invoice.seller.postcode} ${invoice.seller.city}`)
  center(`VAT ${invoice.seller.vatId}`)
  y -= 6
  center('RECEIPT', 12, bold)
  pair('Receipt No.', invoice.number)
  pair('Date', localDate(invoice.issueDate, 'en', 1))
  rule()
  for (const line of invoice.lines) {
    pair(`${line.quantity} ${line.description}`, decimal(line.total))
  }
  rule()
  pair('SUBTOTAL', decimal(invoice.net))
  pair(`VAT ${invoice.taxRate}%`, decimal(invoice.tax))
  pair('TOTAL GBP', decimal(invoice.gross), 13, bold)
  pair(random.pick(['CASH', 'CARD']), decimal(invoice.gross))
  y -= 6
  center('Thank you, please come again')
  return document.save()
}

let library: ReturnType<typeof PDFiumLibrary.init> | undefined

async function render(pdf: Uint8Array, dpi: number): Promise<Sharp> {
  const document = await (await (library ??= PDFiumLibrary.init())).loadDocument(pdf)
  try {
    const { data, width, height } = await document.getPage(0).render({ scale: dpi / 72, render: 'bitmap' })
    const { data: grey, info } = await sharp(data, { raw: { width, height, channels: 4 } })
      .flatten({ background: '#ffffff' }).greyscale().raw().toBuffer({ resolveWithObject: true })
    return sharp(grey, { raw: { width: info.width, height: info.height, channels: info.channels } })
  } finally {
    document.destroy()
  }
}

/** What a scanner makes of a page: grey paper, a little rotation, grain. */
export async function scan(random: Random, pdf: Uint8Array, dpi: number, format: 'jpeg' | 'png'): Promise<Uint8Array> {
  const angle = (random.next() - 0.5) * 1.6
  const turned = await (await render(pdf, dpi))
    .rotate(angle, { background: '#ffffff' })
    .linear(0.85, random.integer(14, 30))
    .blur(0.4 + random.next() * 0.3)
    .greyscale()
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const { data, info } = turned
  for (let n = 0; n < data.length; n += 1) {
    data[n] = Math.max(0, Math.min(255, data[n]! + (random.next() + random.next() - 1) * 22))
  }
  const image = sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })
  return format === 'jpeg' ? image.jpeg({ quality: random.integer(70, 88) }).toBuffer() : image.png().toBuffer()
}

export async function scanReceipt(random: Random, invoice: SampleInvoice, format: 'jpeg' | 'png'): Promise<Uint8Array> {
  return scan(random, await drawReceipt(random, invoice), random.integer(180, 220), format)
}

/** A PDF that holds nothing but a picture. */
export async function scanToPdf(random: Random, pdf: Uint8Array): Promise<Uint8Array> {
  const jpeg = await scan(random, pdf, 190, 'jpeg')
  const document = await PDFDocument.create()
  const stamp = new Date(0)
  document.setCreationDate(stamp)
  document.setModificationDate(stamp)
  const image = await document.embedJpg(jpeg)
  document.addPage([595.28, 841.89]).drawImage(image, { x: 0, y: 0, width: 595.28, height: 841.89 })
  return document.save()
}
