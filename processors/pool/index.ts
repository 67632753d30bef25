export type { PoolOptions, RunOptions } from './options.ts'
export { type PoolStats, ProcessPool } from './pool.ts'
export { serve } from './process.ts'
export { PoolError, type PoolFailure } from './task.ts'
