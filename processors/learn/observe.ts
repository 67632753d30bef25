import type { DateOrder } from '../extract/dates.ts'
import { dateLabels, numberLabels, totalLabels } from '../extract/labels.ts'
import { layOut } from '../extract/layout.ts'
import { isNarrow } from '../extract/receipt-rows.ts'
import type { DocumentText, TextPage } from '../types.ts'
import { marksOf } from './marks.ts'
import { isLearnable, learnable, type ConstantHint, type PlaceHint, type VendorKey, type VendorMemory } from './memory.ts'
import { type Place, placesFor } from './places.ts'

/** A field as a person says it is. */
export interface TaughtField {
  readonly field: string
  /** Normalised. */
  readonly value: string
}

/** A word that everybody prints there says nothing about this vendor: rules know it, and were wrong for another reason. */
function isUsual(field: PlaceHint['field'], label: string | undefined): boolean {
  const plain = ` ${label ?? ''} `
  const names: readonly (string | undefined)[] = [dateLabels.match(plain)?.class, totalLabels.match(plain)?.class, numberLabels.match(plain)?.class]
  return label !== undefined && names.includes(field === 'purchaseOrderNumber' ? 'purchaseOrder' : field)
}

/** What one document teaches, and by what its vendor is known besides its fields. */
export interface Observation extends VendorMemory {
  readonly marks: readonly VendorKey[]
}

/**
 * What a correction teaches: where on these pages the right value stands, and what stands beside it. A value that is nowhere, or without words
 * beside it in several places, teaches nothing.
 */
export function observe(text: DocumentText, taught: readonly TaughtField[], order: DateOrder): Observation {
  const layout = layOut(text)
  // a till's total is found by its sums, which hints know nothing of
  const narrow = isNarrow(layout)
  const places: PlaceHint[] = []
  const constants: ConstantHint[] = []
  for (const { field, value } of taught) {
    if (field === 'seller.name' || field === 'seller.address') {
      constants.push({ field, value })
    } else if (isLearnable(field) && !(narrow && learnable[field] === 'amount')) {
      const found = placesFor(layout, field, order).filter((place) => place.normalised === value)
      const [best] = found.length === 1 ? found : found.filter(({ labels }) => labels.length > 0)
      if (best !== undefined && !isUsual(field, best.labels[0]?.label)) {
        places.push(hintOf(field, best, text.pages))
      }
    }
  }
  return { places, constants, marks: marksOf(layout) }
}

function hintOf(field: PlaceHint['field'], place: Place, pages: readonly TextPage[]): PlaceHint {
  const [nearest] = place.labels
  const { x, y } = positionOf(place, pages)
  return { field, label: nearest?.label ?? '', where: nearest?.where ?? 'left', shape: place.shape, page: place.candidate.run.page, x, y, seen: 1 }
}

/** Of a value's middle in its page, 0 to 1. */
export function positionOf({ candidate: { run } }: Pick<Place, 'candidate'>, pages: readonly TextPage[]): { readonly x: number; readonly y: number } {
  const page = pages.find(({ number }) => number === run.page)
  const share = (middle: number, size: number | undefined): number => (size === undefined || size <= 0 ? 0 : Math.round((1000 * middle) / size) / 1000)
  return { x: share(run.box.x + run.box.width / 2, page?.width), y: share(run.box.y + run.box.height / 2, page?.height) }
}
