import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Component, type ComponentName, componentHash, type Lock } from './lock.ts'

/** Where downloads are kept for all clones: $MILLRACE_CACHE, else $XDG_CACHE_HOME/millrace, else ~/.cache/millrace (as in launch.js). */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['MILLRACE_CACHE']) {
    return resolve(env['MILLRACE_CACHE'])
  }
  return join(env['XDG_CACHE_HOME'] ? resolve(env['XDG_CACHE_HOME']) : join(homedir(), '.cache'), 'millrace')
}

/** The folder a component is unpacked into; it exists only when it is complete. */
export function componentFolder(name: ComponentName, component: Component, cache = cacheFolder()): string {
  return join(cache, 'stack', `${name}-${component.version}-${componentHash(component)}`)
}

/** Where everything of a lock lies. */
export type Installation = Readonly<Record<ComponentName, string>>

export function installation(lock: Lock, cache = cacheFolder()): Installation {
  const entries = Object.entries(lock.components) as [ComponentName, Component][]
  return Object.fromEntries(entries.map(([name, component]) => [name, componentFolder(name, component, cache)])) as unknown as Installation
}
