import type { PDFFont } from 'pdf-lib'
import { PDFDocument, rgb, StandardFonts } from 'pdf-lib'
import type { SampleInvoice } from './invoice.ts'
import { amount, localDate } from './invoice.ts'
import type { Random } from './random.ts'

export const labels = {
  en: {
    title: ['INVOICE', 'Invoice', 'Tax Invoice'], number: ['Invoice No.', 'Invoice number', 'Invoice #'], date: ['Invoice date', 'Date', 'Date of issue'],
    due: ['Due date', 'Payment due'], to: ['Bill to', 'Customer'], columns: ['Description', 'Qty', 'Unit price', 'Amount'],
    net: ['Subtotal', 'Net total', 'Total net'], tax: ['VAT', 'Tax'], gross: ['Total', 'Total due', 'Amount due', 'Grand total'],
    vatId: 'VAT Reg. No.', iban: 'IBAN', thanks: 'Thank you for your business. Please quote the invoice number with your payment.',
  },
  de: {
    title: ['RECHNUNG', 'Rechnung'], number: ['Rechnungsnummer', 'Rechnungs-Nr.', 'Rechnung Nr.'], date: ['Rechnungsdatum', 'Datum'],
    due: ['Fällig am', 'Zahlbar bis'], to: ['Rechnung an', 'Kunde'], columns: ['Bezeichnung', 'Menge', 'Einzelpreis', 'Gesamt'],
    net: ['Zwischensumme', 'Nettobetrag', 'Summe netto'], tax: ['MwSt.', 'USt.'], gross: ['Gesamtbetrag', 'Rechnungsbetrag', 'Bruttobetrag'],
    vatId: 'USt-IdNr.', iban: 'IBAN', thanks: 'Vielen Dank für Ihren Auftrag. Bitte geben Sie bei der Zahlung die Rechnungsnummer an.',
  },
} as const

const faces = [
  [StandardFonts.Helvetica, StandardFonts.HelveticaBold],
  [StandardFonts.TimesRoman, StandardFonts.TimesRomanBold],
  [StandardFonts.Courier, StandardFonts.CourierBold],
] as const

/** Words of a vendor's own beside its values. */
export interface OwnWords {
  readonly number?: string
  readonly date?: string
  readonly due?: string
  readonly gross?: string
}

export interface DrawOptions {
  /** Printed wrong on purpose. */
  readonly printedGross?: number
  readonly words?: OwnWords
}

/** An A4 page with one of several layouts, as an invoicing program would write it. */
export async function drawInvoice(random: Random, invoice: SampleInvoice, options: DrawOptions = {}): Promise<PDFDocument> {
  const document = await PDFDocument.create()
  const stamp = new Date(`${invoice.issueDate}T08:00:00Z`)
  document.setCreationDate(stamp)
  document.setModificationDate(stamp)
  document.setProducer('Millrace samples')
  const [face, boldFace] = random.pick(faces)
  const regular = await document.embedFont(face)
  const bold = await document.embedFont(boldFace)
  const page = document.addPage([595.28, 841.89])
  const words = labels[invoice.language]
  const own = options.words ?? {}
  const ink = random.pick([rgb(0, 0, 0), rgb(0.1, 0.1, 0.35), rgb(0.2, 0.2, 0.2)])
  const put = (text: string, x: number, y: number, size = 10, font: PDFFont = regular): void => page.drawText(text, { x, y, size, font, color: ink })
  const putRight = (text: string, right: number, y: number, size = 10, font: PDFFont = regular): void => put(text, right - font.widthOfTextAtSize(text, size), y, size, font)
  const left = random.integer(42, 64)
  const right = 595 - random.integer(42, 64)
  const sellerRight = random.next() < 0.5
  const { seller, buyer } = invoice
  const place = sellerRight ? putRight : put
  const edge = sellerRight ? right : left
  place(seller.name, edge, 785, 14, bold)
  place(seller.street, edge, 770)
  place(`${seller.postcode} ${seller.city}`, edge, 758)
  place(`${words.vatId} ${seller.vatId}`, edge, 746)
  put(random.pick(words.title), left, 700, 22, bold)
  put(random.pick(words.to), left, 672, 9)
  put(buyer.name, left, 660)
  put(buyer.street, left, 648)
  put(`${buyer.postcode} ${buyer.city}`, left, 636)
  const style = random.integer(0, 2)
  const facts: [string, string][] = [
    [own.number ?? random.pick(words.number), invoice.number],
    [own.date ?? random.pick(words.date), localDate(invoice.issueDate, invoice.language, style)],
    [own.due ?? random.pick(words.due), localDate(invoice.dueDate, invoice.language, style)],
  ]
  const inline = random.next() < 0.5
  for (const [n, [label, value]] of facts.entries()) {
    if (inline) {
      put(`${label}: ${value}`, 350, 672 - 14 * n)
    } else {
      put(label, 350, 672 - 14 * n)
      putRight(value, right, 672 - 14 * n)
    }
  }
  let y = 590
  const columns = [left, right - 190, right - 85, right] as const
  put(words.columns[0], columns[0], y, 10, bold)
  for (const n of [1, 2, 3] as const) {
    putRight(words.columns[n], columns[n], y, 10, bold)
  }
  page.drawLine({ start: { x: left, y: y - 4 }, end: { x: right, y: y - 4 }, thickness: 0.7, color: ink })
  for (const line of invoice.lines) {
    y -= 18
    put(line.description, columns[0], y)
    putRight(String(line.quantity), columns[1], y)
    putRight(amount(line.unitPrice, invoice.language), columns[2], y)
    putRight(amount(line.total, invoice.language), columns[3], y)
  }
  page.drawLine({ start: { x: left, y: y - 8 }, end: { x: right, y: y - 8 }, thickness: 0.7, color: ink })
  y -= 26
  const symbol = invoice.currency === 'EUR' ? '€' : '£'
  const prefix = random.next() < 0.5
  const money = (cents: number): string => {
    const text = amount(cents, invoice.language)
    return invoice.language === 'de' ? `${text} ${prefix ? 'EUR' : symbol}` : prefix ? `${symbol}${text}` : `GBP ${text}`
  }
  const totals: [string, number, PDFFont][] = [
    [random.pick(words.net), invoice.net, regular],
    [`${random.pick(words.tax)} ${invoice.taxRate}%`, invoice.tax, regular],
    [own.gross ?? random.pick(words.gross), options.printedGross ?? invoice.gross, bold],
  ]
  for (const [label, cents, font] of totals) {
    put(label, right - 220, y, 10, font)
    putRight(money(cents), right, y, 10, font)
    y -= 16
  }
  put(`${words.iban}: ${seller.iban.replace(/(.{4})(?=.)/g, '$1 ')}`, left, 96, 9)
  put(words.thanks, left, 82, 9)
  return document
}
