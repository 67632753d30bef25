import type { Failure, FailureCode, Outcome } from './types.ts'

/** A typed refusal. The reason names field and limit and never anything out of the document. */
export function fail(code: FailureCode, field: string, reason: string, limit?: number): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: limit === undefined ? { code, field, reason } : { code, field, reason, limit } }
}

export function succeed<T>(value: T): Outcome<T> {
  return { ok: true, value }
}
