import { ApiError } from './errors.ts'
import { RETRY_AFTER_SECONDS } from './limits.ts'

export interface PlacesOptions {
  readonly atOnce: number
  readonly perTenant: number
  /** What whoever finds none is told. */
  readonly refusal: 'OVERLOADED' | 'RENDERER_BUSY'
}

/** Room for work that holds something while it lasts: so much at once, and no tenant takes it all. */
export class Places {
  readonly #options: PlacesOptions
  readonly #taken = new Map<string, number>()
  #all = 0

  constructor(options: PlacesOptions) {
    this.#options = options
  }

  /**
   * Takes a place.
   * @returns gives it back, once however often it is called
   * @throws ApiError `refusal`
   */
  take(tenantId: string): () => void {
    const { atOnce, perTenant, refusal } = this.#options
    const own = this.#taken.get(tenantId) ?? 0
    if (own >= perTenant || this.#all >= atOnce) {
      throw new ApiError(refusal, { retryAfterSeconds: RETRY_AFTER_SECONDS })
    }
    this.#taken.set(tenantId, own + 1)
    this.#all += 1
    let held = true
    return () => {
      if (held) {
        held = false
        this.#all -= 1
        const left = this.#taken.get(tenantId)! - 1
        if (left === 0) {
          this.#taken.delete(tenantId)
        } else {
          this.#taken.set(tenantId, left)
        }
      }
    }
  }
}
