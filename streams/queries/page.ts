/**
 * A query as it travels to the thread or the instance that has the store: bytes only, one page at a time. What comes from
 * another instance is checked by `wire.ts`.
 */
import type { StoreKind } from 'millrace-state-stores'
import type { StreamsErrorCode } from '../errors.ts'

export type Bytes = Uint8Array

export type PlainQuery =
  | { readonly kind: 'key'; readonly key: Bytes }
  | { readonly kind: 'range'; readonly from?: Bytes; readonly to?: Bytes; readonly descending: boolean }
  | { readonly kind: 'window-key'; readonly key: Bytes; readonly from: number; readonly to: number }
  | { readonly kind: 'window-range'; readonly from: number; readonly to: number }
  | { readonly kind: 'session-key'; readonly key: Bytes }
  | { readonly kind: 'versioned-key'; readonly key: Bytes; readonly at?: number }
  | { readonly kind: 'multi-versioned-key'; readonly key: Bytes; readonly from: number; readonly to: number }

/** The kind of store that answers each query. */
export const ANSWERED_BY: { readonly [kind in PlainQuery['kind']]: StoreKind } = {
  key: 'key-value',
  range: 'key-value',
  'window-key': 'window',
  'window-range': 'window',
  'session-key': 'session',
  'versioned-key': 'versioned',
  'multi-versioned-key': 'versioned',
}

/** Offsets of input records, by `<topic>-<partition>`. */
export type PlainPosition = { readonly [topicPartition: string]: number }

export interface PageRequest {
  readonly store: string
  readonly partition: number
  readonly query: PlainQuery
  /** Where the page before ended. */
  readonly cursor?: Bytes
  readonly maxRows: number
  /** A copy may answer if it lies at most so many records behind its changelogs. Absent: only the active task. */
  readonly maxLag?: number
  /** The store must have taken in these input records. */
  readonly bound?: PlainPosition
  /** Longest wait for `bound`, ms. */
  readonly waitMs: number
}

/** One row; `key` is absent where the query named it. */
export interface PageRow {
  readonly key?: Bytes
  readonly value: Bytes
  readonly timestamp?: number
  /** Start and end of the window or session, ms. */
  readonly window?: readonly [start: number, end: number]
  /** Of a version; absent for the latest. */
  readonly validTo?: number
}

export interface Page {
  readonly kind: 'page'
  /** Encoded by `rows-codec.ts`. */
  readonly rows: Bytes
  /** Present while there is more. */
  readonly cursor?: Bytes
  /** Next offsets of the task's inputs, as last committed; empty for a copy, which knows its changelogs only. */
  readonly position: PlainPosition
  /** False: a standby answered. */
  readonly active: boolean
  /** Records by which a copy is behind its changelogs; 0 for the active task. */
  readonly lag: number
}

export interface PageFailure {
  readonly kind: 'failure'
  readonly code: StreamsErrorCode
  readonly message: string
}

/** `absent`: neither the task nor a copy of it is here. */
export type PageAnswer = Page | PageFailure | { readonly kind: 'absent' }
