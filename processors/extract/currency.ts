import type { Field } from '../types.ts'
import { fieldOf } from './field.ts'
import type { Layout, Run } from './layout.ts'

/** Most runs name none, and are not looked at with each pattern. */
const anySign = /[€£$¥₹₩₫₺₴₪฿]|zł|kč|uro|sfr|rs|rm|kr|rp|ft|lei|лв/i
/** ISO 4217. Letters beside a code make it a word, digits do not: EUR12.50. */
const isoCode = /(?<!\p{L})(?:EUR|EURO|GBP|USD|CHF|INR|MYR|SEK|DKK|NOK|PLN|CZK|HUF|JPY|CNY|SGD|AUD|CAD|NZD|HKD|ZAR|AED|BRL|MXN|THB|RON|BGN|ISK|IDR|VND|KRW|TWD|ILS|SAR|RSD|UAH)(?!\p{L})/gu
/** Signs and words of one currency only. */
const ownSigns: readonly (readonly [RegExp, string])[] = [
  [/€|\b[Ee]uros?\b/g, 'EUR'], [/£/g, 'GBP'], [/(?<!\p{L})US\$/gu, 'USD'], [/\bSFr\b/g, 'CHF'], [/₹|\bRs\.? ?(?=-?\d)/g, 'INR'], [/(?<!\p{L})RM(?!\p{L})/gu, 'MYR'],
  [/zł(?!\p{L})/gu, 'PLN'], [/Kč(?!\p{L})/gu, 'CZK'], [/¥/g, 'JPY'], [/(?<!\p{L})S\$/gu, 'SGD'], [/(?<!\p{L})AU?\$/gu, 'AUD'], [/(?<!\p{L})CA?\$/gu, 'CAD'],
  [/(?<!\p{L})Rp\.? ?(?=-?\d)/gu, 'IDR'], [/(?<=\d ?)lei(?!\p{L})/giu, 'RON'], [/(?<=\d ?)лв(?!\p{L})/gu, 'BGN'], [/₩/g, 'KRW'], [/₫/g, 'VND'], [/₺/g, 'TRY'], [/₴/g, 'UAH'], [/₪/g, 'ILS'], [/฿/g, 'THB'],
  [/(?<!\p{L})NZ\$/gu, 'NZD'], [/(?<!\p{L})HK\$/gu, 'HKD'], [/(?<!\p{L})R\$/gu, 'BRL'],
]

/** A sign of several currencies is the one that is named elsewhere; else registers and taxes of a country tell, else it is the usual one. */
interface SharedSign {
  readonly sign: RegExp
  readonly codes: readonly string[]
  readonly evidence: readonly (readonly [string, RegExp])[]
  readonly usual?: string
}

const sharedSigns: readonly SharedSign[] = [
  {
    sign: /(?<!\p{L})\$/gu, codes: ['USD', 'AUD', 'CAD', 'NZD', 'SGD', 'HKD', 'MXN'],
    evidence: [['AUD', /\bABN\b/], ['CAD', /\b(?:HST|QST|TVQ)\b/], ['NZD', /\bNZBN\b/]], usual: 'USD',
  },
  {
    sign: /(?<!\p{L})kr(?!\p{L})/giu, codes: ['SEK', 'DKK', 'NOK'],
    evidence: [['SEK', /bankgiro|plusgiro|organisationsnummer|\bSE\d{12}\b/i], ['DKK', /\bCVR\b/i], ['NOK', /\bmva\b|foretaksregisteret/i]],
  },
  // Feet, everywhere else.
  { sign: /(?<=\d ?)Ft(?!\p{L})/gu, codes: ['HUF'], evidence: [['HUF', /(?<!\p{L})(?:áfa|számla|adószám|nyugta|összesen|fizetendő|forint)/iu]] },
]

interface Seen {
  readonly run: Run
  readonly matches: readonly string[]
}

/** The currency named most often; two that are named equally often leave doubt. */
export function findCurrency(layout: Layout): Field | undefined {
  const counts = new Map<string, { count: number; field: Field }>()
  const count = (code: string, { run, matches }: Seen): void => {
    const known = counts.get(code)
    counts.set(code, { count: (known?.count ?? 0) + matches.length, field: known?.field ?? fieldOf(layout, run, matches[0]!, code, 0.95) })
  }
  const shared = sharedSigns.map((sign) => ({ ...sign, seen: [] as Seen[] }))
  for (const run of layout.rows.flatMap((row) => row.runs)) {
    for (const code of run.text.match(isoCode) ?? []) {
      count(code.slice(0, 3), { run, matches: [code] })
    }
    if (!anySign.test(run.text)) {
      continue
    }
    for (const [pattern, code] of ownSigns) {
      const matches = run.text.match(pattern)
      if (matches !== null) {
        count(code, { run, matches })
      }
    }
    for (const { sign, seen } of shared) {
      const matches = run.text.match(sign)
      if (matches !== null) {
        seen.push({ run, matches })
      }
    }
  }
  for (const { seen, codes, evidence, usual } of shared) {
    const named = codes.filter((code) => counts.has(code)).sort((a, b) => counts.get(b)!.count - counts.get(a)!.count)[0]
    const code = seen.length === 0 ? undefined : named ?? evidence.find(([, words]) => layout.rows.some((row) => row.runs.some((run) => words.test(run.text))))?.[0] ?? usual
    if (code !== undefined) {
      for (const one of seen) {
        count(code, one)
      }
    }
  }
  const [first, second] = [...counts.values()].sort((a, b) => b.count - a.count)
  if (first === undefined) {
    return undefined
  }
  const share = first.count / (first.count + (second?.count ?? 0))
  return { ...first.field, confidence: Math.round(first.field.confidence * share * 1000) / 1000 }
}
