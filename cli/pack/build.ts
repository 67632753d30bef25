// Builds the two packages: one run of the compiler over both, then a folder for each with what is published, then a tarball.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LIBRARY, type PublishedManifest, publishedManifest, type WorkspaceManifest } from './manifest.ts'

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** @platformatic/kafka and `require` of ES modules decide. */
const NODE = '^22.22.0 || >=24.6.0'

interface Package {
  /** Of the workspace. */
  readonly folder: string
  readonly commands?: { readonly [name: string]: string }
  /** What goes into `docs/` of the package. */
  readonly docs?: readonly string[]
  /** Folders with files that are served as they are. */
  readonly assets?: readonly string[]
}

const packages: readonly Package[] = [
  { folder: 'state-stores' },
  { folder: 'streams', commands: { millrace: './cli/millrace.ts' }, docs: ['streams', 'reference/errors.md'], assets: ['live/assets'] },
]

/** What failed, in words that need no stack trace. */
export class PackError extends Error {}

export interface Packed {
  readonly name: string
  readonly version: string
  /** Path of the tarball. */
  readonly file: string
  readonly bytes: number
  /** Files in it, below its root. */
  readonly files: readonly string[]
}

/** A package as it is published, not packed yet. */
export interface Staged {
  readonly folder: string
  readonly manifest: PublishedManifest
}

/** Compiles and packs both packages into `out`; earlier builds there are replaced. */
export async function pack(out: string, say: (line: string) => void): Promise<Packed[]> {
  const stages = join(out, 'stage')
  rmSync(stages, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const packed: Packed[] = []
  for (const { folder, manifest } of await stagePackages(out, stages, say)) {
    say(`packing ${manifest.name} ${manifest.version}`)
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', out, '--loglevel', 'error'], folder)
    const file = join(out, `${manifest.name}-${manifest.version}.tgz`)
    packed.push({ name: manifest.name, version: manifest.version, file, bytes: statSync(file).size, files: filesOf(folder) })
  }
  return packed
}

/** Compiles both packages and puts each into a folder of its name in `stages`. `work` is where the compiler's output lies meanwhile. */
export async function stagePackages(work: string, stages: string, say: (line: string) => void): Promise<Staged[]> {
  const build = join(work, 'build')
  rmSync(build, { recursive: true, force: true })
  say('compiling')
  await compile(join(checkout, 'cli', 'pack', 'tsconfig.json'), build)
  const staged = packages.map((one) => stage(one, build, stages))
  rmSync(build, { recursive: true })
  return staged
}

function stage({ folder, commands = {}, docs = [], assets = [] }: Package, build: string, stages: string): Staged {
  const workspace = JSON.parse(readFileSync(join(checkout, folder, 'package.json'), 'utf8')) as WorkspaceManifest
  const manifest = publishedManifest(workspace, NODE, commands)
  const stage = join(stages, manifest.name)
  mkdirSync(stage, { recursive: true })
  cpSync(join(build, folder), join(stage, LIBRARY), { recursive: true })
  nameDeclarations(join(stage, LIBRARY))
  for (const path of assets) {
    cpSync(join(checkout, folder, path), join(stage, LIBRARY, path), { recursive: true })
  }
  for (const file of ['LICENSE', 'NOTICE']) {
    cpSync(join(checkout, file), join(stage, file))
  }
  cpSync(join(checkout, folder, 'README.md'), join(stage, 'README.md'))
  for (const path of docs.filter((path) => existsSync(join(checkout, 'docs', path)))) {
    cpSync(join(checkout, 'docs', path), join(stage, 'docs', path), { recursive: true })
  }
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  refuseForeign(stage, assets)
  return { folder: stage, manifest }
}

/** Throws PackError with what the compiler says. */
export async function compile(configuration: string, out: string): Promise<void> {
  await run(process.execPath, [compiler(), '-p', configuration, '--outDir', out])
}

/** The compiler is a program behind a launcher in JavaScript. */
function compiler(): string {
  return join(checkout, 'node_modules', 'typescript', 'bin', 'tsc')
}

/** In declarations the compiler leaves `./file.ts`, which compilers before 5.7 don't find. */
function nameDeclarations(folder: string): void {
  for (const file of filesOf(folder).filter((name) => name.endsWith('.d.ts'))) {
    const path = join(folder, file)
    writeFileSync(path, readFileSync(path, 'utf8').replace(/((?:from|import\()\s*['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2'))
  }
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** Only what was built, and texts: no sources that would be found beside their build, no tests, no Java. */
function refuseForeign(stage: string, assets: readonly string[]): void {
  const isAsset = (file: string): boolean => assets.some((path) => file.startsWith(join(LIBRARY, path)))
  const foreign = filesOf(stage).filter((file) => !isAsset(file) && (!/\.(js|d\.ts|md|json)$|^(LICENSE|NOTICE)$/.test(file) || /(^|\/)test\//.test(file)))
  if (foreign.length > 0) {
    throw new PackError(`these files do not belong into a package: ${foreign.join(', ')}`)
  }
}

function run(file: string, args: readonly string[], folder = checkout): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error) => reject(new PackError(`${file} could not be started: ${error.message}`)))
    child.on('close', (code) => (code === 0 ? resolve() : reject(new PackError(`${[file, ...args].join(' ')} ended with ${code}\n${output.trim()}`))))
  })
}
