import t from 'tap'
import { leveldbEngine, memoryEngine, rocksdbEngine } from '../index.ts'
import { sessionStoreConformance } from '../testing/session-suite.ts'

for (const engine of [memoryEngine, rocksdbEngine, leveldbEngine]) {
  await sessionStoreConformance(t, engine)
}
