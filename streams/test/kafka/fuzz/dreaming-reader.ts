import { ByteReader } from '../../../kafka/protocol/byte-reader.ts'
import { ByteWriter } from '../../../kafka/protocol/byte-writer.ts'
import type { Random } from './random.ts'

/**
 * A reader that invents what it reads and writes it down: run a decoder on it, and `bytes()` is a valid answer of that
 * API, whatever it is. So the corpus needs no second description of the protocol.
 */
export class DreamingReader extends ByteReader {
  readonly #random: Random
  readonly #writer = new ByteWriter()
  #depth = 0

  constructor(random: Random) {
    super(Buffer.alloc(0))
    this.#random = random
  }

  bytes(): Buffer {
    return Buffer.concat(this.#writer.finish())
  }

  override int8(): number {
    return this.#wrote(this.#random.below(4), (value) => this.#writer.int8(value))
  }

  override int16(): number {
    return this.#wrote(this.#random.pick([0, 0, 0, 3, 15, 22, -1, 300]), (value) => this.#writer.int16(value))
  }

  override int32(): number {
    return this.#wrote(this.#random.pick([0, 1, 2, 9092, -1, 1_000]), (value) => this.#writer.int32(value))
  }

  override int64(): number {
    return this.#wrote(this.#random.pick([0, 1, -1, 1_700_000_000_000, 2 ** 40]), (value) => this.#writer.int64(value))
  }

  override bigint64(): bigint {
    return this.#wrote(BigInt(this.#random.next()), (value) => this.#writer.int64(value))
  }

  override unsignedVarint(): number {
    return this.#wrote(this.#random.below(300), (value) => this.#writer.unsignedVarint(value))
  }

  override uuid(): string {
    const hex = this.#random.bytes(16).toString('hex')
    return this.#wrote(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`, (value) => this.#writer.uuid(value))
  }

  override nullableString(): string | null {
    return this.#wrote(this.#random.pick(['', 'topic', 'a-rather-long-name', null, 'ü']), (value) => this.#writer.string(value))
  }

  override nullableBytes(): Buffer | null {
    const bytes = this.#random.bytes(this.#random.below(40))
    this.#writer.bytes(bytes)
    return bytes
  }

  override array<T>(read: (reader: ByteReader) => T): T[] {
    const length = this.#depth > 3 ? 0 : this.#random.below(4)
    this.#writer.unsignedVarint(length + 1)
    this.#depth++
    const values = Array.from({ length }, () => read(this))
    this.#depth--
    return values
  }

  override tags(read: (tag: number, field: ByteReader) => void): void {
    const count = this.#random.below(8) === 0 ? 3 : 0
    this.#writer.unsignedVarint(count)
    for (let tag = 0; tag < count; tag++) {
      const field = new DreamingReader(this.#random)
      field.#depth = this.#depth + 1
      read(tag, field)
      const bytes = field.bytes()
      this.#writer.unsignedVarint(tag).unsignedVarint(bytes.length)
      for (let at = 0; at < bytes.length; at++) {
        this.#writer.int8(bytes.readInt8(at))
      }
    }
  }

  #wrote<T>(value: T, write: (value: T) => void): T {
    write(value)
    return value
  }
}
