/** A stream thread that is terminated, in a write or not, leaves a database that another thread can open. */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import t from 'tap'
import { leveldbEngine, openTaskState, rocksdbEngine } from '../../index.ts'
import { GENERATION_KEYS, GENERATION_STORES } from '../fixtures/generations.ts'

for (const engine of [rocksdbEngine, leveldbEngine]) {
  t.test(`${engine.name} after worker.terminate()`, async (t) => {
    const location = join(t.testdir(), '0_0')
    let after = 0
    for (let life = 0; life < 3; life++) {
      const worker = new Worker(join(import.meta.dirname, '../fixtures/generations-thread.ts'), { workerData: { engine: engine.name, location }, execArgv: [] })
      const reached = new Promise<void>((resolve, reject) => {
        worker.on('message', (generation: number) => {
          if (generation >= after + 20) {
            resolve()
          }
        })
        worker.on('error', reject)
      })
      await Promise.race([reached, once(worker, 'exit')])
      await worker.terminate()
      const state = await openTaskState({ engine, location, stores: GENERATION_STORES })
      const offset = state.position('generations-0')!.offset
      t.ok(offset >= after + 20)
      for (const { name } of GENERATION_STORES) {
        const values = Array.from(state.store(name).range({}), ([, value]) => Buffer.from(value).readUInt32BE(0))
        t.equal(values.length, GENERATION_KEYS)
        t.ok(values.every((value) => value === offset))
      }
      after = offset
      await state.close()
    }
  })
}
