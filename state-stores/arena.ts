import type { Bytes } from './contract.ts'
import { copyInto } from './bytes.ts'

const SLAB_BYTES = 64 * 1024
const LARGEST_SHARED = 2 * 1024

/**
 * Copies small byte strings into slabs, because an ArrayBuffer each would cost more than the bytes. A slab lives as long
 * as anything in it, so one arena serves things that die together (one overlay, one generation of the read cache); the
 * Buffer pool of the process is not used: a store would pin strangers' slabs and strangers ours.
 */
export class Arena {
  #slab: Buffer | undefined
  #used = 0
  #bytes = 0

  /** Bytes handed out so far: none of them is free before the arena is. */
  get bytes(): number {
    return this.#bytes
  }

  copy(bytes: Bytes): Bytes {
    return this.#take(bytes, undefined)
  }

  /** `prefix` followed by `bytes`. */
  concat(prefix: Bytes, bytes: Bytes): Bytes {
    return this.#take(bytes, prefix)
  }

  #take(bytes: Bytes, prefix: Bytes | undefined): Bytes {
    const head = prefix === undefined ? 0 : prefix.length
    const length = head + bytes.length
    this.#bytes += length
    if (length > LARGEST_SHARED) {
      const own = Buffer.allocUnsafeSlow(length)
      if (prefix !== undefined) {
        copyInto(own, prefix, 0)
      }
      own.set(bytes, head)
      return own
    }
    let slab = this.#slab
    if (slab === undefined || this.#used + length > SLAB_BYTES) {
      slab = this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#used = 0
    }
    const start = this.#used
    if (prefix !== undefined) {
      copyInto(slab, prefix, start)
    }
    copyInto(slab, bytes, start + head)
    this.#used = start + length
    return slab.subarray(start, start + length)
  }
}
