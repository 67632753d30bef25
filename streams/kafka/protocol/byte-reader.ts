import { StreamsError } from '../../errors.ts'

/** Reads the flexible encoding (KIP-482) of one response. Every length is checked against what is really there. */
export class ByteReader {
  readonly buffer: Buffer
  position = 0

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  get remaining(): number {
    return this.buffer.length - this.position
  }

  int8(): number {
    return this.buffer.readInt8(this.#take(1))
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#take(4))
  }

  /** Exact to 2^53. */
  int64(): number {
    const at = this.#take(8)
    return this.buffer.readInt32BE(at) * 4294967296 + this.buffer.readUInt32BE(at + 4)
  }

  /** As bytes, for ids that must be echoed exactly. */
  bigint64(): bigint {
    return this.buffer.readBigInt64BE(this.#take(8))
  }

  unsignedVarint(): number {
    let value = 0
    let factor = 1
    for (let i = 0; i < 5; i++) {
      const byte = this.buffer[this.#take(1)]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        return value
      }
      factor *= 128
    }
    throw invalid('a varint is longer than five bytes')
  }

  uuid(): string {
    const at = this.#take(16)
    const hex = this.buffer.toString('hex', at, at + 16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  nullableString(): string | null {
    const length = this.unsignedVarint() - 1
    if (length < 0) {
      return null
    }
    const at = this.#take(length)
    return this.buffer.toString('utf8', at, at + length)
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  /** A view, not a copy; null when absent. */
  nullableBytes(): Buffer | null {
    const length = this.unsignedVarint() - 1
    if (length < 0) {
      return null
    }
    const at = this.#take(length)
    return this.buffer.subarray(at, at + length)
  }

  /** Elements that carry their own tagged fields at the end. */
  structs<T>(read: (reader: ByteReader) => T): T[] {
    return this.array((reader) => {
      const value = read(reader)
      reader.skipTags()
      return value
    })
  }

  array<T>(read: (reader: ByteReader) => T): T[] {
    const length = this.unsignedVarint() - 1
    if (length > this.remaining) {
      throw invalid(`an array claims ${length} elements in ${this.remaining} bytes`)
    }
    const values: T[] = []
    for (let i = 0; i < length; i++) {
      values.push(read(this))
    }
    return values
  }

  skipTags(): void {
    this.tags(() => {})
  }

  /** Calls `read` for each tagged field with a reader of its own. */
  tags(read: (tag: number, field: ByteReader) => void): void {
    const count = this.unsignedVarint()
    for (let i = 0; i < count; i++) {
      const tag = this.unsignedVarint()
      const size = this.unsignedVarint()
      const at = this.#take(size)
      read(tag, new ByteReader(this.buffer.subarray(at, at + size)))
    }
  }

  #take(length: number): number {
    const at = this.position
    if (length < 0 || at + length > this.buffer.length) {
      throw invalid(`${length} bytes wanted at ${at}, the answer has ${this.buffer.length}`)
    }
    this.position = at + length
    return at
  }
}

function invalid(what: string): StreamsError {
  return new StreamsError('RESPONSE_INVALID', `A broker's answer cannot be read: ${what}.`)
}
