import t from 'tap'
import { leveldbEngine, memoryEngine, rocksdbEngine } from '../index.ts'
import { windowStoreConformance } from '../testing/window-suite.ts'

for (const engine of [memoryEngine, rocksdbEngine, leveldbEngine]) {
  await windowStoreConformance(t, engine)
}
