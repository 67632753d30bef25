import t from 'tap'
import { memoryEngine } from '../index.ts'
import { snapshotConformance } from '../testing/index.ts'

// The engines that keep files: integration/snapshots.test.ts.
await snapshotConformance(t, memoryEngine)
