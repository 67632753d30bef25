import { ProcessPool } from '../pool/index.ts'
import { guard } from '../text/guard.ts'
import type { Outcome } from '../types.ts'
import type { PageBounds, PageImage, PageTask } from './draw.ts'

export interface PageRenderer {
  /** @throws PoolError CLOSED, START_FAILED: everything else is an outcome */
  draw(task: PageTask): Promise<Outcome<PageImage>>
  close(): Promise<void>
}

const mebibyte = 1024 * 1024
const bounds: PageBounds = { maxPixels: 100_000_000, maxWidth: 1400, maxHeight: 5000 }
/** A page that takes longer is one whose parser hangs: a process must not be lost to it. */
const timeoutMs = 30_000

/** Draws pages in a process of its own, which starts with the first page. */
export function createPageRenderer(): PageRenderer {
  const pool = new ProcessPool({
    name: 'draw',
    entry: new URL('./page-process.ts', import.meta.url),
    size: 1,
    recycleAfter: 200,
    // A 100-megapixel image in colour is 400 MB while it is scaled.
    maxRssBytes: 1200 * mebibyte,
    maxHeapMiB: 256,
  })
  return {
    async draw(task) {
      const outcome = await guard(() => pool.run<Outcome<PageImage>>({ task, bounds }, { timeoutMs }))
      return outcome.ok ? outcome.value : outcome
    },
    close: () => pool.close(),
  }
}
