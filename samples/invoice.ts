import type { SampleLanguage, SampleParty } from './parties.ts'
import { createParty } from './parties.ts'
import type { Random } from './random.ts'

/** Amounts in cents: sums are exact. */
export interface SampleLine {
  readonly description: string
  readonly quantity: number
  readonly unitPrice: number
  readonly total: number
}

export interface SampleInvoice {
  readonly language: SampleLanguage
  readonly currency: 'EUR' | 'GBP'
  readonly number: string
  readonly issueDate: string
  readonly dueDate: string
  readonly seller: SampleParty
  readonly buyer: SampleParty
  readonly lines: readonly SampleLine[]
  readonly taxRate: number
  readonly net: number
  readonly tax: number
  readonly gross: number
}

const goods: Record<SampleLanguage, readonly string[]> = {
  en: ['Copy paper A4', 'Toner black', 'Desk lamp', 'Steel ruler', 'Delivery', 'Oak shelf', 'Cable drum', 'Safety gloves', 'Service hour', 'Coffee beans', 'Ink blue', 'Notebook lined'],
  de: ['Kopierpapier A4', 'Toner schwarz', 'Schreibtischlampe', 'Stahllineal', 'Lieferung', 'Eichenregal', 'Kabeltrommel', 'Schutzhandschuhe', 'Servicestunde', 'Kaffeebohnen', 'Tinte blau', 'Notizbuch liniert'],
}

export interface InvoiceOptions {
  readonly language: SampleLanguage
  readonly now: Date
  readonly maxLines?: number
}

/** An invoice of the last ninety days whose arithmetic is right. */
export function createInvoice(random: Random, options: InvoiceOptions): SampleInvoice {
  const { language } = options
  const issued = new Date(options.now.getTime() - random.integer(2, 90) * 86_400_000)
  const count = random.integer(2, options.maxLines ?? 8)
  const lines: SampleLine[] = []
  for (let n = 0; n < count; n += 1) {
    const quantity = random.integer(1, 12)
    const unitPrice = random.integer(95, 24_900)
    lines.push({ description: `${random.pick(goods[language])} ${random.integer(10, 99)}`, quantity, unitPrice, total: quantity * unitPrice })
  }
  const net = lines.reduce((sum, line) => sum + line.total, 0)
  const taxRate = language === 'de' ? random.pick([19, 19, 7]) : 20
  const tax = Math.round((net * taxRate) / 100)
  const year = issued.getUTCFullYear()
  return {
    language,
    currency: language === 'de' ? 'EUR' : 'GBP',
    number: random.pick([`INV-${year}-${random.digits(5)}`, `${random.integer(1, 9)}${random.digits(6)}`, `R${year}/${random.digits(4)}`, `A-${random.digits(6)}`]),
    issueDate: day(issued),
    dueDate: day(new Date(issued.getTime() + random.pick([14, 30]) * 86_400_000)),
    seller: createParty(random, language),
    buyer: createParty(random, language),
    lines,
    taxRate,
    net,
    tax,
    gross: net + tax,
  }
}

export function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}

/** 123456 → `1234.56` */
export function decimal(cents: number): string {
  return (cents / 100).toFixed(2)
}

/** As people of that language write it. */
export function amount(cents: number, language: SampleLanguage): string {
  const [whole, fraction] = decimal(cents).split('.') as [string, string]
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, language === 'de' ? '.' : ',')
  return `${grouped}${language === 'de' ? ',' : '.'}${fraction}`
}

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

/** ISO day in one of the styles of that language. */
export function localDate(isoDay: string, language: SampleLanguage, style: number): string {
  const [year, month, date] = isoDay.split('-') as [string, string, string]
  if (language === 'de') {
    return `${date}.${month}.${year}`
  }
  return [`${Number(date)} ${months[Number(month) - 1]} ${year}`, `${date}/${month}/${year}`, isoDay][style % 3]!
}
