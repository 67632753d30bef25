import { Decimal } from 'decimal.js'
import type { DateOrder } from '../extract/dates.ts'
import { toField } from '../extract/field.ts'
import type { Layout } from '../extract/layout.ts'
import { plainText } from '../extract/layout.ts'
import { fold, within } from '../extract/misread.ts'
import { isNarrow } from '../extract/receipt-rows.ts'
import type { DocumentFields, Field, TextPage } from '../types.ts'
import { marksOf } from './marks.ts'
import { type ConstantHint, learnable, type LearnableField, type PlaceHint, type VendorKey, type VendorMemory, vendorKeysOf } from './memory.ts'
import { positionOf } from './observe.ts'
import { type Place, placesFor } from './places.ts'

/** One tenant's memory of its vendors. Answers synchronously: it reads a table. */
export type MemoryLookup = (vendor: VendorKey) => VendorMemory | undefined

/** A value without words beside it must stand where it stood, give or take this share of the page. */
const nearby = 0.03
/** So many of its words must stand on the page: another branch has another address. */
const standing = 0.8
/** Seen once, and seen again. */
const believed = { once: 0.9, again: 0.94, byPlace: 0.75, constant: 0.9 } as const

/**
 * Fields with what corrections of this vendor's documents taught: a field that is missing is filled in, one that says otherwise gives way, because
 * a person has said before that it is wrong to look there. What sums prove stays as it is, and so does every number with a checksum: those are
 * not learned at all.
 */
export function withLearned(fields: DocumentFields, lookup: MemoryLookup, layout: Layout, pages: readonly TextPage[], order: DateOrder): DocumentFields {
  for (const vendor of vendorKeysOf(fields, marksOf(layout))) {
    const memory = lookup(vendor)
    if (memory !== undefined) {
      const placed = withPlaces(fields, memory.places, layout, pages, order)
      return vendor.sure ? withConstants(placed, memory.constants, layout) : placed
    }
  }
  return fields
}

function withPlaces(fields: DocumentFields, hints: readonly PlaceHint[], layout: Layout, pages: readonly TextPage[], order: DateOrder): DocumentFields {
  const narrow = isNarrow(layout)
  let result = fields
  for (const field of new Set(hints.map((hint) => hint.field))) {
    const proposal = propose(field, hints.filter((hint) => hint.field === field), layout, pages, order)
    const found = result[field]
    // on a receipt confidence is calibrated: what is surer than a hint is right more often
    const isSurer = narrow && found !== undefined && proposal !== undefined && found.confidence >= proposal.confidence
    if (proposal !== undefined && !isSurer && !(learnable[field] === 'amount' && sumsProve(result))) {
      result = { ...result, [field]: settled(found, proposal) }
    }
  }
  return result
}

function withConstants(fields: DocumentFields, constants: readonly ConstantHint[], layout: Layout): DocumentFields {
  const printed = new Set(layout.rows.flatMap(({ plain }) => plain.split(' ').filter((word) => word !== '').map(fold)))
  const constantOf = (wanted: ConstantHint['field'], found: Field | undefined): Field | undefined => {
    const [best] = constants
      .filter(({ field }) => field === wanted)
      .map(({ value }) => ({ value, share: shareOn(printed, value) }))
      .filter(({ share }) => share >= standing)
      .sort((a, b) => b.share - a.share)
    return best === undefined || saysMore(found, best.value)
      ? found
      : settled(found, { value: best.value, normalised: best.value, confidence: believed.constant, provenance: { page: 0, method: 'learned' } })
  }
  const { seller } = fields
  const name = constantOf('seller.name', seller.name)
  const address = constantOf('seller.address', seller.address)
  return { ...fields, seller: { ...seller, ...(name === undefined ? {} : { name }), ...(address === undefined ? {} : { address }) } }
}

/** What was read is that, and more: a branch says which one it is. */
function saysMore(found: Field | undefined, constant: string): boolean {
  const [read, known] = [found?.normalised ?? '', constant].map((text) => plainText(text).trim()) as [string, string]
  return read.length > known.length && read.includes(known)
}

/** Of the words of a text those that stand on the page, as recognition may have misread them. */
function shareOn(printed: ReadonlySet<string>, text: string): number {
  const words = plainText(text).trim().split(' ').map(fold)
  const found = words.filter((word) => printed.has(word) || (word.length >= 5 && [...printed].some((other) => within(word, other, 1))))
  return found.length / words.length
}

/** Two ways that lead to one value make it surer; of two values the learned one. */
function settled(found: Field | undefined, proposal: Field): Field {
  return found?.normalised === proposal.normalised ? { ...found, confidence: Math.max(found.confidence, proposal.confidence) } : proposal
}

function sumsProve({ taxBasisTotal: net, taxTotal: tax, grandTotal: gross }: DocumentFields): boolean {
  const isNumber = (field: Field | undefined): field is Field => field !== undefined && /^-?\d{1,24}(?:\.\d{1,9})?$/.test(field.normalised)
  return isNumber(net) && isNumber(tax) && isNumber(gross) && new Decimal(net.normalised).plus(tax.normalised).minus(gross.normalised).abs().lte('0.02') && !new Decimal(tax.normalised).isZero()
}

function propose(field: LearnableField, hints: readonly PlaceHint[], layout: Layout, pages: readonly TextPage[], order: DateOrder): Field | undefined {
  const places = placesFor(layout, field, order)
  for (const hint of hints) {
    const distance = (place: Place): number => {
      const { x, y } = positionOf(place, pages)
      return Math.abs(x - hint.x) + Math.abs(y - hint.y) + (place.shape === hint.shape ? 0 : 0.5)
    }
    const [best] = places.filter((place) => fits(place, hint, pages)).sort((a, b) => distance(a) - distance(b))
    if (best !== undefined) {
      const confidence = hint.label === '' ? believed.byPlace : hint.seen > 1 ? believed.again : believed.once
      const found = toField(layout, best.candidate, best.normalised, confidence)
      return { ...found, provenance: { ...found.provenance, method: 'learned' } }
    }
  }
  return undefined
}

function fits(place: Place, hint: PlaceHint, pages: readonly TextPage[]): boolean {
  if (hint.label !== '') {
    return place.labels.some(({ where, label }) => where === hint.where && label === hint.label)
  }
  const { x, y } = positionOf(place, pages)
  // an amount at the same height is one of many
  return learnable[hint.field] !== 'amount' && place.candidate.run.page === hint.page && place.shape === hint.shape && Math.abs(x - hint.x) <= nearby && Math.abs(y - hint.y) <= nearby
}
