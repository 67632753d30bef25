import { serve } from '../pool/process.ts'
import { parseGreymap } from './greymap.ts'
import type { Recognition, RecogniseTask } from './messages.ts'
import { PpOcr } from './pp-ocr/engine.ts'
import { loadModels } from './pp-ocr/runtime.ts'

let engine: PpOcr | undefined

serve(
  async (input): Promise<Recognition> => ({ lines: await engine!.recognise(parseGreymap((input as RecogniseTask).picture)) }),
  async () => {
    // The pool's argument: where the models were installed.
    engine = new PpOcr(await loadModels(process.argv[2] ?? ''))
  },
)
