/**
 * Invoices in many layouts, each with its truth: four languages, columns in several orders and alignments, units, discounts, one or two
 * rates, long tables over pages, facts and totals in several places. Wider than `samples/`, which shows the pipeline and not its reading.
 */
import type { PDFFont } from 'pdf-lib'
import { PDFDocument, StandardFonts } from 'pdf-lib'
import type { Random } from '../../samples/random.ts'
import { createRandom } from '../../samples/random.ts'

type Kind = 'pos' | 'sku' | 'desc' | 'qty' | 'unit' | 'price' | 'disc' | 'rate' | 'total'

interface Words {
  readonly columns: Readonly<Record<Kind, readonly string[]>>
  readonly number: readonly string[]
  readonly date: readonly string[]
  readonly due: readonly string[]
  readonly to: readonly string[]
  readonly net: readonly string[]
  readonly tax: readonly string[]
  readonly gross: readonly string[]
  readonly goods: readonly string[]
  readonly point: '.' | ','
  readonly group: string
  readonly rates: readonly [number, number]
  readonly currency: readonly [string, string]
}

const languages: readonly Words[] = [
  {
    columns: {
      pos: ['#', 'Pos', 'No.', 'Line'], sku: ['Item No.', 'SKU', 'Code'], desc: ['Description', 'Item', 'Product', 'Service'], qty: ['Qty', 'Quantity', 'Units'], unit: ['Unit', 'UOM'],
      price: ['Unit Price', 'Price', 'Rate'], disc: ['Disc.', 'Discount'], rate: ['VAT', 'Tax %', 'VAT Rate'], total: ['Amount', 'Total', 'Line Total', 'Net Amount'],
    },
    number: ['Invoice No.', 'Invoice Number', 'Invoice #', 'Invoice'], date: ['Date', 'Invoice Date', 'Issue date', 'Dated'], due: ['Due Date', 'Payment due by', 'Pay by'], to: ['Bill To', 'Customer', 'Invoice to'],
    net: ['Subtotal', 'Net Total', 'Total excl. VAT'], tax: ['VAT', 'Total VAT', 'Tax'], gross: ['Total', 'Grand Total', 'Total incl. VAT', 'Amount Due', 'Invoice Total'],
    goods: ['Oak shelf', 'Desk lamp with cable', 'Service hour', 'Steel ruler 30 cm', 'Coffee beans', 'Cable drum'], point: '.', group: ',', rates: [20, 5], currency: ['£', 'GBP'],
  },
  {
    columns: {
      pos: ['Pos.', 'Pos', 'Nr.'], sku: ['Art.-Nr.', 'Artikelnummer', 'Artikel-Nr.'], desc: ['Bezeichnung', 'Beschreibung', 'Leistung', 'Artikel'], qty: ['Menge', 'Anzahl'], unit: ['Einheit', 'ME'],
      price: ['Einzelpreis', 'E-Preis', 'Preis', 'Einzelpreis netto'], disc: ['Rabatt'], rate: ['USt.', 'MwSt.', 'USt. %', 'MwSt-Satz'], total: ['Gesamt', 'Gesamtpreis', 'Betrag', 'Summe', 'Gesamt netto'],
    },
    number: ['Rechnungsnummer', 'Rechnungs-Nr.', 'Rechnung Nr.', 'Beleg-Nr.'], date: ['Datum', 'Rechnungsdatum', 'Belegdatum'], due: ['Fällig am', 'Zahlbar bis', 'Fälligkeit'], to: ['Rechnung an', 'Kunde', 'Rechnungsempfänger'],
    net: ['Zwischensumme', 'Nettobetrag', 'Summe netto', 'Gesamt netto'], tax: ['USt.', 'MwSt.', 'Umsatzsteuer', 'zzgl. MwSt.'], gross: ['Gesamtbetrag', 'Rechnungsbetrag', 'Bruttobetrag', 'Endbetrag', 'Gesamtsumme'],
    goods: ['Eichenregal', 'Schreibtischlampe mit Kabel', 'Servicestunde', 'Stahllineal 30 cm', 'Kaffeebohnen', 'Kabeltrommel'], point: ',', group: '.', rates: [19, 7], currency: ['€', 'EUR'],
  },
  {
    columns: {
      pos: ['N°', 'Ligne'], sku: ['Référence', 'Réf.', 'Code'], desc: ['Désignation', 'Description', 'Libellé'], qty: ['Qté', 'Quantité'], unit: ['Unité'],
      price: ['Prix unitaire', 'P.U. HT', 'Prix unitaire HT', 'PU HT'], disc: ['Remise'], rate: ['TVA', 'Taux TVA', '% TVA'], total: ['Montant HT', 'Total HT', 'Montant', 'Prix total'],
    },
    number: ['Facture n°', 'N° de facture', 'Numéro de facture'], date: ['Date', 'Date de facture', "Date d'émission"], due: ["Date d'échéance", 'Échéance'], to: ['Facturé à', 'Client', 'Adresse de facturation'],
    net: ['Total HT', 'Sous-total', 'Montant HT'], tax: ['TVA', 'Total TVA', 'Montant TVA'], gross: ['Total TTC', 'Montant TTC', 'Net à payer'],
    goods: ['Étagère en chêne', 'Lampe de bureau', 'Heure de service', 'Règle en acier 30 cm', 'Café en grains'], point: ',', group: ' ', rates: [20, 5.5], currency: ['€', 'EUR'],
  },
  {
    columns: {
      pos: ['Nr.'], sku: ['Artikelnr.', 'Code'], desc: ['Omschrijving'], qty: ['Aantal', 'Hoeveelheid'], unit: ['Eenheid'], price: ['Prijs', 'Stukprijs'], disc: ['Korting'], rate: ['BTW', 'BTW %'], total: ['Bedrag', 'Totaal'],
    },
    number: ['Factuurnummer', 'Factuur nr.'], date: ['Factuurdatum', 'Datum'], due: ['Vervaldatum'], to: ['Factuuradres', 'Klant'], net: ['Subtotaal', 'Totaal excl. BTW'], tax: ['BTW', 'BTW bedrag'],
    gross: ['Totaal', 'Totaal incl. BTW', 'Te betalen'], goods: ['Eiken plank', 'Bureaulamp', 'Stalen liniaal 30 cm', 'Koffiebonen', 'Uur service'], point: ',', group: '.', rates: [21, 9], currency: ['€', 'EUR'],
  },
]

