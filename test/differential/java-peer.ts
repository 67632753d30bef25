/** Kafka Streams' side: one JVM for all cases, a case per line in, an outcome per line out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { compileJava } from '../../stack/java.ts'
import { readLock } from '../../stack/lock.ts'
import type { Case, Outcome } from './case.ts'

const SOURCES = fileURLToPath(new URL('java/src/millrace/differential/', import.meta.url))
const MAIN = 'millrace.differential.TestDriverPeer'
/** Many small topologies: a small heap and the compiler that starts fast. */
const OPTIONS = ['-Xshare:auto', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

export class JavaPeer {
  readonly #child: ChildProcess
  readonly #stateDir: string
  readonly #waiting: { resolve(outcome: Outcome): void; reject(error: Error): void }[] = []
  #errors = ''

  private constructor(child: ChildProcess, stateDir: string) {
    this.#child = child
    this.#stateDir = stateDir
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-4_000)
    })
    createInterface({ input: child.stdout! }).on('line', (line) => this.#answer(line))
    child.on('error', (error) => this.#fail(error.message))
    child.on('exit', (code, signal) => this.#fail(`ended (${code ?? signal})`))
  }

  /** Brings the jars, compiles, starts. Throws StackError DOWNLOAD_FAILED or PREPARE_FAILED. */
  static async start(say: (line: string) => void): Promise<JavaPeer> {
    const sources = readdirSync(SOURCES).sort().map((name) => join(SOURCES, name))
    const program = { name: 'differential', sources, libraries: ['kafka-streams-test-utils', 'kafka-streams', 'kafka'] as const }
    const { java, classPath } = await compileJava(readLock(), program, say)
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-differential-'))
    return new JavaPeer(spawn(java, [...OPTIONS, '-cp', classPath, MAIN, stateDir], { stdio: ['pipe', 'pipe', 'pipe'] }), stateDir)
  }

  /** What Kafka Streams makes of a case. Rejects with its stack trace if it refuses it. */
  run(test: Case): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#child.stdin!.write(`${JSON.stringify(test)}\n`)
    })
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin!.end()
    await ended
    rmSync(this.#stateDir, { recursive: true, force: true })
  }

  #answer(line: string): void {
    const waiting = this.#waiting.shift()
    const answer = JSON.parse(line) as Outcome & { readonly error?: string }
    if (answer.error === undefined) {
      waiting?.resolve(answer)
    } else {
      waiting?.reject(new Error(`Kafka Streams refused the case: ${answer.error}`))
    }
  }

  #fail(why: string): void {
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new Error(`The JVM ${why}: ${this.#errors}`))
    }
  }
}
