/** `npm run benchmark -- documents`: what documents cost. Start reading here. */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { openSets } from '../../evaluation/sets.ts'
import { generateSamples } from '../../samples/index.ts'
import { UsageError } from '../command-line.ts'
import { type DocumentOptions, parseDocumentOptions, USAGE } from './options.ts'
import { describeScans, measureScans, type ScanFigures } from './scans.ts'
import { RECOGNISERS, Steps } from './steps.ts'

/** Text-layer documents on their way: the parsing process always has the next. */
const WIDTH_OF_TEXT = 4
/** Between two looks at the memory. */
const LOOK_EVERY = 20
const SEED = 20261121

interface Material {
  readonly scans: readonly Uint8Array[]
  readonly texts: readonly Uint8Array[]
}

/** What the pipeline is built for, on two cores that do nothing else. */
const AIMS = { receiptsPerSecond: 2, overhead: 0.05, textPagesPerSecond: 50, growth: 0.05 }

interface Figures {
  readonly scans: ScanFigures
  readonly text: { readonly pages: number; readonly seconds: number; readonly pagesPerSecond: number; readonly cpuPerPage: number }
  readonly memory: { readonly documents: number; readonly seconds: number; readonly mediansMiB: readonly number[]; readonly mostMiB: number }
}

/** Runs the command. Returns its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(USAGE)
    return 0
  }
  try {
    const options = parseDocumentOptions(args)
    const material = await collect(options)
    const figures: Figures = { scans: await measureScans([...cycle(material.scans, options.scans)]), text: await texts(options, material), memory: await memory(options, material) }
    process.stdout.write(`${describe(figures)}\n`)
    if (options.json !== undefined) {
      writeFileSync(options.json, `${JSON.stringify({ cores: availableParallelism(), ...figures }, null, 2)}\n`)
    }
    return 0
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`)
    return error instanceof UsageError ? 2 : 1
  }
}

async function collect(options: DocumentOptions): Promise<Material> {
  const samples = await generateSamples({ seed: SEED, count: 120, now: new Date('2026-11-21T12:00:00Z') })
  const texts = samples.filter(({ kind }) => kind === 'text-invoice').map(({ bytes }) => bytes)
  const own = samples.filter(({ kind }) => kind === 'receipt' || kind === 'scanned-invoice').map(({ bytes }) => bytes)
  const given = options.data === undefined ? [] : openSets(options.data).flatMap(({ documents }) => documents.map((document) => document.bytes()))
  return { scans: given.length === 0 ? own : given, texts }
}

/** `n` of them, from the beginning again where there are fewer. */
function* cycle(documents: readonly Uint8Array[], n: number): Generator<Uint8Array> {
  for (let i = 0; i < n; i++) {
    yield documents[i % documents.length]!
  }
}

async function texts({ textPages }: DocumentOptions, material: Material): Promise<Figures['text']> {
  const steps = new Steps()
  try {
    await steps.takeAll(cycle(material.texts, material.texts.length), WIDTH_OF_TEXT)
    const before = steps.usage()
    const begin = performance.now()
    let pages = 0
    while (pages < textPages) {
      pages += await steps.takeAll(cycle(material.texts, material.texts.length), WIDTH_OF_TEXT)
    }
    const seconds = (performance.now() - begin) / 1_000
    return { pages, seconds, pagesPerSecond: pages / seconds, cpuPerPage: (steps.usage().around - before.around) / 1e6 / pages }
  } finally {
    await steps.close()
  }
}

/** Nine text layers, one scan, and so on; what is resident, by tenths of the run. */
async function memory({ documents }: DocumentOptions, material: Material): Promise<Figures['memory']> {
  const steps = new Steps()
  const looks: number[] = []
  let taken = 0
  const onTaken = (): void => {
    if (++taken % LOOK_EVERY === 0) {
      looks.push(steps.residentMiB())
    }
  }
  const mixed = function* (): Generator<Uint8Array> {
    for (let i = 0; i < documents; i++) {
      const from = i % 10 === 9 ? material.scans : material.texts
      yield from[Math.floor(i / 10) % from.length]!
    }
  }
  try {
    const begin = performance.now()
    await steps.takeAll(mixed(), RECOGNISERS + 1, onTaken)
    const tenths = Array.from({ length: Math.min(10, looks.length) }, (_, n, count = Math.min(10, looks.length)) => looks.slice(Math.floor((n * looks.length) / count), Math.floor(((n + 1) * looks.length) / count)))
    return { documents, seconds: (performance.now() - begin) / 1_000, mediansMiB: tenths.map(median), mostMiB: Math.max(...looks) }
  } finally {
    await steps.close()
  }
}

/** What is aimed at and what came of it, one line each. The first fifth of the memory is filling caches. */
function verdicts({ scans, text, memory: { mediansMiB } }: Figures): string[] {
  const line = (name: string, value: number, aim: number, least: boolean, show: (value: number) => string): string =>
    `aim          ${name} ${least ? 'at least' : 'at most'} ${show(aim)}: ${show(value)}, ${(least ? value >= aim : value <= aim) ? 'met' : 'MISSED'}`
  const percent = (value: number): string => `${(value * 100).toFixed(1)} %`
  const growth = mediansMiB.at(-1)! / mediansMiB[Math.floor(mediansMiB.length / 5)]! - 1
  return [
    line('receipts a second', scans.pagesPerSecond, AIMS.receiptsPerSecond, true, (value) => value.toFixed(2)),
    ...(scans.bare === undefined ? [] : [line('processor time over the engine alone', scans.bare.overhead, AIMS.overhead, false, percent)]),
    line('text-layer pages a second', text.pagesPerSecond, AIMS.textPagesPerSecond, true, (value) => value.toFixed(0)),
    line('memory of the last tenth over the third', growth, AIMS.growth, false, percent),
  ]
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function describe(figures: Figures): string {
  const { scans, text, memory } = figures
  return [
    describeScans(scans),
    `text layers  ${text.pages} pages in ${text.seconds.toFixed(1)} s: ${text.pagesPerSecond.toFixed(0)} a second, ${(text.cpuPerPage * 1_000).toFixed(1)} ms of CPU a page`,
    `memory       ${memory.documents} documents in ${memory.seconds.toFixed(0)} s: all processes together ${memory.mediansMiB.join(', ')} MiB by tenths of the run, ${memory.mostMiB} at most`,
    ...verdicts(figures),
  ].join('\n')
}
