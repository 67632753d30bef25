/** File names and media types are data: kept as sent where they can be stored, never a path, never a header as they are. */
import { storableText } from '../connectors/index.ts'
import { MAXIMUM_FILE_NAME_LENGTH } from './limits.ts'

/** What is kept of a sent name: no control characters, no path, at most 255 characters; null when nothing is left. */
export function keptFileName(sent: string | undefined): string | null {
  const clean = storableText((sent ?? '').replace(/\p{Cc}/gu, '')).split(/[/\\]/).at(-1)!.trim()
  const short = [...clean].slice(0, MAXIMUM_FILE_NAME_LENGTH).join('').trim()
  return short === '' || short === '.' || short === '..' ? null : short
}

const MEDIA_TYPE = /^[a-z0-9][a-z0-9.+-]{0,63}\/[a-z0-9][a-z0-9.+-]{0,127}$/

/** A claim to be checked against the bytes later; null when it is not even a media type. */
export function keptContentType(sent: string | undefined): string | null {
  const plain = (sent ?? '').split(';', 1)[0]!.trim().toLowerCase()
  return MEDIA_TYPE.test(plain) ? plain : null
}

/** Types that browsers only ever show as what they are; everything else leaves as bytes. */
const PLAIN_TYPES: ReadonlySet<string> = new Set(['application/pdf', 'image/jpeg', 'image/png', 'image/tiff', 'image/webp'])

export function servedContentType(kept: string | null): string {
  return kept !== null && PLAIN_TYPES.has(kept) ? kept : 'application/octet-stream'
}

/** RFC 6266: a plain name for old clients, the real one by RFC 8187. */
export function contentDisposition(fileName: string | null, documentId: string): string {
  const name = keptFileName(fileName ?? undefined) ?? documentId
  // also not %, which some clients decode in the plain form
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^\x20-\x7e]|["\\%]/g, '_')
  return plain === name ? `attachment; filename="${plain}"` : `attachment; filename="${plain}"; filename*=UTF-8''${extendedValue(name)}`
}

/** RFC 8187 attr-char leaves fewer characters as they are than encodeURIComponent does. */
function extendedValue(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
