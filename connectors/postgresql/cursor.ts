import { ConnectorError } from '../errors.ts'

/** Where a list goes on: behind this document. `receivedAt` in ms since the epoch. */
export interface Cursor {
  readonly receivedAt: number
  readonly documentId: string
}

export function encodeCursor({ receivedAt, documentId }: Cursor): string {
  return Buffer.from(JSON.stringify([receivedAt, documentId])).toString('base64url')
}

/** A date PostgreSQL can hold: anything beyond is not from us. */
const MOST_MS = 8.64e15

/** @throws ConnectorError CURSOR_INVALID */
export function decodeCursor(cursor: string): Cursor {
  try {
    const [receivedAt, documentId] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown]
    if (Number.isSafeInteger(receivedAt) && Math.abs(receivedAt as number) <= MOST_MS && typeof documentId === 'string' && /^[0-9a-f-]{1,64}$/.test(documentId)) {
      return { receivedAt: receivedAt as number, documentId }
    }
  } catch {
    // told below
  }
  throw new ConnectorError('CURSOR_INVALID', 'The cursor is not one this list gave out: leave it away to begin at the newest.')
}
