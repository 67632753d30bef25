export { PoolError, ProcessPool } from './pool.ts'
export type { PoolFailure, PoolOptions, PoolStats, RunOptions } from './pool.ts'
export { serve } from './process.ts'