export interface LayoutTruth {
  readonly fields: Readonly<Record<string, string>>
  readonly lines: readonly Readonly<Record<string, string>>[]
}

interface Line {
  readonly text: string
  readonly more: string
  readonly quantity: number
  readonly price: number
  readonly rate: number
  readonly discount: number
  readonly number: string
  readonly total: number
}

const cents = (value: number): string => (value / 100).toFixed(2)

/** The invoice of a seed, as a PDF, and what stands in it. */
export async function layoutOf(seed: number): Promise<{ readonly bytes: Uint8Array; readonly truth: LayoutTruth }> {
  const random = createRandom(seed)
  const words = random.pick(languages)
  const write = (value: number, decimals = 2): string => {
    const [whole, fraction] = (value / 10 ** decimals).toFixed(decimals).split('.')
    return `${whole!.replace(/\B(?=(\d{3})+$)/g, words.group)}${words.point}${fraction}`
  }
  const lines = linesOf(random, words)
  const net = lines.reduce((sum, line) => sum + line.total, 0)
  const byRate = new Map<number, number>()
  for (const line of lines) {
    byRate.set(line.rate, (byRate.get(line.rate) ?? 0) + line.total)
  }
  const taxes = [...byRate].map(([rate, basis]) => ({ rate, amount: Math.round((basis * rate) / 100) }))
  const tax = taxes.reduce((sum, one) => sum + one.amount, 0)
  const number = random.pick([`INV-${random.digits(5)}`, `1${random.digits(6)}`, `R${random.digits(4)}/${random.digits(3)}`, `2026-${random.digits(4)}`])
  const issueDate = `2026-${String(random.integer(1, 11)).padStart(2, '0')}-${random.integer(13, 28)}`
  const dueDate = `2026-12-${random.integer(13, 28)}`
  const dateStyle = random.integer(0, 2)
  const day = (iso: string): string => {
    const [year, month, date] = iso.split('-')
    return [`${date}.${month}.${year}`, `${date}/${month}/${year}`, iso][dateStyle]!
  }

  const document = await PDFDocument.create()
  const font = await document.embedFont(random.pick([StandardFonts.Helvetica, StandardFonts.TimesRoman, StandardFonts.Courier]))
  const size = random.pick([8, 9, 10])
  const sheet = new Sheet(document, font, size)
  for (const [n, text] of ['Birkenhof Handel GmbH', 'Waldweg 4', '10115 Berlin'].entries()) {
    sheet.put(text, 50, 800 - 12 * n)
  }
  for (const [n, text] of [random.pick(words.to), 'Eiche & Partner AG', 'Talstr. 9', '20095 Hamburg'].entries()) {
    sheet.put(text, 50, 730 - 12 * n)
  }
  const style = random.integer(0, 1)
  for (const [n, [label, value]] of [[random.pick(words.number), number], [random.pick(words.date), day(issueDate)], [random.pick(words.due), day(dueDate)]].entries()) {
    if (style === 0) {
      sheet.put(`${label}: ${value}`, 340, 730 - 14 * n)
    } else {
      sheet.put(label!, 340, 730 - 14 * n)
      sheet.putRight(value!, 545, 730 - 14 * n)
    }
  }
  const withRate = random.next() < 0.5
  let y = drawTable(sheet, random, words, lines, write, withRate)
  if (y < 200) {
    sheet.turn()
    y = 790
  }
  y -= 30
  const inOneRun = random.next() < 0.5
  const currency = random.pick(words.currency)
  const sum = (label: string, value: number): void => {
    if (inOneRun) {
      sheet.putRight(`${label}: ${write(value)} ${currency}`, 545, y)
    } else {
      sheet.put(label, 350, y)
      sheet.putRight(`${write(value)} ${currency}`, 545, y)
    }
    y -= 14
  }
  const taxLabel = random.pick(words.tax)
  sum(random.pick(words.net), net)
  for (const one of taxes) {
    sum(`${taxLabel} ${String(one.rate).replace('.', words.point)}%`, one.amount)
  }
  sum(random.pick(words.gross), net + tax)
  return {
    bytes: await document.save(),
    truth: {
      fields: { invoiceNumber: number, issueDate, dueDate, taxBasisTotal: cents(net), taxTotal: cents(tax), grandTotal: cents(net + tax), currency: words.currency[1], seller: 'Birkenhof Handel GmbH', buyer: 'Eiche & Partner AG' },
      lines: lines.map((line) => ({
        description: line.more === '' ? line.text : `${line.text} ${line.more}`, quantity: String(line.quantity), unitPrice: cents(line.price), lineTotal: cents(line.total),
        ...(withRate ? { taxRate: String(line.rate) } : {}),
      })),
    },
  }
}

