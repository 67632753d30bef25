/** Texts as bytes, for stores that are typed. */
export const TEXT = {
  serializeKey: (key: string) => Buffer.from(key),
  deserializeKey: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
  serializeValue: (value: string) => Buffer.from(value),
  deserializeValue: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
}
