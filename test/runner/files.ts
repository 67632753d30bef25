import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

export type Kind = 'unit' | 'integration'

export interface TestFile {
  /** Below the checkout. */
  readonly path: string
  readonly kind: Kind
}

const roots = ['state-stores/test', 'streams/test', 'examples', 'test']

/** All test files, unit tests first. A path that contains /integration/ or /failure/ needs the real servers. */
export function findTestFiles(checkout: string, only?: string): TestFile[] {
  const paths = roots.flatMap((root) => readdirSync(join(checkout, root), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(checkout, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('node_modules') && (only === undefined || path.includes(only)))
  return [...new Set(paths)].map((path): TestFile => ({ path, kind: /\/(integration|failure)\//.test(path) ? 'integration' : 'unit' }))
    .sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1))
}

/** Failure tests kill servers: they come last. */
function rank(file: TestFile): number {
  return file.kind === 'unit' ? 0 : file.path.includes('/failure/') ? 2 : 1
}
