/** Values as JSON: bigint as its digits, bytes as base64url; anything else as its own `toJSON` says. */

function plain(this: unknown, name: string, value: unknown): unknown {
  // Before `toJSON`: a Buffer's own is an array of numbers.
  const raw = (this as { readonly [name: string]: unknown })[name]
  if (raw instanceof Uint8Array) {
    return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64url')
  }
  return typeof value === 'bigint' ? value.toString() : value === Number.POSITIVE_INFINITY ? null : value
}

export function toJson(value: unknown): string {
  return JSON.stringify(value, plain) ?? 'null'
}
