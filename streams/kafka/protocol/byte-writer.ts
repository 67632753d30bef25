/** Writes the flexible encoding (KIP-482) of one request into one growing buffer; large payloads go by reference. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(256)
  #length = 0
  readonly #parts: Buffer[] = []

  int8(value: number): this {
    const at = this.#reserve(1)
    this.#buffer.writeInt8(value, at)
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  int16(value: number): this {
    const at = this.#reserve(2)
    this.#buffer.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.#reserve(4)
    this.#buffer.writeInt32BE(value, at)
    return this
  }

  int64(value: number | bigint): this {
    const at = this.#reserve(8)
    this.#buffer.writeBigInt64BE(BigInt(value), at)
    return this
  }

  unsignedVarint(value: number): this {
    let rest = value
    while (rest > 0x7f) {
      this.#byte((rest & 0x7f) | 0x80)
      rest = Math.floor(rest / 128)
    }
    this.#byte(rest)
    return this
  }

  string(value: string | null): this {
    if (value === null) {
      return this.unsignedVarint(0)
    }
    const length = Buffer.byteLength(value)
    this.unsignedVarint(length + 1)
    const at = this.#reserve(length)
    this.#buffer.write(value, at, length, 'utf8')
    return this
  }

  uuid(value: string): this {
    const at = this.#reserve(16)
    this.#buffer.write(value.replaceAll('-', ''), at, 16, 'hex')
    return this
  }

  bytes(value: Uint8Array): this {
    this.unsignedVarint(value.length + 1)
    const at = this.#reserve(value.length)
    this.#buffer.set(value, at)
    return this
  }

  /** Length-prefixed bytes that are not copied here: they must stay untouched until the answer. */
  reference(value: Buffer): this {
    this.unsignedVarint(value.length + 1)
    this.#flush()
    this.#parts.push(value)
    return this
  }

  array<T>(values: readonly T[], write: (writer: ByteWriter, value: T) => void): this {
    this.unsignedVarint(values.length + 1)
    for (const value of values) {
      write(this, value)
    }
    return this
  }

  /** Elements with empty tagged fields at their end. */
  structs<T>(values: readonly T[], write: (writer: ByteWriter, value: T) => void): this {
    return this.array(values, (writer, value) => {
      write(writer, value)
      writer.tags()
    })
  }

  /** No tagged fields. */
  tags(): this {
    return this.int8(0)
  }

  finish(): Buffer[] {
    this.#flush()
    return this.#parts
  }

  #flush(): void {
    if (this.#length > 0) {
      this.#parts.push(this.#buffer.subarray(0, this.#length))
      this.#buffer = Buffer.allocUnsafe(256)
      this.#length = 0
    }
  }

  #byte(value: number): void {
    const at = this.#reserve(1)
    this.#buffer[at] = value
  }

  /** May replace the buffer: call it before `this.#buffer` is evaluated, never inside an expression on it. */
  #reserve(length: number): number {
    const at = this.#length
    const needed = at + length
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    this.#length = needed
    return at
  }
}
