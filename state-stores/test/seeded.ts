/**
 * fast-check with the same inputs in every run: the tests say what a change has done, not what luck has found.
 * MILLRACE_SEED=N looks elsewhere, as `npm run fuzz` and `npm run test:differential` do at every run.
 */
import fc from 'fast-check'

export const SEED = Number(process.env['MILLRACE_SEED'] ?? 20_261_121)

fc.configureGlobal({ seed: SEED })

export { default } from 'fast-check'
