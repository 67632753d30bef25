/** Ours as its users get it: both packages as they are published, and the applications compiled against them, so that no types are stripped while it runs. */
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { compile, stagePackages } from '../../cli/pack/build.ts'
import type { Engine } from './engines.ts'

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** In the checkout, where the packages find what they depend on in its node_modules. */
const home = join(checkout, '.millrace', 'benchmark-builds')
const APPLICATIONS = ['benchmarks/engine/millrace-app.ts', 'benchmarks/engine/topologies/*.ts']
/** Whatever the build could depend on. */
const SOURCES = ['{streams,state-stores,cli/pack,benchmarks}/**/*.{ts,json}', 'package-lock.json', 'tsconfig.json']

/** Builds what has not been built of these sources yet. Throws PackError with the compiler's messages. */
export async function prepareMillrace(say: (line: string) => void): Promise<Engine> {
  const folder = join(home, hashOfSources())
  if (!existsSync(folder)) {
    mkdirSync(home, { recursive: true })
    const fresh = mkdtempSync(join(home, '.new-'))
    try {
      await build(fresh, say)
      renameSync(fresh, folder)
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true })
      // Another run may have built the same.
      if (!existsSync(folder)) {
        throw error
      }
    }
  }
  const program = join(folder, 'benchmarks', 'engine', 'millrace-app.js')
  return {
    name: 'millrace',
    version: 'this checkout, built',
    command(settings) {
      const options = process.env['MILLRACE_BENCHMARK_NODE_OPTIONS']?.split(' ').filter((option) => option !== '') ?? []
      return { file: process.execPath, args: [...options, program, JSON.stringify(settings)] }
    },
  }
}

function hashOfSources(): string {
  const hash = createHash('sha256')
  for (const file of globSync(SOURCES, { cwd: checkout }).sort()) {
    hash.update(file).update(readFileSync(join(checkout, file)))
  }
  return hash.digest('hex').slice(0, 12)
}

async function build(folder: string, say: (line: string) => void): Promise<void> {
  const packages = await stagePackages(folder, join(folder, 'node_modules'), say)
  // Its own file, because the applications are to be compiled against what is published, not against the sources.
  const configuration = join(folder, 'tsconfig.json')
  const paths = Object.fromEntries(
    packages.flatMap(({ folder: at, manifest: { name, exports } }) =>
      Object.entries(exports).flatMap(([entry, target]) => (typeof target === 'string' ? [] : [[join(name, entry), [join(at, target.types)]]])),
    ),
  )
  writeFileSync(
    configuration,
    JSON.stringify({
      extends: join(checkout, 'tsconfig.json'),
      compilerOptions: { noEmit: false, rootDir: checkout, outDir: folder, paths },
      include: APPLICATIONS.map((path) => join(checkout, path)),
      exclude: [],
    }),
  )
  await compile(configuration, folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }))
}
