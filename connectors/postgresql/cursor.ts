import { ConnectorError } from '../errors.ts'

/** Where a list goes on: behind this document. `receivedAt` in ms since the epoch. */
export interface Cursor {
  readonly receivedAt: number
  readonly documentId: string
}

export function encodeCursor({ receivedAt, documentId }: Cursor): string {
  return Buffer.from(JSON.stringify([receivedAt, documentId])).toString('base64url')
}

/** Documents are received from 1970 to 9999: anything beyond is not from us, and PostgreSQL may not have a timestamp for it. */
const MOST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** @throws ConnectorError CURSOR_INVALID */
export function decodeCursor(cursor: string): Cursor {
  try {
    const [receivedAt, documentId] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown]
    if (Number.isSafeInteger(receivedAt) && (receivedAt as number) >= 0 && (receivedAt as number) <= MOST_MS && typeof documentId === 'string' && /^[0-9a-f-]{1,64}$/.test(documentId)) {
      return { receivedAt: receivedAt as number, documentId }
    }
  } catch {
    // told below
  }
  throw new ConnectorError('CURSOR_INVALID', 'The cursor is not one this list gave out: leave it away to begin at the newest.')
}
