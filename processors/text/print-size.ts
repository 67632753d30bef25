import type { Grey } from './greymap.ts'

/** Side of the neighbourhood that is paper and ink together, and how much darker ink is than its mean. */
const around = 15
const darker = 18
/** Width of the strips that lines are looked for in: narrow enough that a slanting line stays one. */
const strip = 25
/** Of a strip's width: a row with more ink than this belongs to a line. */
const minInk = 0.08
/** Pixels; what is lower is noise, what is higher a picture. */
const lowest = 3
const highest = 60
const minLines = 20
/** Upper to lower quartile of the heights. */
const maxSpread = 1.5
/** A strip with fewer has a stamp, a signature or the edge of the paper. */
const minStripLines = 4

export interface PrintSize {
  /** From the top of high letters to the foot of low ones: the median of all lines. */
  readonly height: number
  /** From the leftmost print to the rightmost, whatever paper is beside it. */
  readonly width: number
}

/**
 * How large the print is and how much of the page it takes, pixels; undefined where too few lines stand out. Lines are rows of ink between
 * rows of paper, in narrow strips.
 */
export function measurePrint(page: Grey): PrintSize | undefined {
  const ink = inkOf(page)
  const strips: number[][] = []
  for (let left = 0; left + strip <= page.width; left += strip) {
    strips.push(linesIn(ink, page, left))
  }
  const heights = strips.flat().sort((a, b) => a - b)
  const height = heights[heights.length >> 1]
  if (height === undefined || heights.length < minLines) {
    return undefined
  }
  // Crumpled paper and patterns give "lines" of every height; print has its own.
  if (heights[Math.floor(heights.length * 0.75)]! > maxSpread * heights[Math.floor(heights.length * 0.25)]!) {
    return undefined
  }
  const printed = strips.map((lines) => lines.length >= minStripLines)
  return { height, width: (printed.lastIndexOf(true) - printed.indexOf(true) + 1) * strip }
}

/** Heights of the lines in one strip. */
function linesIn(ink: Uint8Array, { width, height }: Grey, left: number): number[] {
  const found: number[] = []
  let high = 0
  for (let y = 0; y <= height; y += 1) {
    let count = 0
    if (y < height) {
      for (let at = y * width + left, end = at + strip; at < end; at += 1) {
        count += ink[at]!
      }
    }
    if (count > minInk * strip) {
      high += 1
    } else {
      if (high >= lowest && high <= highest) {
        found.push(high)
      }
      high = 0
    }
  }
  return found
}

/** 1 where a pixel is darker than what is around it. */
function inkOf({ data, width, height }: Grey): Uint8Array {
  const columns = width + 1
  const sums = new Float64Array(columns * (height + 1))
  for (let y = 0; y < height; y += 1) {
    let row = 0
    for (let x = 0; x < width; x += 1) {
      row += data[y * width + x]!
      sums[(y + 1) * columns + x + 1] = sums[y * columns + x + 1]! + row
    }
  }
  const ink = new Uint8Array(width * height)
  const half = around >> 1
  for (let y = 0; y < height; y += 1) {
    const top = Math.max(0, y - half) * columns
    const bottom = Math.min(height, y + half + 1) * columns
    const rows = Math.min(height, y + half + 1) - Math.max(0, y - half)
    for (let x = 0; x < width; x += 1) {
      const left = Math.max(0, x - half)
      const right = Math.min(width, x + half + 1)
      const mean = (sums[bottom + right]! - sums[top + right]! - sums[bottom + left]! + sums[top + left]!) / (rows * (right - left))
      ink[y * width + x] = data[y * width + x]! < mean - darker ? 1 : 0
    }
  }
  return ink
}
