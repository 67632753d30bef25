import { succeed } from '../failure.ts'
import type { PoolStats } from '../pool/index.ts'
import { ProcessPool } from '../pool/index.ts'
import type { Outcome, TextLine, TextPage, TextWord } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import { settleLookAlikes } from './confusable.ts'
import { guard } from './guard.ts'
import type { Direction, DirectionTask, PageOf, Recognition, RecogniseTask, View } from './messages.ts'
import { asItIs } from './messages.ts'
import { charactersOf, isDoubtful, qualityOf } from './quality.ts'
import { joinRecognised } from './runs.ts'
import { vote } from './vote.ts'

/** `standard`: tesseract alone. `thorough`: what it is not sure of is read by a second engine, too, and the two vote. */
export type Profile = 'standard' | 'thorough'
export type EngineName = 'tesseract' | 'pp-ocr'

export interface RecogniserOptions {
  /** Processes of the first engine. The second has one: it wants 1 to 1.8 GB. */
  readonly size: number
  /** Where the second engine is installed; undefined: the profile is `standard`. */
  readonly secondEngine: string | undefined
}

export interface ReadPage {
  readonly page: TextPage
  /** Of the document. */
  readonly pages: number
  readonly engines: readonly EngineName[]
}

type Rows = readonly (readonly TextWord[])[]

interface Seen {
  readonly view: View
  readonly recognition: Recognition
  readonly lines: readonly TextLine[]
}

const mebibyte = 1024 * 1024
/** Below this mean confidence a page may lie on its side. */
const minQuality = 0.5
/** A page that was worth scanning says more than this; where less is seen, most of it was taken for background. */
const minCharacters = 40
/** In heights of the text: a wider gap parts two runs. */
const columnGap = 1.6

/** Pictures of pages become lines of text. */
export class Recogniser {
  readonly #first: ProcessPool
  readonly #second: ProcessPool | undefined

  constructor(options: RecogniserOptions) {
    this.#first = new ProcessPool({
      name: 'recognise',
      entry: new URL('./tesseract-process.ts', import.meta.url),
      size: options.size,
      recycleAfter: 200,
      // 300 MB to recognise a page; a 100-megapixel image in colour is 400 MB while it is scaled.
      maxRssBytes: 1200 * mebibyte,
      maxHeapMiB: 256,
    })
    this.#second = options.secondEngine === undefined ? undefined : new ProcessPool({
      name: 'recognise-again',
      entry: new URL('./pp-ocr-process.ts', import.meta.url),
      args: [options.secondEngine],
      size: 1,
      recycleAfter: 200,
      // Seen: 0.4 to 0.9 GB. The runtime keeps what its largest page needed; a large image takes 0.3 more while it is made a picture.
      maxRssBytes: 1800 * mebibyte,
      maxHeapMiB: 512,
    })
  }

  /** @throws PoolError ABORTED, CLOSED, START_FAILED */
  async read(page: PageOf, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<ReadPage>> {
    const seen = await this.#upright(page, bounds, signal)
    if (!seen.ok) {
      return seen
    }
    const { view, recognition, lines } = seen.value
    const { pages } = recognition
    if (this.#second !== undefined && isDoubtful(recognition.lines)) {
      const again = await this.#recognise(this.#second, page, view, bounds, signal)
      // Where the second engine fails, the first one's reading stands.
      if (again.ok && again.value.lines.length > 0) {
        return succeed({ page: toPage(page, recognition, linesOf(vote(recognition.lines, again.value.lines)), bounds), pages, engines: ['tesseract', 'pp-ocr'] })
      }
    }
    return succeed({ page: toPage(page, recognition, lines, bounds), pages, engines: ['tesseract'] })
  }

  stats(): PoolStats {
    const first = this.#first.stats()
    const second = this.#second?.stats()
    if (second === undefined) {
      return first
    }
    const sum = (name: keyof PoolStats): number => first[name] + second[name]
    return { processes: sum('processes'), busy: sum('busy'), queued: sum('queued'), started: sum('started'), killed: sum('killed') }
  }

  async close(): Promise<void> {
    await Promise.all([this.#first.close(), this.#second?.close()])
  }

  /** The page as it can be read: where the first look sees next to nothing, more contrast is tried; where it is not sure of anything, the other directions. */
  async #upright(page: PageOf, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<Seen>> {
    const first = await this.#look(page, asItIs, bounds, signal)
    if (!first.ok || isRead(first.value)) {
      return first
    }
    let seen = first
    if (charactersOf(first.value.lines) < minCharacters) {
      const stretched = await this.#look(page, { ...asItIs, stretched: true }, bounds, signal)
      seen = stretched.ok && readable(stretched.value) > readable(first.value) ? stretched : first
    }
    if (isRead(seen.value)) {
      return seen
    }
    const quality = qualityOf([seen.value])
    const { stretched } = seen.value.view
    const direction = await this.#ask<Direction>(this.#first, { ...page, do: 'find-direction', quality, stretched, bounds }, bounds, signal)
    // A part speaks only for trying the whole.
    if (!direction.ok || direction.value.quality <= quality) {
      return seen
    }
    const turned = await this.#look(page, { turn: direction.value.turn, stretched }, bounds, signal)
    return turned.ok && readable(turned.value) > readable(seen.value) ? turned : seen
  }

  async #look(page: PageOf, view: View, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<Seen>> {
    const recognition = await this.#recognise(this.#first, page, view, bounds, signal)
    return recognition.ok ? succeed({ view, recognition: recognition.value, lines: linesOf(recognition.value.lines) }) : recognition
  }

  #recognise(pool: ProcessPool, page: PageOf, view: View, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<Recognition>> {
    return this.#ask<Recognition>(pool, { ...page, do: 'recognise', view, bounds }, bounds, signal)
  }

  async #ask<T>(pool: ProcessPool, task: RecogniseTask | DirectionTask, { pageTimeoutMs }: TextBounds, signal?: AbortSignal): Promise<Outcome<T>> {
    const outcome = await guard(() => pool.run<Outcome<T>>(task, { timeoutMs: pageTimeoutMs, ...(signal === undefined ? {} : { signal }) }))
    return outcome.ok ? outcome.value : outcome
  }
}

/** Runs of words, each a line of its own that names its words. */
export function linesOf(rows: Rows): TextLine[] {
  return rows.flatMap((row) => joinRecognised(row.map((word) => ({ ...word, text: settleLookAlikes(word.text) })), columnGap))
}

/** Enough, and likely right: there is nothing to look for otherwise. */
function isRead(seen: Seen): boolean {
  return qualityOf([seen]) >= minQuality && charactersOf(seen.lines) >= minCharacters
}

/** How much was read that may be right: characters, by how far their confidence is above guessing. */
function readable({ lines }: Seen): number {
  return lines.reduce((sum, line) => sum + (line.confidence - 0.4) * line.text.length, 0)
}

function toPage({ page }: PageOf, { width, height, turned }: Recognition, lines: readonly TextLine[], { maxLinesPerPage }: TextBounds): TextPage {
  const result = { number: page, width, height, lines: lines.slice(0, maxLinesPerPage) }
  return turned === 0 ? result : { ...result, turned }
}
