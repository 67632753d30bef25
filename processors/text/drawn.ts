/** How much of a page is drawn beside the text of its layer: a scan under a stamp, words as outlines. */
import type { TextLine } from '../types.ts'

/** Four bytes a pixel: blue, green, red, opacity. */
export interface Bitmap {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/** Lighter than this is paper or a tint behind text. In small, print is grey. */
const paper = 224
/** Boxes are a font's size, letters reach beyond. */
const margin = 0.3

/** How dark the page is outside of all its lines' boxes: 0 empty, 1 black. */
export function inkBeside(picture: Bitmap, page: { readonly width: number; readonly height: number; readonly lines: readonly TextLine[] }): number {
  const { data, width, height } = picture
  const covered = new Uint8Array(width * height)
  for (const { box } of page.lines) {
    const pad = margin * box.height
    const left = Math.max(0, Math.floor(((box.x - pad) / page.width) * width))
    const right = Math.min(width, Math.ceil(((box.x + box.width + pad) / page.width) * width))
    const bottom = Math.min(height, Math.ceil(((box.y + box.height + pad) / page.height) * height))
    for (let y = Math.max(0, Math.floor(((box.y - pad) / page.height) * height)); y < bottom && left < right; y += 1) {
      covered.fill(1, y * width + left, y * width + right)
    }
  }
  let ink = 0
  for (let n = 0; n < width * height; n += 1) {
    // Rec. 601; what nothing was drawn on is clear.
    const light = 0.114 * data[4 * n]! + 0.587 * data[4 * n + 1]! + 0.299 * data[4 * n + 2]!
    ink += covered[n] === 0 && data[4 * n + 3]! > 128 && light < paper ? 1 - light / 255 : 0
  }
  return ink / (width * height)
}
