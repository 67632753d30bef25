import type { DateOrder } from '../extract/dates.ts'
import { layOut } from '../extract/layout.ts'
import type { DocumentText, TextPage } from '../types.ts'
import { isLearnable, type ConstantHint, type PlaceHint, type VendorMemory } from './memory.ts'
import { type Place, placesFor } from './places.ts'

/** A field as a person says it is. */
export interface TaughtField {
  readonly field: string
  /** Normalised. */
  readonly value: string
}

/**
 * What a correction teaches: where on these pages the right value stands, and what stands beside it. A value that is nowhere, or without words
 * beside it in several places, teaches nothing.
 */
export function observe(text: DocumentText, taught: readonly TaughtField[], order: DateOrder): VendorMemory {
  const layout = layOut(text)
  const places: PlaceHint[] = []
  const constants: ConstantHint[] = []
  for (const { field, value } of taught) {
    if (field === 'seller.name' || field === 'seller.address') {
      constants.push({ field, value })
    } else if (isLearnable(field)) {
      const found = placesFor(layout, field, order).filter((place) => place.normalised === value)
      const [best] = found.length === 1 ? found : found.filter(({ labels }) => labels.length > 0)
      if (best !== undefined) {
        places.push(hintOf(field, best, text.pages))
      }
    }
  }
  return { places, constants }
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
