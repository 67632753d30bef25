/**
 * Rule C11: a thread that is terminated inside of a batch write leaves the batch whole or not at all, and its lock to nobody:
 * another thread opens the same database at once.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { leveldbEngine, rocksdbEngine } from '../../index.ts'
import { BATCH_ROWS, type BatchFound, BatchPhase, type BatchThreadData } from '../fixtures/batch-thread.ts'

// A database that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

/** Terminations inside of a write; how many threads that takes is the machine's business. */
const HITS = 3
/** They are spread over the time that one write took: it begins in JavaScript and ends in the engine. */
const SPREAD = 6

for (const engine of [rocksdbEngine, leveldbEngine]) {
  t.test(`${engine.name}: terminated inside of a batch write, opened by another thread`, async (t) => {
    const location = join(t.testdir(), '0_0')
    let last = 0
    /** Starts a thread, looks at what it has found, and waits until it writes. */
    const writing = async () => {
      const data: BatchThreadData = { engine: engine.name, location, phase: new Int32Array(new SharedArrayBuffer(4)) }
      const worker = new Worker(join(import.meta.dirname, '../fixtures/batch-thread.ts'), { workerData: data, execArgv: [] })
      // Rejects with the error of a thread that could not open it.
      const [{ offset, rows, generations }] = (await once(worker, 'message')) as [BatchFound]
      t.ok(offset === last || offset === last + 1, `generation ${offset} after ${last}`)
      t.same([rows, generations], offset === 0 ? [0, []] : [BATCH_ROWS, [offset]], 'every row is of the generation its position names')
      const applied = offset > last
      last = offset
      await Atomics.waitAsync(data.phase, 0, BatchPhase.OPENING).value
      return { worker, phase: data.phase, applied }
    }
    const first = await writing()
    const began = performance.now()
    await Atomics.waitAsync(first.phase, 0, BatchPhase.WRITING).value
    const tookMs = performance.now() - began
    await first.worker.terminate()
    let hits = 0
    let applied = 0
    let inside = false
    for (let round = 0; round < SPREAD || hits < HITS; round++) {
      const { worker, phase, applied: before } = await writing()
      applied += inside && before ? 1 : 0
      await new Promise((resolve) => setTimeout(resolve, (tookMs * (round % SPREAD)) / SPREAD))
      inside = Atomics.load(phase, 0) === BatchPhase.WRITING
      hits += inside ? 1 : 0
      await worker.terminate()
    }
    await (await writing()).worker.terminate()
    t.comment(`${hits} threads were terminated inside of a write of ${tookMs.toFixed(0)} ms; ${applied} of their batches were whole`)
  })
}
