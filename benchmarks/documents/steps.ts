/** A document through the steps of the pipeline that cost something, as `topology/` calls them, without Kafka. */
import { classify, createDocumentParsers, createValidator, type DocumentParsers, extract } from '../../processors/index.ts'
import { childrenOf, cpuMicroseconds, endedChildrenMicroseconds, residentMiB } from '../engine/process-usage.ts'

export const RECOGNISERS = 2
const RECEIVED_DAY = '2026-11-21'

export interface Usage {
  /** Of the recognising processes, which make their pictures, too, µs. */
  readonly engine: number
  /** Of this process, the parsing one, and all that were replaced by others, µs: a parser is after 500 tasks, a recogniser after 200 pages. */
  readonly around: number
}

export class Steps {
  readonly #parsers: DocumentParsers = createDocumentParsers({ parsers: 1, recognisers: RECOGNISERS, profile: 'standard' })
  readonly #validator = createValidator()

  /** Reads, classifies, extracts and validates; returns the pages. Throws if it could not be read. */
  async take(bytes: Uint8Array): Promise<number> {
    const read = await this.#parsers.reader.read(bytes)
    if (!read.ok) {
      throw new Error(`a document was not read: ${read.failure.code}`)
    }
    const text = read.value
    const classification = classify(text)
    const extraction = extract(text)
    if (!extraction.ok) {
      throw new Error(`a document was not understood: ${extraction.failure.code}`)
    }
    await this.#validator.validate({ extraction: extraction.value, type: classification.type, receivedDay: RECEIVED_DAY })
    return text.pages.length
  }

  /** All documents, `width` at a time; returns their pages. */
  async takeAll(documents: Iterable<Uint8Array>, width: number, onTaken: () => void = () => undefined): Promise<number> {
    const queue = documents[Symbol.iterator]()
    let pages = 0
    const work = async (): Promise<void> => {
      for (let next = queue.next(); !next.done; next = queue.next()) {
        const taken = await this.take(next.value)
        pages += taken
        onTaken()
      }
    }
    await Promise.all(Array.from({ length: width }, work))
    return pages
  }

  usage(): Usage {
    const children = childrenOf(process.pid)
    const of = (entry: string): number => children.reduce((total, { pid, command }) => total + (command.includes(entry) ? cpuMicroseconds(pid) : 0), 0)
    return { engine: of('/tesseract-process.ts'), around: cpuMicroseconds(process.pid) + endedChildrenMicroseconds(process.pid) + of('/parse-process.ts') }
  }

  /** Of this process and all its children. */
  residentMiB(): number {
    return [process.pid, ...childrenOf(process.pid).map(({ pid }) => pid)].reduce((total, pid) => total + residentMiB(pid), 0)
  }

  close(): Promise<void> {
    return this.#parsers.close()
  }
}
