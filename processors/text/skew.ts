import type { Grey } from './greymap.ts'

/** Degrees; more is no slip of a hand but a page on its side, which is another question. */
const furthest = 8
const coarse = 0.5
const fine = 0.1
/** A step of brightness downwards that is the upper edge of ink. */
const edge = 24
const maxPoints = 20_000
/** The coarse look takes one of so many: it only has to find the neighbourhood. */
const thinned = 4
/** Level must be so much worse than the best angle before it is believed. */
const minGain = 1.04

/**
 * By how many degrees lines of text fall to the right; 0 where none stand out. The angle whose projection is the sharpest: seen along the
 * lines, the upper edges of letters fall together (Postl, 1986).
 * @param page small will do: 500 pixels wide tell tenths of a degree
 */
export function skewOf(page: Grey): number {
  const points = upperEdges(page)
  if (points.x.length < 200) {
    return 0
  }
  const about = sharpest(thin(points), page, 0, furthest, coarse)
  const best = sharpest(points, page, about.angle, coarse, fine)
  return best.sharpness > sharpness(points, page, 0) * minGain && Math.abs(best.angle) < furthest ? Math.round(best.angle * 10) / 10 : 0
}

/** The best angle around one; of equals that one. */
function sharpest(points: Points, page: Grey, around: number, reach: number, step: number): { readonly angle: number; readonly sharpness: number } {
  let best = { angle: around, sharpness: sharpness(points, page, around) }
  for (let n = 0; n <= Math.round((2 * reach) / step); n += 1) {
    const angle = around - reach + n * step
    const found = sharpness(points, page, angle)
    if (found > best.sharpness) {
      best = { angle, sharpness: found }
    }
  }
  return best
}

interface Points {
  readonly x: Int32Array
  readonly y: Int32Array
}

/** Pixels that are darker than the one above by an edge; of too many every so manieth, so that the page's size costs nothing. */
function upperEdges({ data, width, height }: Grey): Points {
  const places = new Int32Array(width * height)
  let found = 0
  for (let at = width; at < width * height; at += 1) {
    places[found] = at
    found += data[at - width]! - data[at]! > edge ? 1 : 0
  }
  const every = Math.max(1, Math.ceil(found / maxPoints))
  const kept = Int32Array.from({ length: Math.ceil(found / every) }, (_, n) => places[n * every]!)
  return { x: kept.map((at) => at % width), y: kept.map((at) => Math.floor(at / width)) }
}

function thin({ x, y }: Points): Points {
  return { x: x.filter((_, n) => n % thinned === 0), y: y.filter((_, n) => n % thinned === 0) }
}

/** Sum of squares of the profile at this angle. */
function sharpness({ x, y }: Points, { width, height }: Grey, degrees: number): number {
  const slope = Math.tan((degrees * Math.PI) / 180)
  // Lines may leave the page above or below.
  const profile = new Int32Array(3 * height)
  const shift = Int32Array.from({ length: width }, (_, at) => Math.round(-at * slope) + height)
  for (let n = 0; n < x.length; n += 1) {
    // Outside of the profile it is no element and counts nowhere.
    profile[y[n]! + shift[x[n]!]!]! += 1
  }
  let sum = 0
  for (const count of profile) {
    sum += count * count
  }
  return sum
}
