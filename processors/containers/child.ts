import { createHash } from 'node:crypto'

export interface ContainerIdentity {
  readonly tenantId: string
  readonly documentId: string
  readonly sha256: string
}

/**
 * The id of a part as a document of its own: the same for the same container and place, however often it is unfolded, so that a repeated
 * record changes nothing. A UUID of version 8 (RFC 9562, 5.8) over the container's own ids.
 * @param section of the part, see `PartPlace`
 */
export function partDocumentId({ tenantId, documentId, sha256 }: ContainerIdentity, section: string): string {
  const digest = createHash('sha256').update(JSON.stringify([tenantId, documentId, sha256, section])).digest()
  digest[6] = (digest[6]! & 0x0f) | 0x80
  digest[8] = (digest[8]! & 0x3f) | 0x80
  return digest.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
