import { fail, succeed } from '../failure.ts'
import { PoolError } from '../pool/index.ts'
import type { FailureCode, Outcome } from '../types.ts'

/** A parser that hung, grew or crashed is an outcome; abortion, closing and a broken installation are the caller's errors. */
export async function guard<T>(run: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return succeed(await run())
  } catch (error) {
    if (error instanceof PoolError && (error.code === 'TIMEOUT' || error.code === 'MEMORY' || error.code === 'CRASHED')) {
      return fail(error.code satisfies FailureCode, 'content', 'its parser was stopped')
    }
    throw error
  }
}
