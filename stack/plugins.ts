// Builds the Connect plugins of this repository: Java sources compiled with ecj (the runtime has no compiler), packed
// into a jar with their resources, in the cache under a hash of everything that went in.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, link, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder, type Installation } from './cache.ts'
import { classPath } from './components.ts'
import { StackError } from './errors.ts'
import type { ComponentName } from './lock.ts'
import { runToEnd } from './process.ts'
import { writeJar } from './unpack.ts'

/** Where the sources lie: one folder per plugin, each laid out as Maven wants it. */
export const pluginSources = join(dirname(dirname(fileURLToPath(import.meta.url))), 'connectors', 'plugins')

interface SourceFile {
  readonly path: string
  /** Below its root, with slashes. */
  readonly name: string
}

async function filesBelow(root: string): Promise<SourceFile[]> {
  if (!existsSync(root)) {
    return []
  }
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort()
    .map((path) => ({ path, name: relative(root, path) }))
}

/** Libraries that the worker does not bring: a plugin that imports the package gets the component beside it. */
const libraryOf: Readonly<Record<string, ComponentName>> = { 'com.datastax.oss.driver': 'cassandra-driver' }

async function librariesOf(java: readonly SourceFile[]): Promise<ComponentName[]> {
  const texts = await Promise.all(java.map((file) => readFile(file.path, 'utf8')))
  return Object.entries(libraryOf).filter(([name]) => texts.some((text) => text.includes(`import ${name}.`))).map(([, component]) => component)
}

/**
 * Builds what is not built yet. Returns the folders for Connect's plugin.path, one per plugin.
 * Throws StackError COMPILE_FAILED with the compiler's messages.
 */
export async function buildPlugins(installed: Installation, say: (line: string) => void, sources = pluginSources, cache = cacheFolder()): Promise<string[]> {
  if (!existsSync(sources)) {
    return []
  }
  const entries = await readdir(sources, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory() && existsSync(join(sources, entry.name, 'src', 'main', 'java'))).map((entry) => entry.name).sort()
  const folders: string[] = []
  for (const name of names) {
    folders.push(await buildPlugin(name, join(sources, name), installed, say, cache))
  }
  return folders
}

async function buildPlugin(name: string, plugin: string, installed: Installation, say: (line: string) => void, cache: string): Promise<string> {
  const java = await filesBelow(join(plugin, 'src', 'main', 'java'))
  const resources = await filesBelow(join(plugin, 'src', 'main', 'resources'))
  const libraries = await librariesOf(java)
  const hash = createHash('sha256').update(JSON.stringify(['kafka', 'ecj', ...libraries].map((library) => basename(installed[library as ComponentName]))))
  for (const file of [...java, ...resources]) {
    hash.update(`\0${file.name}\0`).update(await readFile(file.path))
  }
  const place = join(cache, 'plugins', `${name}-${hash.digest('hex').slice(0, 12)}`)
  if (existsSync(place)) {
    return place
  }
  say(`compiling the Connect plugin ${name}`)
  await mkdir(join(cache, 'plugins'), { recursive: true })
  const folder = await mkdtemp(join(cache, 'plugins', '.new-'))
  try {
    const classes = join(folder, 'classes')
    const target = join(folder, 'plugin', name)
    await compile(name, java, classes, installed, libraries)
    const entries = [...(await filesBelow(classes)), ...resources]
    await writeJar(join(target, `${name}.jar`), await Promise.all(entries.map(async (file) => ({ name: file.name, content: await readFile(file.path) }))))
    for (const library of libraries) {
      for (const jar of await filesBelow(join(installed[library], 'libs'))) {
        await link(jar.path, join(target, jar.name)).catch(() => copyFile(jar.path, join(target, jar.name)))
      }
    }
    await rename(join(folder, 'plugin'), place)
  } catch (error) {
    if (!existsSync(place)) {
      throw error
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return place
}

async function compile(name: string, java: readonly SourceFile[], classes: string, installed: Installation, libraries: readonly ComponentName[]): Promise<void> {
  const paths = await Promise.all((['kafka', ...libraries] as ComponentName[]).map((library) => classPath(join(installed[library], 'libs'))))
  // Never --release: it needs the signature files of a JDK, and this is a JRE.
  const flags = ['-source', '17', '-target', '17', '-encoding', 'UTF-8', '-proc:none', '-nowarn', '-d', classes, '-cp', paths.join(':')]
  await mkdir(classes, { recursive: true })
  try {
    await runToEnd(
      { file: join(installed.jre, 'bin', 'java'), args: ['-cp', await classPath(installed.ecj), 'org.eclipse.jdt.internal.compiler.batch.Main', ...flags, ...java.map((file) => file.path)], folder: classes },
      `compiling the plugin ${name}`
    )
  } catch (cause) {
    throw new StackError('COMPILE_FAILED', (cause as Error).message, { cause })
  }
}
