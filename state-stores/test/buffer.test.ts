import t from 'tap'
import { leveldbEngine, memoryEngine, rocksdbEngine } from '../index.ts'
import { bufferConformance } from '../testing/buffer-suite.ts'

for (const engine of [memoryEngine, rocksdbEngine, leveldbEngine]) {
  await bufferConformance(t, engine)
}
