/** What recognition costs, what the pipeline around it costs, and what the engine would cost alone. */
import { kindOf } from '../../processors/text/index.ts'
import { BareEngine } from './bare-engine.ts'
import { RECOGNISERS, Steps, type Usage } from './steps.ts'

export interface ScanFigures {
  readonly pages: number
  readonly seconds: number
  readonly pagesPerSecond: number
  /** Seconds of processor time a page: everything, the recognising processes, all others. */
  readonly cpuPerPage: number
  readonly engineCpuPerPage: number
  readonly aroundCpuPerPage: number
  /** What is around the recognising processes, as a part of what they take. */
  readonly around: number
  /** The engine alone on the same documents, and what the whole pipeline takes more than it (less: negative). Undefined where it could not read them. */
  readonly bare: { readonly cpuPerPage: number; readonly overhead: number } | undefined
}

/** Documents before it is measured: processes start, code is compiled, models are loaded. */
const WARM_UP = 4
/** Pipeline and engine take turns, so that what else the machine does is shared between them. */
const ROUNDS = 4

export async function measureScans(documents: readonly Uint8Array[]): Promise<ScanFigures> {
  const steps = new Steps()
  // A PDF is more than a picture: the engine cannot read it.
  const bare = documents.every((bytes) => kindOf(bytes) === 'image') ? await BareEngine.start(RECOGNISERS) : undefined
  try {
    const warmUp = documents.slice(0, WARM_UP)
    await steps.takeAll(warmUp, RECOGNISERS)
    await bare?.takeAll(warmUp)
    const used = { pages: 0, seconds: 0, engine: 0, around: 0, bare: 0 }
    const pipeline = async (part: readonly Uint8Array[]): Promise<void> => {
      const before = steps.usage()
      const begin = performance.now()
      used.pages += await steps.takeAll(part, RECOGNISERS + 1)
      used.seconds += (performance.now() - begin) / 1_000
      const after = steps.usage()
      for (const name of ['engine', 'around'] satisfies (keyof Usage)[]) {
        used[name] += after[name] - before[name]
      }
    }
    const alone = async (part: readonly Uint8Array[]): Promise<void> => {
      const before = bare?.usage() ?? 0
      await bare?.takeAll(part)
      used.bare += (bare?.usage() ?? 0) - before
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const part = documents.slice(Math.floor((round * documents.length) / ROUNDS), Math.floor(((round + 1) * documents.length) / ROUNDS))
      for (const run of round % 2 === 0 ? [pipeline, alone] : [alone, pipeline]) {
        await run(part)
      }
    }
    const perPage = (microseconds: number): number => microseconds / 1e6 / used.pages
    return {
      pages: used.pages,
      seconds: used.seconds,
      pagesPerSecond: used.pages / used.seconds,
      cpuPerPage: perPage(used.engine + used.around),
      engineCpuPerPage: perPage(used.engine),
      aroundCpuPerPage: perPage(used.around),
      around: used.around / used.engine,
      bare: bare === undefined ? undefined : { cpuPerPage: perPage(used.bare), overhead: (used.engine + used.around) / used.bare - 1 },
    }
  } finally {
    await Promise.all([steps.close(), bare?.close()])
  }
}

export function describeScans({ pages, seconds, pagesPerSecond, cpuPerPage, engineCpuPerPage, aroundCpuPerPage, around, bare }: ScanFigures): string {
  const ms = (value: number): string => `${(value * 1_000).toFixed(0)} ms`
  return [
    `scans        ${pages} pages in ${seconds.toFixed(1)} s: ${pagesPerSecond.toFixed(2)} a second, ${cpuPerPage.toFixed(2)} s of CPU a page`,
    `             recognising processes ${ms(engineCpuPerPage)} of CPU a page, around them ${ms(aroundCpuPerPage)}: ${(around * 100).toFixed(1)} %`,
    bare === undefined
      ? '             the engine alone was not measured: not all documents are images'
      : `             the engine alone, given the files ${ms(bare.cpuPerPage)} of CPU a page: the whole pipeline takes ${(bare.overhead * 100).toFixed(1)} % more`,
  ].join('\n')
}
