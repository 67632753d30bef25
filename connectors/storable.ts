/**
 * Text as every store takes it. PostgreSQL refuses U+0000 in text and both it and half of a surrogate pair in JSON, and
 * a refused row stops its sink: what a document says passes through here before it goes into a row.
 */
export function storableText(text: string): string {
  const formed = text.toWellFormed()
  return formed.includes('\u0000') ? formed.replaceAll('\u0000', '\ufffd') : formed
}

/** A value as JSON every store takes, keys too. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'string') {
      return storableText(inner)
    }
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner)) {
      return Object.fromEntries(Object.entries(inner).map(([key, held]) => [storableText(key), held]))
    }
    return inner
  })
}
