/** tesseract.js alone, given files as they came: a process of its own, so that the kernel tells what it costs. Its parent sends files and waits. */
import process from 'node:process'
import { createScheduler, PSM } from 'tesseract.js'
import { createTesseract, recognitionOutput } from '../../processors/text/tesseract.ts'

export type ToBareEngine = readonly string[]
/** Ready, and after each list of files how many of them were not read. */
export type FromBareEngine = { readonly ready: true } | { readonly failed: number }

const scheduler = createScheduler()

function answer(message: FromBareEngine): void {
  process.send?.(message)
}

async function readAll(files: ToBareEngine): Promise<void> {
  const results = await Promise.allSettled(files.map((file) => scheduler.addJob('recognize', file, {}, recognitionOutput)))
  answer({ failed: results.filter(({ status }) => status === 'rejected').length })
}

process.on('disconnect', () => process.exit(0))
process.on('message', (files: ToBareEngine) => void readAll(files))
for (let n = 0; n < Number(process.argv[2]); n += 1) {
  const worker = await createTesseract()
  await worker.setParameters({ tessedit_pageseg_mode: PSM.SINGLE_BLOCK })
  scheduler.addWorker(worker)
}
answer({ ready: true })
