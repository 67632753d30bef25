/** Who sells and where: rows of a receipt's head that are a name, rows that are an address. */
import type { Field } from '../types.ts'
import type { Layout, Run } from './layout.ts'
import { plainText } from './layout.ts'
import { partyLabels } from './labels.ts'
import { fieldOf } from './field.ts'
import type { Features, Weights } from './linear-model.ts'
import { scoreOf, sigmoid } from './linear-model.ts'
import { cleanAddress, cleanName } from './receipt-head-text.ts'
import type { ReceiptRow } from './receipt-rows.ts'
import { tidy, wordsOf } from './receipt-rows.ts'
import type { HeadWord } from './receipt-words.ts'
import { headWords } from './receipt-words.ts'

export interface HeadWeights {
  /** Log-odds that a row is (part of) the name, of the address. */
  readonly name: Weights
  readonly address: Weights
  /** Log-odds that the chosen name, address is right to the letter. */
  readonly nameTrust: Weights
  readonly addressTrust: Weights
}

export interface HeadRow {
  readonly row: ReceiptRow
  readonly features: Features
}

/** Rows that may be head: an address below them is somebody else's. */
const maxHeadRows = 24
const maxAddressRows = 6
const maxNameRows = 3
const maxTrust = 0.94

/** The head's rows with what is known of each, its neighbours included. */
export function headRows(rows: readonly ReceiptRow[], textHeight: number): HeadRow[] {
  const head = rows.slice(0, maxHeadRows).filter(({ page }) => page === 1).map(withoutStains)
  const own = head.map((row, n) => ownFeatures(row, n, head, textHeight))
  return head.map((row, n) => {
    const features: Record<string, number> = { bias: 1 }
    for (const [name, value] of Object.entries(own[n]!)) {
      if (value !== 0) {
        features[name] = value
      }
    }
    for (const { offset, names } of neighbours) {
      const beside = own[n + offset] ?? edge
      for (const [name, named] of names) {
        const value = beside[name] ?? 0
        if (value !== 0) {
          features[named] = value
        }
      }
    }
    const above = own[n - 1] ?? edge
    if (own[n]!['onlyPlaces'] === 1 && (above['place'] === 1 || above['postcode'] === 1)) {
      features['placesGoOn'] = 1
    }
    return { row, features }
  })
}

/** A figure that stands apart is a quantity among items, above them a stain. */
function withoutStains(row: ReceiptRow): ReceiptRow {
  const stain = ({ text, confidence }: Run): boolean => text.replace(/[^\p{L}\p{N}]/gu, '').length <= (confidence < 0.4 ? 3 : 1)
  const runs = row.runs.filter((run) => !stain(run))
  if (runs.length === 0 || runs.length === row.runs.length) {
    return row
  }
  const text = tidy(runs.map((run) => run.text).join(' '))
  return text === '' ? row : { ...row, runs, text, words: wordsOf(text) }
}

/** Words of a row that says no more than where: DARUL EHSAN, 81100 apart. */
const whereabouts: ReadonlySet<HeadWord | undefined> = new Set<HeadWord>(['area', 'place'])

/** What a row has beside it where the head ends. */
const edge: Features = { edge: 1 }
/** What of a neighbour tells something about a row. */
const neighbourly = ['edge', 'legal', 'business', 'street', 'area', 'place', 'contact', 'registration', 'title', 'policy', 'meta', 'formerly', 'registered', 'postcode', 'numbered', 'comma', 'onlyPlaces', 'junk', 'capitals', 'mixed']
const neighbours = ([['previous', -1], ['next', 1], ['second', 2]] as const).map(([prefix, offset]) => ({ offset, names: neighbourly.map((name) => [name, `${prefix}.${name}`] as const) }))

