import { Buffer } from 'node:buffer'
import { refusePromise } from './not-awaited.ts'
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

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

interface Utf8 {
  utf8Slice(start: number, end: number): string
}

// Works on any Uint8Array; `Buffer.from(view).toString()` would make a second view of the bytes first, for every field.
const utf8Slice = (Buffer.prototype as unknown as Utf8).utf8Slice

function text(bytes: Uint8Array): string {
  return utf8Slice.call(bytes, 0, bytes.length)
}

/** A buffer of `length` bytes after checking that the value has exactly so many, as Java's deserializers do. */
function exactly(type: string, length: number, bytes: Uint8Array): Buffer {
  if (bytes.byteLength !== length) {
    throw new TypeError(`${bytes.byteLength} bytes cannot be read as ${type}, which has ${length}.`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function integerBetween(type: string, minimum: number, maximum: number, value: number): number {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new RangeError(`To be written as ${type} it must be a whole number from ${minimum} to ${maximum}.`)
  }
  return value
}

const stringSerde: Serde<string> = Object.freeze({
  serialize(_topic: string, value: string) {
    if (typeof value !== 'string') {
      throw new TypeError(`The string serde takes strings, not ${typeof value}.`)
    }
    return Buffer.from(value, 'utf8')
  },
  deserialize: (_topic: string, bytes: Uint8Array) => text(bytes),
})

const jsonSerde: Serde<unknown> = Object.freeze({
  serialize(_topic: string, value: unknown) {
    const json = JSON.stringify(value)
    if (json === '{}') {
      refusePromise(value, 'the function that made this value')
    }
    if (json === undefined) {
      throw new TypeError(`The json serde cannot write ${typeof value}.`)
    }
    return Buffer.from(json, 'utf8')
  },
  deserialize(_topic: string, bytes: Uint8Array): unknown {
    try {
      return JSON.parse(text(bytes))
    } catch {
      // The parser's own message quotes the document, and records never reach logs.
      throw new SyntaxError(`Not JSON (${bytes.byteLength} bytes).`)
    }
  },
})

const bytesSerde: Serde<Uint8Array> = Object.freeze({
  serialize(_topic: string, value: Uint8Array) {
    if (!(value instanceof Uint8Array)) {
      throw new TypeError(`The bytes serde takes a Uint8Array, not ${typeof value}.`)
    }
    return value
  },
  deserialize: (_topic: string, bytes: Uint8Array) => Uint8Array.from(bytes),
})

const integerSerde: Serde<number> = Object.freeze({
  serialize(_topic: string, value: number) {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(integerBetween('integer', -(2 ** 31), 2 ** 31 - 1, value))
    return bytes
  },
  deserialize: (_topic: string, bytes: Uint8Array) => exactly('integer', 4, bytes).readInt32BE(),
})

const longSerde: Serde<number> = Object.freeze({
  serialize(_topic: string, value: number) {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeBigInt64BE(BigInt(integerBetween('long', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, value)))
    return bytes
  },
  deserialize(_topic: string, bytes: Uint8Array) {
    const value = Number(exactly('long', 8, bytes).readBigInt64BE())
    if (!Number.isSafeInteger(value)) {
      throw new RangeError('This long does not fit a number exactly: read it with Serdes.bigint().')
    }
    return value
  },
})

const bigintSerde: Serde<bigint> = Object.freeze({
  serialize(_topic: string, value: bigint) {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeBigInt64BE(value)
    return bytes
  },
  deserialize: (_topic: string, bytes: Uint8Array) => exactly('long', 8, bytes).readBigInt64BE(),
})

const doubleSerde: Serde<number> = Object.freeze({
  serialize(_topic: string, value: number) {
    if (typeof value !== 'number') {
      throw new TypeError(`The double serde takes numbers, not ${typeof value}.`)
    }
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleBE(value)
    return bytes
  },
  deserialize: (_topic: string, bytes: Uint8Array) => exactly('double', 8, bytes).readDoubleBE(),
})

const booleanSerde: Serde<boolean> = Object.freeze({
  serialize(_topic: string, value: boolean) {
    if (typeof value !== 'boolean') {
      throw new TypeError(`The boolean serde takes booleans, not ${typeof value}.`)
    }
    return Uint8Array.of(value ? 1 : 0)
  },
  deserialize(_topic: string, bytes: Uint8Array) {
    const byte = exactly('boolean', 1, bytes)[0]
    if (byte !== 0 && byte !== 1) {
      throw new RangeError('A boolean is the byte 0 or 1.')
    }
    return byte === 1
  },
})

const uuidSerde: Serde<string> = Object.freeze({
  serialize(_topic: string, value: string) {
    if (typeof value !== 'string' || !UUID.test(value)) {
      throw new TypeError('The uuid serde takes a UUID in its text form.')
    }
    return Buffer.from(value.toLowerCase(), 'latin1')
  },
  deserialize(_topic: string, bytes: Uint8Array) {
    const value = text(bytes)
    if (!UUID.test(value)) {
      throw new TypeError('Not a UUID in its text form.')
    }
    return value.toLowerCase()
  },
})

const voidSerde: Serde<never> = Object.freeze({
  serialize(): Uint8Array {
    throw new TypeError('The void serde takes nothing but null.')
  },
  deserialize(): never {
    throw new TypeError('The void serde reads nothing but null.')
  },
})

/** Without a type argument nothing is inferred from it, so that it never decides another function's types. */
interface JsonSerde {
  (): Serde<never>
  <T>(): Serde<T>
}

/**
 * The built-in serdes; their bytes are those of `org.apache.kafka.common.serialization.Serdes`, so that a Java client
 * reads what we write. Each call returns the same object, so that equal serdes are recognised as equal.
 */
export const Serdes = Object.freeze({
  /** UTF-8. Malformed input becomes U+FFFD, as in Java. */
  string: (): Serde<string> => stringSerde,
  /**
   * UTF-8 JSON. `T` is a promise about the topic, not a check: validate in the topology what you do not trust. Where the
   * type is known from elsewhere (a mapper's result) leave it out; a source needs it, or its values are of type never.
   */
  json: (() => jsonSerde) as JsonSerde,
  /** Raw bytes; copied when read, because fetch buffers are reused. */
  bytes: (): Serde<Uint8Array> => bytesSerde,
  /** Java's Integer: 4 bytes, big-endian. */
  integer: (): Serde<number> => integerSerde,
  /** Java's Long as a number: 8 bytes, big-endian; throws beyond ±(2^53 − 1) instead of rounding. */
  long: (): Serde<number> => longSerde,
  /** Java's Long as a bigint: the whole range of 64 bits. */
  bigint: (): Serde<bigint> => bigintSerde,
  /** Java's Double: 8 bytes, big-endian IEEE 754. */
  double: (): Serde<number> => doubleSerde,
  /** One byte, 0 or 1. */
  boolean: (): Serde<boolean> => booleanSerde,
  /** Java's UUID: its 36 characters, lower case. */
  uuid: (): Serde<string> => uuidSerde,
  /** Keys or values that are always null. */
  void: (): Serde<never> => voidSerde,
})
