import t from 'tap'
import { leveldbEngine, rocksdbEngine } from '../../index.ts'
import { snapshotConformance } from '../../testing/index.ts'

for (const engine of [rocksdbEngine, leveldbEngine]) {
  await snapshotConformance(t, engine)
}
