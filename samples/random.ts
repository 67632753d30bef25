/** A small seeded generator (mulberry32): the same seed gives the same samples on every machine. */
export interface Random {
  /** [0, 1) */
  next(): number
  /** Both ends included. */
  integer(from: number, to: number): number
  pick<T>(items: readonly T[]): T
  digits(count: number): string
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const integer = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    integer,
    pick: (items) => items[integer(0, items.length - 1)]!,
    digits: (count) => Array.from({ length: count }, () => String(integer(0, 9))).join(''),
  }
}
