import { succeed } from '../failure.ts'
import type { PoolStats } from '../pool/index.ts'
import { ProcessPool } from '../pool/index.ts'
import type { Outcome, TextLine, TextPage, TextWord } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import { settleLookAlikes } from './confusable.ts'
import { guard } from './guard.ts'
import type { Picture, Recognition, RecogniseTask, View } from './messages.ts'
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

/** A page that can be had as a picture. */
export interface PageSource {
  readonly number: number
  picture(view: View): Promise<Outcome<Picture>>
}

export interface ReadPage {
  readonly page: TextPage
  readonly engines: readonly EngineName[]
}

type Rows = readonly (readonly TextWord[])[]

interface Seen {
  readonly picture: Picture
  readonly recognition: Recognition
  readonly lines: readonly TextLine[]
}

const mebibyte = 1024 * 1024
/** Below this mean confidence a page may lie on its side. */
const minQuality = 0.5
/** A page that was worth scanning says more than this; where less is seen, most of it was taken for background. */
const minCharacters = 40
/** A recognition of fewer characters says nothing about direction. */
const minTurnCharacters = 12
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
      maxRssBytes: 1024 * mebibyte,
      maxHeapMiB: 256,
    })
    this.#second = options.secondEngine === undefined ? undefined : new ProcessPool({
      name: 'recognise-again',
      entry: new URL('./pp-ocr-process.ts', import.meta.url),
      args: [options.secondEngine],
      size: 1,
      recycleAfter: 200,
      // Seen: 0.4 to 0.9 GB. The runtime keeps what its largest page needed.
      maxRssBytes: 1800 * mebibyte,
      maxHeapMiB: 512,
    })
  }

  /** @throws PoolError ABORTED, CLOSED, START_FAILED */
  async read(source: PageSource, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<ReadPage>> {
    const seen = await this.#upright(source, bounds, signal)
    if (!seen.ok) {
      return seen
    }
    const { picture, recognition, lines } = seen.value
    if (this.#second !== undefined && isDoubtful(recognition.lines)) {
      const again = await this.#recognise(this.#second, picture, bounds, signal)
      // Where the second engine fails, the first one's reading stands.
      if (again.ok && again.value.lines.length > 0) {
        return succeed({ page: pageOf(source.number, picture, linesOf(vote(recognition.lines, again.value.lines)), bounds), engines: ['tesseract', 'pp-ocr'] })
      }
    }
    return succeed({ page: pageOf(source.number, picture, lines, bounds), engines: ['tesseract'] })
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
  async #upright(source: PageSource, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<Seen>> {
    const first = await this.#see(source, asItIs, bounds, signal)
    if (!first.ok || (qualityOf([first.value]) >= minQuality && charactersOf(first.value.lines) >= minCharacters)) {
      return first
    }
    let seen = first
    if (charactersOf(first.value.lines) < minCharacters) {
      const stretched = await this.#see(source, { ...asItIs, stretched: true }, bounds, signal)
      seen = stretched.ok && readable(stretched.value) > readable(first.value) ? stretched : first
    }
    const quality = qualityOf([seen.value])
    if (quality >= minQuality || charactersOf(seen.value.lines) < minTurnCharacters) {
      return seen
    }
    let best: View['turn'] = 0
    let bestQuality = Math.max(minQuality, quality)
    for (const turn of [90, 180, 270] as const) {
      const probe = await this.#see(source, { turn, probe: true, stretched: false }, bounds, signal)
      if (probe.ok && qualityOf([probe.value]) > bestQuality && charactersOf(probe.value.lines) >= minTurnCharacters) {
        best = turn
        bestQuality = qualityOf([probe.value])
      }
    }
    if (best === 0) {
      return seen
    }
    const turned = await this.#see(source, { turn: best, probe: false, stretched: false }, bounds, signal)
    return turned.ok && qualityOf([turned.value]) > quality ? turned : seen
  }

  async #see(source: PageSource, view: View, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<Seen>> {
    const picture = await source.picture(view)
    if (!picture.ok) {
      return picture
    }
    const recognition = await this.#recognise(this.#first, picture.value, bounds, signal)
    return recognition.ok ? succeed({ picture: picture.value, recognition: recognition.value, lines: linesOf(recognition.value.lines) }) : recognition
  }

  #recognise(pool: ProcessPool, picture: Picture, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<Recognition>> {
    const task: RecogniseTask = { picture: picture.bytes, layout: picture.layout }
    return guard(() => pool.run<Recognition>(task, { timeoutMs: bounds.pageTimeoutMs, ...(signal === undefined ? {} : { signal }) }))
  }
}

/** Runs of words, each a line of its own that names its words. */
export function linesOf(rows: Rows): TextLine[] {
  return rows.flatMap((row) => joinRecognised(row.map((word) => ({ ...word, text: settleLookAlikes(word.text) })), columnGap))
}

/** How much was read that may be right: characters, by how far their confidence is above guessing. */
function readable({ lines }: Seen): number {
  return lines.reduce((sum, line) => sum + (line.confidence - 0.4) * line.text.length, 0)
}

function pageOf(number: number, { width, height, turned }: Picture, lines: readonly TextLine[], bounds: TextBounds): TextPage {
  const page = { number, width, height, lines: lines.slice(0, bounds.maxLinesPerPage) }
  return turned === 0 ? page : { ...page, turned }
}
