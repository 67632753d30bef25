/** Names of topics and tasks in shared memory; they are ASCII. */

/** Returns how many bytes it took. */
export function bytesOf(name: string, bytes: Uint8Array): number {
  const length = Math.min(name.length, bytes.length)
  for (let i = 0; i < length; i++) {
    bytes[i] = name.charCodeAt(i)
  }
  return length
}

export function textOf(bytes: Uint8Array, length: number): string {
  return String.fromCharCode(...bytes.subarray(0, length))
}
