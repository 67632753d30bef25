import type { Headers } from './record.ts'

/**
 * Translates between values and bytes. `null` (a tombstone) never reaches it. Synchronous; may throw anything: the
 * engine wraps it as `DESERIALIZATION_FAILED` / `SERIALIZATION_FAILED` and the operator's policy decides.
 */
export interface Serde<T> {
  serialize(topic: string, value: T, headers: Headers): Uint8Array
  /** `bytes` is a view of a fetch buffer: copy what is kept beyond this call. */
  deserialize(topic: string, bytes: Uint8Array, headers: Headers): T
  /** Called and awaited once per stream thread before its first record: fetch schemas, open clients. */
  open?(): Promise<void>
}

/**
 * Thrown by `deserialize` when it needs something that is still on its way (a schema by id from a registry). The task
 * holds this partition, awaits `ready`, and deserializes the record again; other partitions and tasks go on. When
 * `ready` rejects, the record goes to the deserialization policy.
 */
export class SerdeNotReady extends Error {
  readonly ready: Promise<void>

  constructor(ready: Promise<void>) {
    super('The serde waits for a dependency.')
    this.name = 'SerdeNotReady'
    this.ready = ready
  }
}
