import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Worker } from 'tesseract.js'
import { createWorker, OEM, PSM } from 'tesseract.js'
import { serve } from '../pool/process.ts'
import type { TextLine } from '../types.ts'
import type { Recognition, RecogniseTask } from './messages.ts'
import type { Word } from './runs.ts'
import { joinWords } from './runs.ts'

const dataFolder = join(dirname(createRequire(import.meta.url).resolve('@tesseract.js-data/eng/package.json')), '4.0.0_best_int')
const columnGap = 1.6

let worker: Worker | undefined

/** Data from its npm package, never from the network, never from a cache that another process may have written. */
async function start(): Promise<void> {
  worker = await createWorker('eng', OEM.LSTM_ONLY, { langPath: dataFolder, gzip: true, cacheMethod: 'none', errorHandler: () => {} })
  await worker.setParameters({
    tessedit_pageseg_mode: PSM.SINGLE_BLOCK,
    // Without these a page's text depends on the pages read before it.
    classify_enable_learning: '0',
    classify_enable_adaptive_matcher: '0',
  })
}

async function recognise(task: RecogniseTask): Promise<Recognition> {
  const picture = Buffer.from(task.picture.buffer, task.picture.byteOffset, task.picture.byteLength)
  const { data } = await worker!.recognize(picture, {}, { blocks: true, text: false })
  const lines: TextLine[] = []
  for (const block of data.blocks ?? []) {
    for (const line of block.paragraphs.flatMap((paragraph) => paragraph.lines)) {
      const words: Word[] = line.words
        .filter((word) => word.text.trim() !== '')
        .map((word) => ({
          text: word.text.trim(),
          // A word's own height is its letters'; the line's is the font's, which is what gaps are measured in.
          box: { x: word.bbox.x0, y: line.bbox.y0, width: word.bbox.x1 - word.bbox.x0, height: Math.max(1, line.bbox.y1 - line.bbox.y0) },
          confidence: Math.max(0, Math.min(1, word.confidence / 100)),
        }))
      lines.push(...joinWords(words, columnGap))
    }
  }
  return { lines, engineVersion: data.version }
}

serve((input) => recognise(input as RecogniseTask), start)
