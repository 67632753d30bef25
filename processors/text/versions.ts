import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { secondEngineVersion } from './pp-ocr/install.ts'
import type { EngineName, Profile } from './recogniser.ts'

export const engine = 'millrace-text'

/** Raised whenever the same bytes may give another text. */
const routeVersion = 4

const packageVersion = (name: string): string => {
  const { version } = JSON.parse(readFileSync(findPackageJSON(name, import.meta.url)!, 'utf8')) as { version: string }
  return version
}

const layer = `${routeVersion}+pdfjs-${packageVersion('pdfjs-dist')}+pdfium-${packageVersion('@hyzyla/pdfium')}`
const engineVersions: { readonly [name in EngineName]: string } = { tesseract: `tesseract-${packageVersion('tesseract.js')}`, 'pp-ocr': secondEngineVersion }
export const dataVersion = `eng-best-int-${packageVersion('@tesseract.js-data/eng')}`

/** What read a document: the engines only where a page was recognised by them. */
export function versionOf(engines: ReadonlySet<EngineName>): string {
  return [layer, ...[...engines].sort().reverse().map((name) => engineVersions[name])].join('+')
}

/** What a reader of this profile may read with: part of a cache's key. */
export function readerVersion(profile: Profile): string {
  return `${engine}-${versionOf(new Set<EngineName>(profile === 'thorough' ? ['tesseract', 'pp-ocr'] : ['tesseract']))}-${dataVersion}`
}
