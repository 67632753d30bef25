import type { ContentReference } from './reference.ts'

export interface PutExpectation {
  /** Bytes the caller announced; a put of another size fails with SIZE_MISMATCH and leaves nothing behind. */
  readonly size?: number
  /** Lower-case hex; a put of other bytes fails with SHA256_MISMATCH and leaves nothing behind. */
  readonly sha256?: string
  /** The put stops with TOO_LARGE at the first byte beyond, without reading the rest. */
  readonly maxBytes?: number
  /** Stops a streaming put; nothing is left behind. */
  readonly signal?: AbortSignal
}

export interface StoredContent {
  readonly tenantId: string
  readonly sha256: string
  readonly size: number
  readonly reference: ContentReference
  /** False when the tenant held these bytes already. */
  readonly created: boolean
}

/**
 * Where documents' bytes live: write-once under tenant and sha256. A reference resolves only under the tenant that asks,
 * so nobody learns from it what another tenant holds. Every call is safe to repeat and safe to run beside itself.
 * All errors are {@link ContentError}.
 */
export interface ContentStore {
  /**
   * Stores bytes; a stream is hashed while it is written, in flat memory. Durable (fsync or the service's equal) once it resolves.
   * @throws TENANT_INVALID, TOO_LARGE, SIZE_MISMATCH, SHA256_MISMATCH, STORE_FAILED
   */
  put(tenantId: string, source: Uint8Array | AsyncIterable<Uint8Array>, expect?: PutExpectation): Promise<StoredContent>
  /** The whole content, verified against its digest. @throws NOT_FOUND, TOO_LARGE (above maxBytes, before it is read), DAMAGED */
  get(tenantId: string, reference: string, options?: { readonly maxBytes?: number }): Promise<Uint8Array>
  /**
   * Bytes [start, end) as a stream, in flat memory; the whole content by default (then a damaged one ends in DAMAGED).
   * @throws NOT_FOUND, RANGE_INVALID
   */
  range(tenantId: string, reference: string, range?: { readonly start: number; readonly end: number }): Promise<AsyncIterable<Uint8Array>>
  /** Size in bytes, undefined if this tenant does not hold it. */
  has(tenantId: string, reference: string): Promise<number | undefined>
  /** True if it was there. Deleting twice is no error. */
  delete(tenantId: string, reference: string): Promise<boolean>
  close(): Promise<void>
}
