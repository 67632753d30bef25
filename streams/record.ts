/** Kafka record headers: ordered, keys may repeat. Values are the raw bytes. */
export type Headers = readonly Header[]

export interface Header {
  readonly key: string
  readonly value: Uint8Array | null
}

export const NO_HEADERS: Headers = Object.freeze([])

/** A record in flight through a topology. Immutable by convention: operators make new ones, headers are shared. */
export interface Record<K, V> {
  readonly key: K
  readonly value: V
  /** Event time, ms since the epoch, ≥ 0. */
  readonly timestamp: number
  readonly headers: Headers
}

/** Where the record that is being processed came from; absent in punctuators. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}
