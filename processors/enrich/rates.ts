import { Decimal } from 'decimal.js'
import type { BaseAmount, Extraction } from '../types.ts'

/** One unit of `currency` in `base` on a day. */
export interface ExchangeRate {
  readonly base: string
  readonly currency: string
  /** YYYY-MM-DD */
  readonly date: string
  /** Units of `currency` for one unit of `base`, as central banks publish it: `1.0842`. */
  readonly rate: string
}

export interface RateLookup {
  /** The newest rate of that pair on or before the day, in the direction it is published. */
  rateAt(base: string, currency: string, date: string): ExchangeRate | undefined
}

/** Older than this a rate is none: markets close for weekends and holidays, not for weeks. */
const maxAgeDays = 14
/** Through this one where the pair itself is not published. */
const pivot = 'EUR'

/** Cents, but for the currencies that have none or three (ISO 4217). */
const decimals: ReadonlyMap<string, number> = new Map([
  ...['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'].map((code) => [code, 0] as const),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((code) => [code, 3] as const),
])

/** The gross total in the tenant's currency at the document's own date; undefined when date, total, currency or rate is missing. */
export function toBaseCurrency(extraction: Extraction, baseCurrency: string, rates: RateLookup): BaseAmount | undefined {
  const { currency, issueDate, grandTotal } = extraction.fields
  const total = grandTotal?.normalised ?? ''
  if (currency === undefined || issueDate === undefined || issueDate.normalised === '' || !/^-?\d{1,24}(?:\.\d{1,12})?$/.test(total)) {
    return undefined
  }
  const found = factor(currency.normalised, baseCurrency, issueDate.normalised, rates)
  if (found === undefined) {
    return undefined
  }
  const places = decimals.get(baseCurrency) ?? 2
  return {
    currency: baseCurrency,
    grandTotal: new Decimal(total).times(found.factor).toFixed(places, Decimal.ROUND_HALF_UP),
    rate: found.factor.toSignificantDigits(12).toFixed(),
    rateDate: found.date,
  }
}

/** Units of `to` for one unit of `from`: published, inverted, or through the pivot. */
function factor(from: string, to: string, date: string, rates: RateLookup): { factor: Decimal; date: string } | undefined {
  if (from === to) {
    return { factor: new Decimal(1), date }
  }
  const direct = published(from, to, date, rates) ?? inverted(from, to, date, rates)
  if (direct !== undefined || from === pivot || to === pivot) {
    return direct
  }
  const first = inverted(from, pivot, date, rates)
  const second = published(pivot, to, date, rates)
  return first === undefined || second === undefined
    ? undefined
    : { factor: first.factor.times(second.factor), date: [first.date, second.date].sort()[0]! }
}

function published(from: string, to: string, date: string, rates: RateLookup): { factor: Decimal; date: string } | undefined {
  const found = rates.rateAt(from, to, date)
  const rate = found === undefined || !isUsable(found, date) ? undefined : new Decimal(found.rate)
  return rate === undefined || !rate.isPositive() || rate.isZero() ? undefined : { factor: rate, date: found!.date }
}

function inverted(from: string, to: string, date: string, rates: RateLookup): { factor: Decimal; date: string } | undefined {
  const found = published(to, from, date, rates)
  return found === undefined ? undefined : { factor: new Decimal(1).div(found.factor), date: found.date }
}

function isUsable({ date: rateDate, rate }: ExchangeRate, date: string): boolean {
  const age = (Date.parse(`${date}T00:00:00Z`) - Date.parse(`${rateDate}T00:00:00Z`)) / 86_400_000
  return age >= 0 && age <= maxAgeDays && /^\d{1,12}(?:\.\d{1,12})?$/.test(rate)
}

/** A lookup over a list of rates. */
export function rateLookupFrom(rates: Iterable<ExchangeRate>): RateLookup {
  const byPair = new Map<string, ExchangeRate[]>()
  for (const rate of rates) {
    const pair = `${rate.base}|${rate.currency}`
    byPair.set(pair, [...(byPair.get(pair) ?? []), rate])
  }
  for (const list of byPair.values()) {
    list.sort((a, b) => (a.date < b.date ? 1 : -1))
  }
  return { rateAt: (base, currency, date) => byPair.get(`${base}|${currency}`)?.find((rate) => rate.date <= date) }
}
