/** No model has more dimensions. */
const maxDimensions = 16_000

/** A vector of length 1 in the same direction; undefined when it is none: empty, endless, no numbers, or without a direction. */
export function unitLength(vector: unknown): number[] | undefined {
  const numbers = Array.isArray(vector) ? vector.map(Number) : []
  const length = Math.hypot(...numbers)
  return numbers.length === 0 || numbers.length > maxDimensions || !Number.isFinite(length) || length === 0 ? undefined : numbers.map((number) => number / length)
}
