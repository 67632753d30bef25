/** A small generator of pseudo-random numbers: the same input again from its seed and number, fast enough for millions. */
export class Random {
  #state: number

  constructor(seed: number, number = 0) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35)
    this.#state = this.#state === 0 ? 1 : this.#state
    this.next()
  }

  /** 0 to 2^32 - 1 (xorshift32). */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return this.next() % limit
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)]!
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; at++) {
      bytes[at] = this.next()
    }
    return bytes
  }
}
