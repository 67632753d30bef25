import type { PostgresqlRateLimits } from '../connectors/index.ts'

/** Of a minute's documents; what an instance takes at once it may leave unused, and others lack it. */
const SHARE = 1 / 20
/** A batch is sent in seconds: more at once would spare no more questions. */
const MOST = 100

/**
 * A token bucket per tenant over all instances: a minute's documents at once at most, refilled evenly. Each instance takes them in batches of a
 * twentieth of a minute's (100 at most), so that few documents ask the database; at most that many an instance that stands idle keeps from the others, or
 * lets through later in addition.
 *
 * Fails closed: while the database is away nothing more than the rest of a batch is let in. It would not help to be generous, the document's own
 * row needs the same database.
 */
export class RateLimit {
  readonly #buckets: Pick<PostgresqlRateLimits, 'take'>
  readonly #left = new Map<string, number>()
  readonly #asking = new Map<string, Promise<number>>()

  constructor(buckets: Pick<PostgresqlRateLimits, 'take'>) {
    this.#buckets = buckets
  }

  /**
   * Takes one document's token.
   * @param perMinute what the tenant may send; known tenants only may ask, so that there are as many buckets as tenants
   * @returns 0, or the seconds until there is one
   * @throws what the database throws
   */
  async take(tenantId: string, perMinute: number): Promise<number> {
    if (perMinute <= 0) {
      return 60
    }
    for (;;) {
      const left = this.#left.get(tenantId) ?? 0
      if (left >= 1) {
        this.#left.set(tenantId, left - 1)
        return 0
      }
      const seconds = await this.#ask(tenantId, perMinute)
      if (seconds > 0) {
        return seconds
      }
    }
  }

  /** One question at a time and tenant: whoever comes meanwhile waits for the same batch. */
  async #ask(tenantId: string, perMinute: number): Promise<number> {
    const before = this.#asking.get(tenantId)
    if (before !== undefined) {
      return await before
    }
    const asking = this.#refill(tenantId, perMinute).finally(() => this.#asking.delete(tenantId))
    this.#asking.set(tenantId, asking)
    return await asking
  }

  async #refill(tenantId: string, perMinute: number): Promise<number> {
    const batch = Math.max(1, Math.min(MOST, Math.floor(perMinute * SHARE)))
    const { granted, level } = await this.#buckets.take(tenantId, perMinute, batch)
    this.#left.set(tenantId, granted)
    return granted > 0 ? 0 : Math.max(1, Math.ceil(((1 - level) * 60) / perMinute))
  }
}
