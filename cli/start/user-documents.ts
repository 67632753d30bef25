/** The user's own files: one tenant per sub-folder, or all of one tenant. */
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { isTenantId } from '../../topology/topics.ts'
import type { Incoming } from './intake.ts'

const TYPES: { readonly [extension: string]: string | undefined } = {
  '.pdf': 'application/pdf', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.png': 'image/png', '.tif': 'image/tiff', '.tiff': 'image/tiff', '.webp': 'image/webp', '.xml': 'application/xml',
  '.eml': 'message/rfc822', '.zip': 'application/zip', '.html': 'text/html', '.htm': 'text/html', '.txt': 'text/plain', '.csv': 'text/csv', '.rtf': 'application/rtf',
}

export interface UserDocuments {
  readonly tenants: readonly string[]
  readonly count: number
  read(): AsyncIterable<Incoming>
}

/** @throws Error that names the folder and the fix */
export async function userDocuments(folder: string, tenant: string | undefined): Promise<UserDocuments> {
  if (tenant !== undefined && !isTenantId(tenant)) {
    throw new Error('--tenant: 1 to 63 lower-case letters, digits and hyphens expected.')
  }
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = found.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => join(entry.parentPath, entry.name)).sort()
  const owned = files.map((path) => ({ path, name: relative(folder, path), tenant: tenant ?? (relative(folder, path).split(sep)[0] ?? '').toLowerCase() }))
  const homeless = owned.find(({ name, tenant: owner }) => tenant === undefined && (!name.includes(sep) || !isTenantId(owner)))
  if (homeless !== undefined) {
    throw new Error(`${homeless.name}: its tenant is unknown. Put files into sub-folders named after their tenants (lower-case letters, digits, hyphens), or give --tenant NAME.`)
  }
  if (files.length === 0) {
    throw new Error(`${folder} holds no files.`)
  }
  return {
    tenants: [...new Set(owned.map((file) => file.tenant))],
    count: files.length,
    async *read() {
      for (const { path, name, tenant: owner } of owned) {
        yield { tenant: owner, fileName: name.split(sep).slice(-1)[0]!, contentType: TYPES[extname(path).toLowerCase()], bytes: await readFile(path), route: 'producer' }
      }
    },
  }
}
