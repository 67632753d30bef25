import t from 'tap'
import { leveldbEngine, memoryEngine, rocksdbEngine } from '../index.ts'
import { versionedStoreConformance } from '../testing/versioned-suite.ts'

for (const engine of [memoryEngine, rocksdbEngine, leveldbEngine]) {
  await versionedStoreConformance(t, engine)
}
