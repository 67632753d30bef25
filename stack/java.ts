// Java programs of this repository that are no Connect plugins (the benchmark's peer, the differential test's): compiled
// by the stack's own compiler, in the cache under a hash of everything that went in.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from './cache.ts'
import { bringComponents, classPath } from './components.ts'
import type { ComponentName, Lock } from './lock.ts'
import { runToEnd } from './process.ts'

export interface JavaProgram {
  /** Folder of the cache that its classes are kept in. */
  readonly name: string
  /** Files to compile. */
  readonly sources: readonly string[]
  /** What it is compiled against and runs with, first wins. */
  readonly libraries: readonly ComponentName[]
}

export interface CompiledProgram {
  readonly java: string
  /** For `java -cp`. */
  readonly classPath: string
}

/**
 * Brings the libraries and compiles what is not compiled yet.
 * Throws StackError DOWNLOAD_FAILED, or PREPARE_FAILED with the compiler's messages.
 */
export async function compileJava(lock: Lock, program: JavaProgram, say: (line: string) => void): Promise<CompiledProgram> {
  const { name, sources } = program
  const installed = await bringComponents(lock, say, cacheFolder(), program.libraries)
  const paths = await Promise.all(program.libraries.map((library) => classPath(join(installed[library], 'libs'))))
  const libraries = paths.join(':')
  const java = join(installed.jre, 'bin', 'java')
  const hash = createHash('sha256').update(libraries)
  for (const source of sources) {
    hash.update(readFileSync(source))
  }
  const home = join(cacheFolder(), name)
  const classes = join(home, `java-${hash.digest('hex').slice(0, 12)}`)
  if (!existsSync(classes)) {
    say(`compiling ${name}`)
    mkdirSync(home, { recursive: true })
    const folder = mkdtempSync(join(home, '.new-'))
    try {
      // Never --release: it needs the signature files of a JDK, and this is a JRE.
      const flags = ['-source', '17', '-target', '17', '-encoding', 'UTF-8', '-proc:none', '-nowarn', '-d', folder, '-cp', libraries]
      const compiler = ['-cp', await classPath(installed.ecj), 'org.eclipse.jdt.internal.compiler.batch.Main']
      await runToEnd({ file: java, args: [...compiler, ...flags, ...sources], folder }, `compiling ${name}`)
      renameSync(folder, classes)
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      if (!existsSync(classes)) {
        throw error
      }
    }
  }
  return { java, classPath: `${classes}:${libraries}` }
}
