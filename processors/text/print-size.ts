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
  const strips = linesByStrip(page)
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

const half = around >> 1

/**
 * Heights of the lines in each strip, from left to right. A pixel is ink that is darker than the mean of what is around it; the sums of the
 * neighbourhood's columns move down with it, so that a pixel costs a few additions.
 */
function linesByStrip({ data, width, height }: Grey): number[][] {
  const strips: number[][] = Array.from({ length: Math.floor(width / strip) }, () => [])
  const high = new Int32Array(strips.length)
  // With a margin of nothing on both sides; the sum of column x stands at x + half + 1.
  const columns = new Int32Array(width + 2 * half + 1)
  const add = (y: number, sign: 1 | -1): void => {
    if (y >= 0 && y < height) {
      for (let x = 0, at = y * width; x < width; x += 1) {
        columns[x + half + 1]! += sign * data[at + x]!
      }
    }
  }
  const across = Int32Array.from({ length: width }, (_, x) => Math.min(width, x + half + 1) - Math.max(0, x - half))
  for (let y = 0; y < half; y += 1) {
    add(y, 1)
  }
  for (let y = 0; y < height; y += 1) {
    add(y + half, 1)
    add(y - half - 1, -1)
    const rows = Math.min(height, y + half + 1) - Math.max(0, y - half)
    let sum = 0
    for (let at = 0; at < 2 * half + 1; at += 1) {
      sum += columns[at]!
    }
    for (let n = 0, x = 0; n < strips.length; n += 1) {
      let ink = 0
      for (const end = x + strip; x < end; x += 1) {
        sum += columns[x + 2 * half + 1]! - columns[x]!
        ink += (data[y * width + x]! + darker) * rows * across[x]! < sum ? 1 : 0
      }
      if (ink > minInk * strip) {
        high[n]! += 1
      } else {
        keep(strips[n]!, high[n]!)
        high[n] = 0
      }
    }
  }
  for (const [n, lines] of strips.entries()) {
    keep(lines, high[n]!)
  }
  return strips
}

function keep(lines: number[], high: number): void {
  if (high >= lowest && high <= highest) {
    lines.push(high)
  }
}
