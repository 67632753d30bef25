import { TlsWanted } from './connection-error.ts'

/** What is read at a time where answers are small; of a larger one the rest is read into its own place. */
const READ_BYTES = 64 * 1024
/** A size is only believed so far: of a larger answer as much is kept ready as has come already. */
const BELIEVED_BYTES = 16 * 1024 * 1024
const SIZE_BYTES = 4

/**
 * Cuts what a broker sends into its answers: a size of four bytes, then the answer. Each gets memory of its own, which
 * the socket reads into directly where it can, so that a fetched byte is copied once or not at all and nothing but
 * the answers is left to the garbage collector.
 */
export class AnswerFrames {
  readonly #onAnswer: (answer: Buffer) => void
  readonly #read = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly #sizeBytes = Buffer.alloc(SIZE_BYTES)
  #sizeFilled = 0
  #size = 0
  /** The answer that is being read. */
  #answer: Buffer | undefined
  #filled = 0
  /** The next bytes go into the answer itself. */
  #direct = false
  #anyRead = false

  constructor(onAnswer: (answer: Buffer) => void) {
    this.#onAnswer = onAnswer
  }

  /** Where the next bytes are to be put. */
  target(): Uint8Array {
    this.#direct = this.#answer !== undefined && this.#size - this.#filled >= READ_BYTES
    if (!this.#direct) {
      return this.#read
    }
    return this.#room().subarray(this.#filled)
  }

  /** So many bytes were put there. Throws `TlsWanted`, and for what cannot be an answer's size: the connection is then of no use any more. */
  advance(bytes: number): void {
    if (this.#direct) {
      this.#filled += bytes
      this.#completed()
      return
    }
    for (let at = 0; at < bytes; ) {
      at += this.#answer === undefined ? this.#readSize(at, bytes) : this.#copy(at, bytes)
    }
  }

  #readSize(at: number, end: number): number {
    const taken = this.#read.copy(this.#sizeBytes, this.#sizeFilled, at, Math.min(end, at + SIZE_BYTES - this.#sizeFilled))
    this.#sizeFilled += taken
    if (this.#sizeFilled === SIZE_BYTES) {
      this.#begin()
    }
    return taken
  }

  #begin(): void {
    const [first, second] = this.#sizeBytes
    if (!this.#anyRead && first! >= 0x14 && first! <= 0x17 && second === 3) {
      // A record of TLS (RFC 8446 §5.1): the listener has taken our request for the beginning of a handshake.
      throw new TlsWanted()
    }
    this.#anyRead = true
    this.#size = this.#sizeBytes.readInt32BE(0)
    if (this.#size < 4) {
      throw new Error(`an answer claims to have ${this.#size} bytes`)
    }
    this.#sizeFilled = 0
    this.#filled = 0
    this.#answer = Buffer.allocUnsafe(Math.min(this.#size, BELIEVED_BYTES))
  }

  #copy(at: number, end: number): number {
    const taken = this.#read.copy(this.#room(), this.#filled, at, Math.min(end, at + this.#size - this.#filled))
    this.#filled += taken
    this.#completed()
    return taken
  }

  /** The answer that is being read, with place for at least one more byte. */
  #room(): Buffer {
    let answer = this.#answer!
    if (this.#filled === answer.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#size, answer.length * 2))
      answer.copy(larger)
      answer = larger
      this.#answer = larger
    }
    return answer
  }

  #completed(): void {
    if (this.#filled === this.#size) {
      const answer = this.#answer!
      this.#answer = undefined
      this.#onAnswer(answer)
    }
  }
}
