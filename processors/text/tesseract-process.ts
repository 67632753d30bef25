import type { Worker } from 'tesseract.js'
import { PSM } from 'tesseract.js'
import { serve } from '../pool/process.ts'
import type { Layout, RecognisedWord, Recognition, RecogniseTask } from './messages.ts'
import { createTesseract, recognitionOutput } from './tesseract.ts'

let worker: Worker | undefined

/** How tesseract looks for lines: on a receipt all is one block, on a sheet what stands side by side is not. */
const segmentation: { readonly [layout in Layout]: PSM } = { block: PSM.SINGLE_BLOCK, columns: PSM.SINGLE_COLUMN }

async function recognise(task: RecogniseTask): Promise<Recognition> {
  // Each time: nothing of the page before may stay.
  await worker!.setParameters({ tessedit_pageseg_mode: segmentation[task.layout] })
  const picture = Buffer.from(task.picture.buffer, task.picture.byteOffset, task.picture.byteLength)
  const { data } = await worker!.recognize(picture, {}, recognitionOutput)
  const lines = (data.blocks ?? []).flatMap((block) => block.paragraphs.flatMap((paragraph) => paragraph.lines))
  return { lines: lines.map((line) => line.words.filter((word) => word.text.trim() !== '').map((word) => toWord(word, line.bbox))) }
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

serve((input) => recognise(input as RecogniseTask), async () => {
  worker = await createTesseract()
})
