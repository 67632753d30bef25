/** A token bucket per tenant: a minute's documents at once at most, refilled evenly. Per instance. */
export class RateLimit {
  readonly #buckets = new Map<string, { level: number; at: number }>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /**
   * Takes one document's token.
   * @param perMinute what the tenant may send; known tenants only may ask, so that there are as many buckets as tenants
   * @returns 0, or the seconds until there is one
   */
  take(tenantId: string, perMinute: number): number {
    const now = this.#now()
    const bucket = this.#buckets.get(tenantId) ?? { level: perMinute, at: now }
    const level = Math.min(perMinute, bucket.level + ((now - bucket.at) * perMinute) / 60_000)
    const granted = level >= 1
    this.#buckets.set(tenantId, { level: granted ? level - 1 : level, at: now })
    if (granted) {
      return 0
    }
    return perMinute <= 0 ? 60 : Math.max(1, Math.ceil(((1 - level) * 60) / perMinute))
  }
}
