import t from 'tap'
import { leveldbEngine, memoryEngine, rocksdbEngine } from '../../index.ts'
import { databaseConformance } from '../../testing/database-suite.ts'

for (const engine of [memoryEngine, rocksdbEngine, leveldbEngine]) {
  await databaseConformance(t, engine)
}
