/**
 * Brings quix-streams (Python) by pip, every wheel held against the hashes of `../python/requirements.txt`, into the
 * cache, and says how to run it. Python itself is the machine's own.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../../stack/cache.ts'
import type { Engine } from './engines.ts'

const REQUIREMENTS = fileURLToPath(new URL('../python/requirements.txt', import.meta.url))
const APPLICATION = fileURLToPath(new URL('../python/app.py', import.meta.url))
const PYTHON = 'python3'

/** Throws if there is no Python that the locked wheels are made for, or pip cannot bring them. */
export async function prepareQuixStreamsPeer(say: (line: string) => void): Promise<Engine> {
  const requirements = readFileSync(REQUIREMENTS, 'utf8')
  const python = run(['-c', 'import sys; print(sys.implementation.cache_tag)']).trim()
  const hash = createHash('sha256').update(requirements).digest('hex').slice(0, 12)
  const home = join(cacheFolder(), 'benchmarks')
  const packages = join(home, `quix-streams-${python}-${hash}`)
  if (!existsSync(packages)) {
    say(`installing quix-streams for ${python} into ${packages}`)
    mkdirSync(home, { recursive: true })
    const folder = mkdtempSync(join(home, '.new-'))
    try {
      run(['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '--only-binary=:all:', '--target', folder, '-r', REQUIREMENTS])
      renameSync(folder, packages)
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      if (!existsSync(packages)) {
        throw error
      }
    }
  }
  return {
    name: 'quix-streams',
    version: /^quixstreams==(\S+)/m.exec(requirements)?.[1] ?? 'unknown',
    command: (settings) => ({ file: PYTHON, args: ['-s', APPLICATION, JSON.stringify(settings)], env: { PYTHONPATH: packages } }),
  }
}

function run(args: readonly string[]): string {
  const done = spawnSync(PYTHON, ['-s', ...args], { encoding: 'utf8' })
  if (done.error !== undefined) {
    throw new Error(`quix-streams needs ${PYTHON} on the PATH: ${done.error.message}`)
  }
  if (done.status !== 0) {
    throw new Error(`${PYTHON} ${args.slice(0, 3).join(' ')} … failed:\n${done.stderr.trim()}`)
  }
  return done.stdout
}
