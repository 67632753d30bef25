import type { Bytes } from '../contract.ts'

/**
 * What a thread and its reader thread say to each other. Requests carry a number that the answer repeats; bytes of a
 * chunk travel packed in one transferred buffer.
 */
export type ReaderRequest =
  | { readonly number: number; readonly kind: 'open'; readonly database: number; readonly location: string }
  | {
      readonly number: number
      readonly kind: 'range'
      readonly database: number
      readonly cursor: number
      readonly from: Bytes | undefined
      readonly to: Bytes | undefined
      readonly reverse: boolean
      readonly rows: number
    }
  | { readonly number: number; readonly kind: 'next'; readonly cursor: number; readonly rows: number }
  | { readonly number: number; readonly kind: 'end'; readonly cursor: number }
  | { readonly number: number; readonly kind: 'close'; readonly database: number }

/** `ReaderRequest` before it got its number. */
export type ReaderCall = ReaderRequest extends infer R ? (R extends unknown ? Omit<R, 'number'> : never) : never

export interface ReaderAnswer {
  readonly number: number
  readonly rows?: Uint8Array
  readonly finished?: boolean
  readonly error?: { readonly code: string | undefined; readonly message: string }
}

/** `[key length u32 | value length u32 | key | value]*`, in a buffer of its own. */
export function packRows(rows: readonly (readonly [Bytes, Bytes])[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const [key, value] of rows) {
    length += 8 + key.length + value.length
  }
  const packed = new Uint8Array(length)
  const view = new DataView(packed.buffer)
  let at = 0
  for (const [key, value] of rows) {
    view.setUint32(at, key.length)
    view.setUint32(at + 4, value.length)
    packed.set(key, at + 8)
    packed.set(value, at + 8 + key.length)
    at += 8 + key.length + value.length
  }
  return packed
}
