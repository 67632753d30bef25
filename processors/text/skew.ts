import type { Grey } from './greymap.ts'

/** Degrees; more is no slip of a hand but a page on its side, which is another question. */
const furthest = 8
const coarse = 0.5
const fine = 0.1
/** A step of brightness downwards that is the upper edge of ink. */
const edge = 24
const maxPoints = 20_000
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
  const level = sharpness(points, page.height, 0)
  let best = { angle: 0, sharpness: level }
  const look = (from: number, to: number, step: number): void => {
    for (let n = 0; n <= Math.round((to - from) / step); n += 1) {
      const angle = from + n * step
      const found = sharpness(points, page.height, angle)
      if (found > best.sharpness) {
        best = { angle, sharpness: found }
      }
    }
  }
  look(-furthest, furthest, coarse)
  look(best.angle - coarse, best.angle + coarse, fine)
  return best.sharpness > level * minGain && Math.abs(best.angle) < furthest ? Math.round(best.angle * 10) / 10 : 0
}

interface Points {
  readonly x: Int32Array
  readonly y: Int32Array
}

/** Pixels that are darker than the one above by an edge; of too many every so manieth, so that the page's size costs nothing. */
function upperEdges({ data, width, height }: Grey): Points {
  const found: number[] = []
  for (let at = width; at < width * height; at += 1) {
    if (data[at - width]! - data[at]! > edge) {
      found.push(at)
    }
  }
  const every = Math.max(1, Math.ceil(found.length / maxPoints))
  const kept = found.filter((_, n) => n % every === 0)
  return { x: Int32Array.from(kept, (at) => at % width), y: Int32Array.from(kept, (at) => Math.floor(at / width)) }
}

/** Sum of squares of the profile at this angle. */
function sharpness({ x, y }: Points, height: number, degrees: number): number {
  const slope = Math.tan((degrees * Math.PI) / 180)
  // Lines may leave the page above or below.
  const profile = new Float64Array(3 * height)
  for (let n = 0; n < x.length; n += 1) {
    const row = Math.round(y[n]! - x[n]! * slope) + height
    if (row >= 0 && row < profile.length) {
      profile[row]! += 1
    }
  }
  return profile.reduce((sum, count) => sum + count * count, 0)
}
