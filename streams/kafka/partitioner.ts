const SEED = 0x9747b28c
const M = 0x5bd1e995

/** The 32-bit murmur2 of Java's client (`Utils.murmur2`), as a signed integer. */
export function murmur2(data: Uint8Array): number {
  const length = data.length
  let h = SEED ^ length
  const words = length & ~3
  for (let i = 0; i < words; i += 4) {
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    k = Math.imul(k, M)
    h = Math.imul(h, M) ^ k
  }
  const rest = length & 3
  if (rest === 3) {
    h ^= data[words + 2]! << 16
  }
  if (rest >= 2) {
    h ^= data[words + 1]! << 8
  }
  if (rest >= 1) {
    h ^= data[words]!
    h = Math.imul(h, M)
  }
  h ^= h >>> 13
  h = Math.imul(h, M)
  h ^= h >>> 15
  return h | 0
}

/** The partition Java's default partitioner gives a key: `toPositive(murmur2(key)) % partitions`. */
export function partitionFor(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}
