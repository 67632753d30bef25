/** Brings Kafka Streams from the lock file, compiles the peer with the stack's own compiler, and says how to run it. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileJava } from '../../stack/java.ts'
import { readLock } from '../../stack/lock.ts'
import type { Engine } from './engines.ts'

const SOURCES = fileURLToPath(new URL('../java/src/millrace/benchmark/', import.meta.url))
const MAIN = 'millrace.benchmark.Peer'
/** The heap of Kafka Streams: ample for this state (most of which is outside the heap, in RocksDB). */
const HEAP = ['-Xms512m', '-Xmx1g']

/** Throws StackError DOWNLOAD_FAILED or PREPARE_FAILED with the compiler's messages. */
export async function prepareJavaPeer(say: (line: string) => void): Promise<Engine> {
  const lock = readLock()
  const { java, classPath } = await compileJava(lock, { name: 'benchmarks', sources: readdirSync(SOURCES).map((name) => join(SOURCES, name)), libraries: ['kafka-streams', 'kafka'] }, say)
  return {
    name: 'java',
    version: lock.components['kafka-streams'].version,
    command: ({ application, bootstrapServers, applicationId, stateDir, input, table, output, threads }) => ({
      file: java,
      args: ['-Xshare:auto', ...HEAP, '-cp', classPath, MAIN, application, bootstrapServers, applicationId, stateDir, input, output, String(threads), table ?? ''],
    }),
  }
}