function ownFeatures(row: ReceiptRow, n: number, head: readonly ReceiptRow[], textHeight: number): Features {
  const { text, words } = row
  const count = new Map<HeadWord, number>()
  for (const word of words) {
    const name = headWords.of(word)
    if (name !== undefined) {
      count.set(name, (count.get(name) ?? 0) + 1)
    }
  }
  const has = (name: HeadWord): number => (count.has(name) ? 1 : 0)
  const letters = text.replace(/[^\p{L}]/gu, '')
  const digits = text.replace(/\D/g, '').length
  const size = Math.max(1, text.replace(/\s/g, '').length)
  const capitals = letters.replace(/[^\p{Lu}]/gu, '').length / Math.max(1, letters.length)
  const height = row.box.height / Math.max(1, textHeight)
  const center = row.box.x + row.box.width / 2
  const all = { left: Math.min(...head.map(({ box }) => box.x)), right: Math.max(...head.map(({ box }) => box.x + box.width)) }
  const junk = row.confidence < 0.45 || letters.length < 3
  return {
    legal: has('legal'),
    legals: (count.get('legal') ?? 0) >= 2 ? 1 : 0,
    business: has('business'),
    street: has('street'),
    area: has('area'),
    areas: (count.get('area') ?? 0) >= 2 ? 1 : 0,
    place: has('place'),
    places: (count.get('place') ?? 0) >= 2 ? 1 : 0,
    onlyPlaces: words.length > 0 && words.every((word) => whereabouts.has(headWords.of(word))) ? 1 : 0,
    contact: has('contact'),
    registration: has('registration'),
    title: has('title'),
    titleOnly: isTitle(words) ? 1 : 0,
    policy: has('policy'),
    policies: (count.get('policy') ?? 0) >= 2 ? 1 : 0,
    meta: has('meta'),
    items: has('items'),
    formerly: has('formerly'),
    // (123456-X), 201901000005, JM0123456-K
    registered: /\(?\b[A-Z]{0,2}\d{5,12}\s?-?\s?[A-Z0-9]{0,2}\)?\s*$/i.test(text) ? 1 : 0,
    onlyRegistered: /^\(?(?:co\.?|reg\.?|no\.?|[:\s])*[A-Z]{0,2}\d{5,12}\s?-?\s?[A-Z0-9]?\)?$/i.test(text) ? 1 : 0,
    postcode: /(?<!\d)\d{4,6},?\s+\p{L}{3}/u.test(text) || /\p{L}{3},?\s+\d{5}(?!\d)/u.test(text) || /\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b/.test(text) ? 1 : 0,
    numbered: /^(?:no\.?|lot|unit|suite|blok|block|#)?[\s:.]*\d{1,4}[A-Z]?(?:[-&,/ ]|$)/i.test(text) || /^(?:no|lot|unit)\b/i.test(text) ? 1 : 0,
    comma: /,\s*$/.test(text) ? 1 : 0,
    commas: text.includes(',') ? 1 : 0,
    phone: /\d{2,3}[- ]?\d{6,8}|\d{2,4}-\d{3,4} ?\d{4}/.test(text) ? 1 : 0,
    at: /@|www|\.com/i.test(text) ? 1 : 0,
    money: /\d[.,]\d{2}(?!\d)/.test(text) ? 1 : 0,
    date: /\d{1,2}[/-]\d{1,2}[/-]\d{2,4}/.test(text) ? 1 : 0,
    colon: text.includes(':') ? 1 : 0,
    junk: junk ? 1 : 0,
    scrap: size <= 5 && row.confidence < 0.7 ? 1 : 0,
    confidence: row.confidence - 0.8,
    digits: digits / size,
    manyDigits: digits / size > 0.5 ? 1 : 0,
    noDigits: digits === 0 ? 1 : 0,
    capitals: capitals > 0.9 ? 1 : 0,
    mixed: capitals > 0.05 && capitals <= 0.9 ? 1 : 0,
    small: capitals <= 0.05 ? 1 : 0,
    smallTall: capitals <= 0.05 && height > 1.4 ? 1 : 0,
    tall: Math.max(-0.5, Math.min(1, height - 1)),
    short: words.length === 1 ? 1 : 0,
    long: words.length >= 7 ? 1 : 0,
    words23: words.length >= 2 && words.length <= 6 ? 1 : 0,
    centred: Math.abs(center - (all.left + all.right) / 2) < 0.08 * (all.right - all.left) ? 1 : 0,
    first: n === 0 ? 1 : 0,
    second: n === 1 ? 1 : 0,
    third: n === 2 ? 1 : 0,
    depth: n / 10,
    deep: n > 8 ? 1 : 0,
  }
}

export interface Head {
  readonly name?: Field
  readonly address?: Field
}

/** The chosen rows: names may take two, addresses up to six. */
export interface HeadSpans {
  readonly name?: readonly [from: number, to: number]
  readonly address?: readonly [from: number, to: number]
}

/** The block with the highest sum of log-odds; a row that is no address may stand between two that are. */
export function headSpans(rows: readonly HeadRow[], weights: Pick<HeadWeights, 'name' | 'address'>): HeadSpans {
  const names = rows.map(({ features }) => scoreOf(features, weights.name))
  const addresses = rows.map(({ features }) => scoreOf(features, weights.address))
  let address: { from: number; to: number; score: number } | undefined
  for (let from = 0; from < rows.length; from += 1) {
    let sum = 0
    for (let to = from; to < Math.min(rows.length, from + maxAddressRows); to += 1) {
      sum += addresses[to]!
      if (addresses[from]! > 0 && addresses[to]! > 0 && sum > (address?.score ?? 0)) {
        address = { from, to, score: sum }
      }
    }
  }
  if (address === undefined && rows.length > 0) {
    const best = addresses.indexOf(Math.max(...addresses))
    address = addresses[best]! > -1.5 ? { from: best, to: best, score: addresses[best]! } : undefined
  }
  const inAddress = (n: number): boolean => address !== undefined && n >= address.from && n <= address.to
  // The name stands above its address; the name of a paper is nobody's.
  let name: { from: number; to: number; score: number } | undefined
  for (const [n, { row }] of rows.entries()) {
    const score = names[n]! - (address !== undefined && n > address.to ? 1.5 : 0)
    if (!inAddress(n) && !isTitle(row.words) && (name === undefined || score > name.score) && isNameable(row.text)) {
      name = { from: n, to: n, score }
    }
  }
  if (name !== undefined) {
    const most = name.from + maxNameRows - 1
    while (name.to < most && rows[name.to + 1] !== undefined && !inAddress(name.to + 1) && continues(rows.slice(name.from, name.to + 1), rows[name.to + 1]!)) {
      name.to += 1
    }
    while (name.to - name.from < maxNameRows - 1 && name.from > 0 && !isTitle(rows[name.from - 1]!.row.words) && names[name.from - 1]! > -1 && continues([rows[name.from - 1]!], rows[name.from]!)) {
      name.from -= 1
    }
  }
  return {
    ...(name === undefined ? {} : { name: [name.from, name.to] as const }),
    ...(address === undefined ? {} : { address: [address.from, address.to] as const }),
  }
}

/** A number, or what a register prints beside one, names nobody, nor does the heading of a party. */
function isNameable(text: string): boolean {
  return /\p{L}{2}/u.test(cleanName([text])) && (partyLabels.match(plainText(text))?.coverage ?? 0) < 0.75
}

function isTitle(words: readonly string[]): boolean {
  const notices = words.filter((word) => ['title', 'policy'].includes(headWords.of(word) ?? '')).length
  return words.length > 0 && (notices >= 3 || words.every((word) => headWords.of(word) === 'title' || headWords.of(word) === 'policy' || word.length <= 1))
}

/** No name begins with these: a row that does belongs to the one above. */
const suffix = /^[([]?(?:sdn|bhd|berhad|ltd|limited|plc|llc|inc|corp|gmbh|kg|ag|enterprises?|trading|holdings|corporation|company(?!\W*(?:reg|no|name))|pte|pvt|industries|co\.? ?\((?:m|kl|s)\)|\(m\)|\(malaysia\))(?![\p{L}])/iu

/** (NORTH) SDN BHD */
const branch = /^\([^()\d]{1,40}\)\s?(?:sdn|bhd|ltd|limited|gmbh|inc|enterprise|trading)(?!\p{L})/iu

function continues(above: readonly HeadRow[], { row }: HeadRow): boolean {
  const text = above.map((one) => one.row.text).join(' ')
  const open = (text.match(/[([]/g)?.length ?? 0) > (text.match(/[)\]]/g)?.length ?? 0)
  const closed = (row.text.match(/[)\]]/g)?.length ?? 0) > (row.text.match(/[([]/g)?.length ?? 0) && !/\d/.test(row.text)
  const trade = row.words.length <= 2 && row.words.every((word) => ['business', 'legal'].includes(headWords.of(word) ?? '')) && !/\d/.test(row.text)
  return suffix.test(row.text) || branch.test(row.text) || closed || trade || /^(?:&|and\b|und\b|et\b)/i.test(row.text) || (open && row.text.includes(')') && !/\d{4}/.test(text + row.text)) || /(?:&|\band|\bund|\bet)$/i.test(text)
}

/** What tells whether the text of chosen rows is right to the letter. */
export function trustFeatures(rows: readonly HeadRow[], [from, to]: readonly [number, number], weights: Weights, text: string): Features {
  const chosen = rows.slice(from, to + 1)
  const scores = chosen.map(({ features }) => scoreOf(features, weights))
  const others = rows.filter((_, n) => n < from || n > to).map(({ features }) => scoreOf(features, weights))
  const size = chosen.reduce((sum, { row }) => sum + row.text.length, 0)
  const confidence = chosen.reduce((sum, { row }) => sum + row.confidence * row.text.length, 0) / Math.max(1, size)
  const words = text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word.length >= 3)
  return {
    bias: 1,
    worst: Math.max(-4, Math.min(4, Math.min(...scores))),
    mean: Math.max(-4, Math.min(4, scores.reduce((sum, one) => sum + one, 0) / scores.length)),
    rival: Math.max(-4, Math.min(4, others.length === 0 ? -4 : Math.max(...others))),
    confidence: confidence - 0.8,
    weakest: Math.min(...chosen.map(({ row }) => row.confidence)) - 0.8,
    sure: confidence > 0.92 ? 1 : 0,
    length: text.length / 40,
    rows: to - from,
    known: words.filter((word) => headWords.of(word) !== undefined).length / Math.max(1, words.length),
    legal: words.some((word) => headWords.of(word) === 'legal') ? 1 : 0,
    strange: /[^\p{L}\p{N} .,&()/:'#@-]/u.test(text) ? 1 : 0,
    stops: /[.;:] \p{L}/u.test(text) ? 1 : 0,
  }
}

export function findHead(layout: Layout, rows: readonly ReceiptRow[], weights: HeadWeights): Head {
  const head = headRows(rows, layout.textHeight)
  const spans = headSpans(head, weights)
  const texts = (span: readonly [number, number]): string[] => head.slice(span[0], span[1] + 1).map(({ row }) => row.text)
  const field = (span: readonly [number, number], text: string, own: Weights, trust: Weights): Field => {
    const chosen = head.slice(span[0], span[1] + 1).map(({ row }) => row)
    // A letter among many may always be another: strings are never as sure as sums.
    const probability = Math.min(maxTrust, sigmoid(scoreOf(trustFeatures(head, span, own, text), trust)))
    const x = Math.min(...chosen.map(({ box }) => box.x))
    const y = Math.min(...chosen.map(({ box }) => box.y))
    const box = { x, y, width: Math.max(...chosen.map((row) => row.box.x + row.box.width)) - x, height: Math.max(...chosen.map((row) => row.box.y + row.box.height)) - y }
    // What recognition was sure of is among the features: the probability is the confidence.
    return { ...fieldOf(layout, { page: chosen[0]!.page, box, confidence: 1 }, text, text, probability) }
  }
  const name = spans.name === undefined ? '' : cleanName(texts(spans.name))
  const address = spans.address === undefined ? '' : cleanAddress(texts(spans.address))
  return {
    ...(spans.name === undefined || name === '' ? {} : { name: field(spans.name, name, weights.name, weights.nameTrust) }),
    ...(spans.address === undefined || address === '' ? {} : { address: field(spans.address, address, weights.address, weights.addressTrust) }),
  }
}
