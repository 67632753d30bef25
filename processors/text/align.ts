/** A character that an engine saw. */
export interface SeenCharacter {
  readonly text: string
  /** 0 to 1. */
  readonly confidence: number
  /** Its middle and its edges on the page. */
  readonly x: number
  readonly left: number
  readonly right: number
  /** The first of its word. */
  readonly first: boolean
  readonly wordConfidence: number
}

/** What stands in one place: seen by both, by one, never by none. */
export interface Place {
  readonly a?: SeenCharacter
  readonly b?: SeenCharacter
}

const replaced = 1
const missing = 0.75

/**
 * Pairs what two engines saw in the same row: the cheapest sequence of equal, replaced and missing characters (Wagner and Fischer, 1974), where
 * characters that stand apart on the page cannot be the same.
 * @param reach how far apart, in the page's units
 */
export function align(a: readonly SeenCharacter[], b: readonly SeenCharacter[], reach: number): Place[] {
  const columns = b.length + 1
  const costs = new Float64Array((a.length + 1) * columns)
  for (let i = 0; i <= a.length; i += 1) {
    for (let j = 0; j <= b.length; j += 1) {
      const at = i * columns + j
      if (i === 0 || j === 0) {
        costs[at] = (i + j) * missing
        continue
      }
      costs[at] = Math.min(
        costs[at - columns - 1]! + pairCost(a[i - 1]!, b[j - 1]!, reach),
        costs[at - columns]! + missing,
        costs[at - 1]! + missing,
      )
    }
  }
  const places: Place[] = []
  let i = a.length
  let j = b.length
  while (i > 0 || j > 0) {
    const at = i * columns + j
    if (i > 0 && j > 0 && costs[at] === costs[at - columns - 1]! + pairCost(a[i - 1]!, b[j - 1]!, reach)) {
      places.push({ a: a[--i]!, b: b[--j]! })
    } else if (i > 0 && (j === 0 || costs[at] === costs[at - columns]! + missing)) {
      places.push({ a: a[--i]! })
    } else {
      places.push({ b: b[--j]! })
    }
  }
  return places.reverse()
}

function pairCost(a: SeenCharacter, b: SeenCharacter, reach: number): number {
  const distance = Math.abs(a.x - b.x) / reach
  if (distance > 1) {
    return Number.POSITIVE_INFINITY
  }
  // The distance only decides between ways that are equally good otherwise.
  return (a.text === b.text ? 0 : a.text.toLowerCase() === b.text.toLowerCase() ? 0.6 : replaced) + 0.1 * distance
}
