import { succeed } from '../failure.ts'
import { serve } from '../pool/process.ts'
import type { Outcome } from '../types.ts'
import type { Recognition, RecogniseTask } from './messages.ts'
import { wholePage } from './page.ts'
import { toPicture } from './picture.ts'
import { PpOcr } from './pp-ocr/engine.ts'
import { loadModels } from './pp-ocr/runtime.ts'

let engine: PpOcr | undefined

async function recognise(task: RecogniseTask): Promise<Outcome<Recognition>> {
  const whole = await wholePage(task, task.bounds)
  if (!whole.ok) {
    return whole
  }
  const { grey, turned } = await toPicture(whole.value.grey, task.view)
  return succeed({ width: grey.width, height: grey.height, turned, pages: whole.value.pages, lines: await engine!.recognise(grey) })
}

serve((input) => recognise(input as RecogniseTask), async () => {
  // The pool's argument: where the models were installed.
  engine = new PpOcr(await loadModels(process.argv[2] ?? ''))
})
