import t from 'tap'
import { leveldbEngine, memoryEngine, rocksdbEngine } from '../../index.ts'
import { snapshotConformance } from '../../testing/index.ts'

for (const engine of [memoryEngine, rocksdbEngine, leveldbEngine]) {
  await snapshotConformance(t, engine)
}
