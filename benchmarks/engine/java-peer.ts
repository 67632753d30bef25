/** Brings Kafka Streams from the lock file, compiles the peer with the stack's own compiler, and says how to run it. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../../stack/cache.ts'
import { bringComponents, classPath } from '../../stack/components.ts'
import { readLock } from '../../stack/lock.ts'
import { runToEnd } from '../../stack/process.ts'
import type { EngineSettings } from './engines.ts'

const SOURCE = fileURLToPath(new URL('../java/src/millrace/benchmark/KeyedRmw.java', import.meta.url))
const MAIN = 'millrace.benchmark.KeyedRmw'
/** The heap of Kafka Streams: ample for this state (most of which is outside the heap, in RocksDB). */
const HEAP = ['-Xms512m', '-Xmx1g']

export interface JavaPeer {
  /** As the lock names it. */
  readonly version: string
  command(settings: EngineSettings): { readonly file: string; readonly args: string[] }
}

/** Throws StackError DOWNLOAD_FAILED or PREPARE_FAILED with the compiler's messages. */
export async function prepareJavaPeer(say: (line: string) => void): Promise<JavaPeer> {
  const lock = readLock()
  const installed = await bringComponents(lock, say, cacheFolder(), ['kafka-streams'])
  const libraries = [await classPath(join(installed['kafka-streams'], 'libs')), await classPath(join(installed.kafka, 'libs'))].join(':')
  const java = join(installed.jre, 'bin', 'java')
  const hash = createHash('sha256').update(libraries).update(readFileSync(SOURCE)).digest('hex').slice(0, 12)
  const classes = join(cacheFolder(), 'benchmarks', `java-${hash}`)
  if (!existsSync(classes)) {
    say('compiling the Java peer')
    mkdirSync(join(cacheFolder(), 'benchmarks'), { recursive: true })
    const folder = mkdtempSync(join(cacheFolder(), 'benchmarks', '.new-'))
    try {
      const flags = ['-source', '17', '-target', '17', '-encoding', 'UTF-8', '-proc:none', '-nowarn', '-d', folder, '-cp', libraries]
      const compiler = ['-cp', await classPath(installed.ecj), 'org.eclipse.jdt.internal.compiler.batch.Main']
      await runToEnd({ file: java, args: [...compiler, ...flags, SOURCE], folder }, 'compiling the Java peer')
      renameSync(folder, classes)
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      if (!existsSync(classes)) {
        throw error
      }
    }
  }
  return {
    version: lock.components['kafka-streams'].version,
    command: ({ bootstrapServers, applicationId, stateDir, input, output, threads }) => ({
      file: java,
      args: ['-Xshare:auto', ...HEAP, '-cp', `${classes}:${libraries}`, MAIN, bootstrapServers, applicationId, stateDir, input, output, String(threads)],
    }),
  }
}
