import { createHash } from 'node:crypto'
import { plainVendorName } from '../enrich/index.ts'
import type { DocumentFields, Field } from '../types.ts'

/** Fields whose place a vendor keeps from document to document, by what their values look like. */
export const learnable = {
  invoiceNumber: 'token', purchaseOrderNumber: 'token', salesOrderNumber: 'token', despatchAdviceNumber: 'token', buyerReference: 'token', contractNumber: 'token',
  projectReference: 'token', precedingInvoiceNumber: 'token',
  issueDate: 'day', dueDate: 'day', deliveryDate: 'day',
  taxBasisTotal: 'amount', taxTotal: 'amount', grandTotal: 'amount', payableAmount: 'amount',
} as const satisfies { readonly [name in keyof DocumentFields]?: 'token' | 'day' | 'amount' }

export type LearnableField = keyof typeof learnable

export const isLearnable = (field: string): field is LearnableField => Object.hasOwn(learnable, field)

/** Where a vendor prints a field: what stands beside the value, and where on the page it is. */
export interface PlaceHint {
  readonly field: LearnableField
  /** Plain text without numbers; empty where no words stand beside it. */
  readonly label: string
  readonly where: 'same-run' | 'left' | 'row' | 'above'
  /** `A-9` for INV-00123: kinds of characters in a row. */
  readonly shape: string
  /** From 1. */
  readonly page: number
  /** Of the value's middle in the page, 0 to 1. */
  readonly x: number
  readonly y: number
  /** Corrections that showed it. */
  readonly seen: number
}

/** What is the same on a vendor's documents, as a person wrote it: believed where a number says who the vendor is, and its words stand on the page. */
export interface ConstantHint {
  readonly field: 'seller.name' | 'seller.address'
  readonly value: string
}

/** What corrections taught about one vendor of one tenant. */
export interface VendorMemory {
  /** The newest first. */
  readonly places: readonly PlaceHint[]
  readonly constants: readonly ConstantHint[]
  /** Memories from before it was kept have none. */
  readonly vendor?: RememberedVendor
}

/** Whose memory it is, for people; kept with it, so that both are forgotten together. */
export interface RememberedVendor {
  readonly name?: string
  readonly vatId?: string
  /** Of the newest correction, ms since the epoch. */
  readonly at: number
  /** Digests under which the same vendor is remembered, this memory's own among them. */
  readonly keys: readonly string[]
}

/** A vendor with more ways to print a field has no way to print it; one with more branches is known by what its receipts say. */
const maxPerField = 4

/** What is remembered after a correction. A place that was seen before counts once more; of several, the newest speaks first. */
export function remember(memory: VendorMemory | undefined, lesson: VendorMemory): VendorMemory {
  const before = memory ?? { places: [], constants: [] }
  const sameHint = (one: PlaceHint, other: PlaceHint): boolean => one.field === other.field && one.label === other.label && one.where === other.where && (one.label !== '' || one.shape === other.shape)
  const places = lesson.places.map((hint) => ({ ...hint, seen: hint.seen + (before.places.find((one) => sameHint(one, hint))?.seen ?? 0) }))
  const all = [...places, ...before.places.filter((one) => !places.some((hint) => sameHint(one, hint)))]
  const constants = [...lesson.constants, ...before.constants.filter((one) => !lesson.constants.some((other) => other.field === one.field && other.value === one.value))]
  const vendor = sameVendor(before.vendor, lesson.vendor)
  return { places: firstOfEach(all), constants: firstOfEach(constants), ...(vendor === undefined ? {} : { vendor }) }
}

/** A number that many print would otherwise tie vendors together without end. */
const maxKeys = 32

function sameVendor(before: RememberedVendor | undefined, now: RememberedVendor | undefined): RememberedVendor | undefined {
  return now === undefined ? before : { ...before, ...now, keys: [...new Set([...now.keys, ...(before?.keys ?? [])])].slice(0, maxKeys) }
}

function firstOfEach<Hint extends { readonly field: string }>(hints: readonly Hint[]): Hint[] {
  const counts = new Map<string, number>()
  return hints.filter(({ field }) => {
    const count = (counts.get(field) ?? 0) + 1
    counts.set(field, count)
    return count <= maxPerField
  })
}

/** How a vendor is known. `sure`: by a number. */
export interface VendorKey {
  /** A digest: keys end up in places where no content may be. */
  readonly digest: string
  readonly sure: boolean
}

export const digestOf = (kind: string, value: string): string => createHash('sha256').update(`${kind}:${value}`).digest('hex')

/**
 * Every way to know the vendor of a document, the surest first. A field that is doubtful says nothing.
 * @param marks numbers that its pages say besides
 */
export function vendorKeysOf({ seller, iban }: Pick<DocumentFields, 'seller' | 'iban'>, marks: readonly VendorKey[] = []): readonly VendorKey[] {
  const key = (kind: string, value: string | undefined, sure: boolean): VendorKey[] =>
    value === undefined || value === '' ? [] : [{ digest: digestOf(kind, value), sure }]
  const trusted = (field: Field | undefined): string | undefined => (field !== undefined && field.confidence >= 0.5 ? field.normalised : undefined)
  const name = trusted(seller.name)
  return [
    ...key('vat', trusted(seller.vatId), true),
    ...key('iban', trusted(iban), true),
    ...marks,
    ...key('name', name === undefined ? undefined : plainVendorName(name), false),
  ]
}
