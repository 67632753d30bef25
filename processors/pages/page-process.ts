import { serve } from '../pool/process.ts'
import { drawPage, type PageBounds, type PageTask } from './draw.ts'

serve((input) => {
  const { task, bounds } = input as { readonly task: PageTask; readonly bounds: PageBounds }
  return drawPage(task, bounds)
})
