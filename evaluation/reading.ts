/** Reads documents the way the product does: the same reader over the same pools of processes. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import type { DocumentText, TextReader } from '../processors/index.ts'

export interface ReadDocument {
  /** Empty: the file itself could not be read. */
  readonly sha256: string
  /** Undefined: it could not be read, see `failure`. */
  readonly text?: DocumentText
  readonly failure?: string
  /** Wall time of the read; undefined when it came from the cache. */
  readonly seconds?: number
}

/** Reads through a folder that keeps what was read under content digest and engine version. */
export class CachedReading {
  readonly #reader: TextReader
  readonly #folder: string | undefined

  constructor(reader: TextReader, folder?: string) {
    this.#reader = reader
    this.#folder = folder === undefined ? undefined : join(folder, createHash('sha256').update(reader.version).digest('hex').slice(0, 16))
    if (this.#folder !== undefined) {
      mkdirSync(this.#folder, { recursive: true })
      writeFileSync(join(this.#folder, 'version.txt'), `${reader.version}\n`)
    }
  }

  async read(bytes: Uint8Array): Promise<ReadDocument> {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const kept = this.#folder === undefined ? undefined : join(this.#folder, `${sha256}.json`)
    if (kept !== undefined && existsSync(kept)) {
      return { ...(JSON.parse(readFileSync(kept, 'utf8')) as Pick<ReadDocument, 'text' | 'failure'>), sha256 }
    }
    const started = process.hrtime.bigint()
    const outcome = await this.#reader.read(bytes)
    const seconds = Number(process.hrtime.bigint() - started) / 1e9
    const result = outcome.ok ? { text: outcome.value } : { failure: outcome.failure.code }
    if (kept !== undefined) {
      // Renamed into place: an interrupted run leaves no half of a file.
      writeFileSync(`${kept}.${process.pid}`, JSON.stringify(result))
      renameSync(`${kept}.${process.pid}`, kept)
    }
    return { ...result, sha256, seconds }
  }
}

/** CPU seconds of this process and of all its ended children (Linux, proc(5)); undefined elsewhere. */
export function cpuSeconds(): number | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // utime, stime, cutime, cstime: fields 14 to 17 counted from 1, in clock ticks of 1/100 s on every Linux that Node runs on.
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100
  } catch {
    return undefined
  }
}