function linesOf(random: Random, words: Words): Line[] {
  const rates = random.next() < 0.4 ? words.rates : [words.rates[0]]
  const discounts = random.next() < 0.15
  return Array.from({ length: random.next() < 0.15 ? random.integer(28, 40) : random.integer(1, 9) }, () => {
    const quantity = random.integer(1, 40)
    const price = random.integer(95, 90_000)
    const discount = discounts && random.next() < 0.5 ? 10 : 0
    return {
      text: `${random.pick(words.goods)} ${random.integer(10, 99)}`, more: random.next() < 0.25 ? random.pick(words.goods).toLowerCase() : '', quantity, price, rate: random.pick(rates), discount,
      number: `A${random.digits(4)}`, total: Math.round((quantity * price * (100 - discount)) / 100),
    }
  })
}

/** @returns the height below the last line */
function drawTable(sheet: Sheet, random: Random, words: Words, lines: readonly Line[], write: (value: number, decimals?: number) => string, withRate: boolean): number {
  const columns: { readonly kind: Kind; readonly title: string; readonly width: number; readonly number: boolean }[] = []
  const add = (kind: Kind, width: number, number: boolean): void => {
    const title = random.pick(words.columns[kind])
    columns.push({ kind, title, width: kind === 'desc' ? 0 : Math.max(width, sheet.width(title) + 12), number })
  }
  const some = (share: number): boolean => random.next() < share
  if (some(0.5)) {
    add('pos', 24, false)
  }
  if (some(0.4)) {
    add('sku', 55, false)
  }
  const quantityFirst = some(0.25)
  const unitColumn = some(0.25)
  if (quantityFirst) {
    add('qty', 50, true)
  }
  add('desc', 0, false)
  if (!quantityFirst) {
    add('qty', 50, true)
  }
  if (unitColumn && !quantityFirst) {
    add('unit', 40, false)
  }
  add('price', 66, true)
  if (lines.some((line) => line.discount > 0)) {
    add('disc', 44, true)
  }
  if (withRate) {
    add('rate', 45, true)
  }
  add('total', 72, true)
  const rest = 495 - columns.reduce((sum, column) => sum + column.width, 0)
  let x = 50
  const placed = columns.map((column) => {
    const width = column.kind === 'desc' ? rest : column.width
    x += width
    return { ...column, x: x - width, width }
  })
  const titlesRight = some(0.5)
  const sign = some(0.3) ? ` ${words.currency[0]}` : ''
  const fourDecimals = some(0.2)
  const unitBehind = !unitColumn && !quantityFirst && some(0.3)
  const cell = (column: (typeof placed)[number], text: string, y: number, right: boolean): void =>
    right ? sheet.putRight(text, column.x + column.width - 6, y) : sheet.put(text, column.x, y)
  const titles = (y: number): void => {
    for (const column of placed) {
      cell(column, column.title, y, column.number && titlesRight)
    }
  }
  let y = 610
  titles(y)
  for (const [n, line] of lines.entries()) {
    y -= 15
    if (y < 90) {
      sheet.turn()
      y = 765
      titles(y + 15)
    }
    const values: Record<Kind, string> = {
      pos: String(n + 1), sku: line.number, desc: line.text, qty: unitBehind ? `${line.quantity} Stk` : String(line.quantity), unit: 'Stk',
      price: `${fourDecimals ? write(line.price * 100, 4) : write(line.price)}${sign}`, disc: line.discount > 0 ? `${line.discount}%` : '',
      rate: `${String(line.rate).replace('.', words.point)}%`, total: `${write(line.total)}${sign}`,
    }
    for (const column of placed) {
      cell(column, values[column.kind], y, column.number)
    }
    if (line.more !== '') {
      y -= 11
      sheet.put(line.more, placed.find((column) => column.kind === 'desc')!.x, y)
    }
  }
  return y
}

class Sheet {
  readonly #document: PDFDocument
  readonly #font: PDFFont
  readonly #size: number
  #page: ReturnType<PDFDocument['addPage']>

  constructor(document: PDFDocument, font: PDFFont, size: number) {
    this.#document = document
    this.#font = font
    this.#size = size
    this.#page = document.addPage([595, 842])
  }

  turn(): void {
    this.#page = this.#document.addPage([595, 842])
  }

  width(text: string): number {
    return this.#font.widthOfTextAtSize(text, this.#size)
  }

  put(text: string, x: number, y: number): void {
    this.#page.drawText(text, { x, y, size: this.#size, font: this.#font })
  }

  putRight(text: string, right: number, y: number): void {
    this.put(text, right - this.width(text), y)
  }
}
