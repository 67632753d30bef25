import type { Windowed } from 'millrace-state-stores'
import { sessionKey, sessionOf } from 'millrace-state-stores'
import { type Duration, milliseconds } from '../../duration.ts'
import type { AnySerde, StreamPartitioner } from '../../graph/topology.ts'
import { partitionFor } from '../../kafka/partitioner.ts'
import { type Headers, NO_HEADERS } from '../../record.ts'
import type { Serde } from '../../serdes.ts'

const TIME_BYTES = 8
const SESSION_BYTES = 16

/** A serde of windowed keys, which can also write the key alone. */
abstract class WindowedSerde<K> implements Serde<Windowed<K>> {
  readonly inner: Serde<K>
  readonly open: (() => Promise<void>) | undefined

  constructor(inner: Serde<K>) {
    this.inner = inner
    this.open = inner.open === undefined ? undefined : () => inner.open!()
  }

  /** The key without its window, whose partition the record goes to. */
  serializeKey(topic: string, { key }: Windowed<K>, headers: Headers): Uint8Array {
    return this.inner.serialize(topic, key, headers)
  }

  abstract serialize(topic: string, windowed: Windowed<K>, headers: Headers): Uint8Array
  abstract deserialize(topic: string, bytes: Uint8Array, headers: Headers): Windowed<K>

  protected keyOf(topic: string, bytes: Uint8Array, suffix: number, headers: Headers): K {
    if (bytes.length < suffix) {
      throw new RangeError(`${bytes.length} bytes are no windowed key: it ends in ${suffix} bytes of time.`)
    }
    return this.inner.deserialize(topic, bytes.subarray(0, bytes.length - suffix), headers)
  }
}

class TimeWindowedSerde<K> extends WindowedSerde<K> {
  readonly #sizeMs: number

  constructor(inner: Serde<K>, sizeMs: number) {
    super(inner)
    this.#sizeMs = sizeMs
  }

  serialize(topic: string, windowed: Windowed<K>, headers: Headers): Uint8Array {
    const key = this.serializeKey(topic, windowed, headers)
    const bytes = Buffer.allocUnsafe(key.length + TIME_BYTES)
    bytes.set(key)
    bytes.writeBigInt64BE(BigInt(windowed.window.start), key.length)
    return bytes
  }

  deserialize(topic: string, bytes: Uint8Array, headers: Headers): Windowed<K> {
    const key = this.keyOf(topic, bytes, TIME_BYTES, headers)
    const start = Number(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readBigInt64BE(bytes.length - TIME_BYTES))
    return { key, window: { start, end: Math.min(start + this.#sizeMs, Number.MAX_SAFE_INTEGER) } }
  }
}

class SessionWindowedSerde<K> extends WindowedSerde<K> {
  serialize(topic: string, windowed: Windowed<K>, headers: Headers): Uint8Array {
    return sessionKey(this.serializeKey(topic, windowed, headers), windowed.window.start, windowed.window.end)
  }

  deserialize(topic: string, bytes: Uint8Array, headers: Headers): Windowed<K> {
    return { key: this.keyOf(topic, bytes, SESSION_BYTES, headers), window: sessionOf(bytes) }
  }
}

/** Windowed keys in Kafka Streams' bytes (its `WindowedSerdes`), so that a Java client reads them. */
export const WindowedSerdes = Object.freeze({
  /** The key, then 8 bytes of the window's start. The end is not written: `size` says what it is when read. */
  timeWindowed: <K>(inner: Serde<K>, size: Duration): Serde<Windowed<K>> =>
    new TimeWindowedSerde(inner, milliseconds('The window size of a time-windowed serde', size, true)),
  /** The key, 8 bytes of the session's end, 8 of its start. */
  sessionWindowed: <K>(inner: Serde<K>): Serde<Windowed<K>> => new SessionWindowedSerde(inner),
})

/** All windows of a key lie in the partition of the key; undefined unless `serde` is one of windowed keys. */
export function windowedPartitioner(serde: AnySerde): StreamPartitioner | undefined {
  return serde instanceof WindowedSerde
    ? (topic, { key }, partitions) => (key === null ? undefined : partitionFor(serde.serializeKey(topic, key, NO_HEADERS), partitions))
    : undefined
}
