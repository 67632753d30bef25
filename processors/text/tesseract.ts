import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { OutputFormats, Worker } from 'tesseract.js'
import { createWorker, OEM } from 'tesseract.js'

const dataFolder = join(dirname(createRequire(import.meta.url).resolve('@tesseract.js-data/eng/package.json')), '4.0.0_best_int')

/** What is asked of a recognition: words with their symbols, no plain text. */
export const recognitionOutput: Partial<OutputFormats> = { blocks: true, text: false }

/**
 * tesseract.js as the reader and its benchmark run it. Data comes from its npm package, never from the network, never from a cache that
 * another process may have written.
 */
export async function createTesseract(): Promise<Worker> {
  const worker = await createWorker('eng', OEM.LSTM_ONLY, { langPath: dataFolder, gzip: true, cacheMethod: 'none', errorHandler: () => {} })
  await worker.setParameters({
    // Without these a page's text depends on the pages read before it.
    classify_enable_learning: '0',
    classify_enable_adaptive_matcher: '0',
  })
  return worker
}
