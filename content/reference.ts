import { ContentError } from './errors.ts'

const tenantPattern = /^[a-z0-9][a-z0-9-]{0,62}$/
const sha256Pattern = /^[0-9a-f]{64}$/
const prefix = 'content:'

/** What records carry instead of bytes: `content:` and the sha256 in lower-case hex. Never a path, never an address. */
export type ContentReference = `content:${string}`

/** Tenant ids are safe as a path segment, a key part and a metric label: lower-case letters, digits and hyphens, 1 to 63. */
export function isTenantId(text: string): boolean {
  return tenantPattern.test(text)
}

/** @throws ContentError TENANT_INVALID; the text itself is not repeated, it may be anything. */
export function checkTenantId(text: string): string {
  if (typeof text !== 'string' || !tenantPattern.test(text)) {
    throw new ContentError('TENANT_INVALID', 'tenantId: 1 to 63 lower-case letters, digits and hyphens, not starting with a hyphen')
  }
  return text
}

/** @throws ContentError REFERENCE_INVALID unless it is 64 lower-case hex digits. */
export function referenceTo(sha256: string): ContentReference {
  if (!sha256Pattern.test(sha256)) {
    throw new ContentError('REFERENCE_INVALID', 'sha256: 64 lower-case hex digits expected')
  }
  return `${prefix}${sha256}`
}

/** The digest a reference names. @throws ContentError REFERENCE_INVALID for anything else than `content:<sha256>`. */
export function sha256Of(reference: string): string {
  const digest = typeof reference === 'string' && reference.startsWith(prefix) ? reference.slice(prefix.length) : ''
  if (!sha256Pattern.test(digest)) {
    throw new ContentError('REFERENCE_INVALID', 'reference: content:<64 lower-case hex digits> expected')
  }
  return digest
}
