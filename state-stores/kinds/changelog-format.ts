import type { Bytes, Row } from '../contract.ts'
import type { ExpiredRange } from './store-clock.ts'
import { encodeTimestamped, plainValueOf } from './timestamped.ts'

/**
 * How the rows of a store and the records of its changelog become each other. Pure, so that a store is restored record by
 * record, in any order of chunks, without reading what is there.
 */
export interface ChangelogFormat {
  /** Key of the record that a row becomes (`deleted`: or its deletion); undefined for what concerns only this copy. */
  recordKey(row: Bytes, deleted: boolean): Bytes | undefined
  recordValue(value: Bytes): Bytes | null
  /**
   * The rows a record becomes; the last write of a row counts. They may be views of what is given: who keeps them copies
   * them. `timestamp` is the record's.
   */
  rows(key: Bytes, value: Bytes | null, timestamp: number): readonly Row[]
  /** Time of a record of a store that forgets by it. */
  time?(key: Bytes): number
  /**
   * Rows that a copy fed by the changelog (a standby) need not keep once a record of that time has come. It knows nothing
   * of calls that hold the owner's time, so it keeps a day more than the store.
   */
  expiredAt?(time: number): readonly ExpiredRange[]
  /** Headers of every record. */
  readonly headers?: readonly { readonly key: string; readonly value: Bytes }[]
  /** Records of a generation must be written oldest first, whatever the order of the writes. */
  readonly byTime: boolean
}

/** Key-value stores of plain values: rows and records are the same. */
export const plainFormat: ChangelogFormat = {
  recordKey: (row) => row,
  recordValue: (value) => value,
  rows: (key, value) => [{ key, value }],
  byTime: false,
}

/** Key-value stores whose values carry their timestamp, which is that of the record. */
export const timestampedFormat: ChangelogFormat = {
  recordKey: (row) => row,
  recordValue: plainValueOf,
  rows: (key, value, timestamp) => [{ key, value: value === null ? null : encodeTimestamped(value, timestamp) }],
  byTime: false,
}
