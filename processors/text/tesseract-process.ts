import type { Worker } from 'tesseract.js'
import { PSM } from 'tesseract.js'
import { succeed } from '../failure.ts'
import { serve } from '../pool/process.ts'
import type { Box, Outcome } from '../types.ts'
import type { Rival } from './direction.ts'
import { rivalsOf, sizeForDirection } from './direction.ts'
import type { Grey } from './greymap.ts'
import { toGreymap } from './greymap.ts'
import type { Direction, DirectionTask, RecognisedWord, Recognition, RecogniseTask } from './messages.ts'
import { wholePage } from './page.ts'
import type { Layout } from './picture.ts'
import { cut, seen, shrink, toPicture } from './picture.ts'
import { charactersOf, qualityOf } from './quality.ts'
import { createTesseract, recognitionOutput } from './tesseract.ts'

let worker: Worker | undefined

/** How tesseract looks for lines: on a receipt all is one block, on a sheet what stands side by side is not. */
const segmentation: { readonly [layout in Layout]: PSM } = { block: PSM.SINGLE_BLOCK, columns: PSM.SINGLE_COLUMN }
/** A recognition of fewer characters says nothing about direction. */
const minCharacters = 12
/** So much better or worse than the whole page as it is: print the wrong way round is read with a quality of .1 to .4, the right way with twice as much. */
const telling = 0.2
/** Side of the square that is tried where the band does not tell: some dozen lines of text. */
const squareSize = 900

async function recognise(task: RecogniseTask): Promise<Outcome<Recognition>> {
  const whole = await wholePage(task, task.bounds)
  if (!whole.ok) {
    return whole
  }
  const { grey, turned, layout } = await toPicture(whole.value.grey, task.view)
  return succeed({ width: grey.width, height: grey.height, turned, pages: whole.value.pages, lines: await look(grey, layout) })
}

async function findDirection({ quality, stretched, bounds, ...page }: DirectionTask): Promise<Outcome<Direction>> {
  const whole = await wholePage(page, bounds)
  if (!whole.ok) {
    return whole
  }
  const grey = await seen(whole.value.grey, { turn: 0, stretched })
  const small = await shrink(grey, sizeForDirection, sizeForDirection)
  const rivals = rivalsOf(small)
  const inBand = await bestOf(rivals.map(({ turn, box }) => ({ turn, box: enlarge(box, small, grey) })), grey)
  if (inBand.turn !== 0 && Math.abs(inBand.quality - quality) >= telling) {
    return succeed(inBand)
  }
  // The band may have met a stamp or a bar code.
  const inMiddle = await bestOf(rivals.map(({ turn }) => ({ turn, box: middleOf(grey) })), grey)
  return succeed(inMiddle.quality > inBand.quality ? inMiddle : inBand)
}

async function bestOf(rivals: readonly Rival[], grey: Grey): Promise<Direction> {
  let best: Direction = { turn: 0, quality: 0 }
  for (const { turn, box } of rivals) {
    const words = (await look(await cut(grey, box, turn), 'block')).flat()
    const quality = qualityOf([{ lines: words }])
    if (quality > best.quality && charactersOf(words) >= minCharacters) {
      best = { turn, quality }
    }
  }
  return best
}

/** The same part of the larger picture. */
function enlarge({ x, y, width, height }: Box, from: Grey, to: Grey): Box {
  const across = to.width / from.width
  const down = to.height / from.height
  return { x: Math.floor(x * across), y: Math.floor(y * down), width: Math.floor(width * across), height: Math.floor(height * down) }
}

function middleOf(grey: Grey): Box {
  const width = Math.min(squareSize, grey.width)
  const height = Math.min(squareSize, grey.height)
  return { x: Math.floor((grey.width - width) / 2), y: Math.floor((grey.height - height) / 2), width, height }
}

async function look(picture: Grey, layout: Layout): Promise<Recognition['lines']> {
  // Each time: nothing of the page before may stay.
  await worker!.setParameters({ tessedit_pageseg_mode: segmentation[layout] })
  const { data } = await worker!.recognize(toGreymap(picture), {}, recognitionOutput)
  const lines = (data.blocks ?? []).flatMap((block) => block.paragraphs.flatMap((paragraph) => paragraph.lines))
  return lines.map((line) => line.words.filter((word) => word.text.trim() !== '').map((word) => toWord(word, line.bbox)))
}

interface Bounds {
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
}

interface Seen {
  readonly text: string
  readonly confidence: number
  readonly bbox: Bounds
}

function toWord(word: Seen & { readonly symbols: readonly Seen[] }, line: Bounds): RecognisedWord {
  const text = word.text.trim()
  const confidence = part(word.confidence)
  const symbols = word.symbols.flatMap((symbol) => [...symbol.text].map(() => ({ confidence: part(symbol.confidence), x: (symbol.bbox.x0 + symbol.bbox.x1) / 2 })))
  return {
    text,
    // A word's own height is its letters'; the line's is the font's, which is what gaps are measured in.
    box: { x: word.bbox.x0, y: line.y0, width: word.bbox.x1 - word.bbox.x0, height: Math.max(1, line.y1 - line.y0) },
    confidence,
    characters: symbols.length === [...text].length ? symbols : spread(text, word.bbox, confidence),
  }
}

/** Where the symbols do not tell: evenly along the word. */
function spread(text: string, { x0, x1 }: Bounds, confidence: number): RecognisedWord['characters'] {
  const characters = [...text]
  return characters.map((_, n) => ({ confidence, x: x0 + ((n + 0.5) * (x1 - x0)) / characters.length }))
}

function part(percent: number): number {
  return Math.max(0, Math.min(1, percent / 100))
}

function handle(task: RecogniseTask | DirectionTask): Promise<Outcome<Recognition | Direction>> {
  return task.do === 'recognise' ? recognise(task) : findDirection(task)
}

serve((input) => handle(input as RecogniseTask | DirectionTask), async () => {
  worker = await createTesseract()
})
