import { createHash, randomUUID } from 'node:crypto'
import { ApiError } from './errors.ts'
import { MAXIMUM_KEY_LENGTH } from './limits.ts'

const PRINTABLE = /^[\x20-\x7e]+$/

/** @throws ApiError IDEMPOTENCY_KEY_INVALID */
export function idempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) {
    return undefined
  }
  if (typeof header !== 'string' || header.length > MAXIMUM_KEY_LENGTH || !PRINTABLE.test(header)) {
    throw new ApiError('IDEMPOTENCY_KEY_INVALID', { field: 'Idempotency-Key', limit: MAXIMUM_KEY_LENGTH })
  }
  return header
}

/**
 * The same tenant, key and place in the request give the same id (a UUID of version 8, RFC 9562); without a key it is random.
 */
export function documentIdFor(tenantId: string, key: string | undefined, ordinal: number): string {
  if (key === undefined) {
    return randomUUID()
  }
  const digest = createHash('sha256').update(`${tenantId}\n${ordinal}\n${key}`).digest()
  digest[6] = (digest[6]! & 0x0f) | 0x80
  digest[8] = (digest[8]! & 0x3f) | 0x80
  const hex = digest.toString('hex', 0, 16)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Runs work of the same name one after the other: a retry that overtakes its own first try must not produce beside it. */
export class Serialised {
  readonly #tails = new Map<string, Promise<unknown>>()

  async run<T>(name: string | undefined, work: () => Promise<T>): Promise<T> {
    if (name === undefined) {
      return await work()
    }
    const before = this.#tails.get(name) ?? Promise.resolve()
    const turn = before.then(work)
    const tail = turn.catch(() => undefined)
    this.#tails.set(name, tail)
    try {
      return await turn
    } finally {
      if (this.#tails.get(name) === tail) {
        this.#tails.delete(name)
      }
    }
  }
}
