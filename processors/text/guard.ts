import { fail, succeed } from '../failure.ts'
import { PoolError } from '../pool/index.ts'
import type { FailureCode, Outcome } from '../types.ts'

type Stop = Extract<FailureCode, 'TIMEOUT' | 'MEMORY' | 'CRASHED'>

/** Whether a parser did not come to an answer of its own: it hung, grew or crashed. */
const isStop = (code: string): code is Stop => code === 'TIMEOUT' || code === 'MEMORY' || code === 'CRASHED'

/** A parser that hung, grew or crashed is an outcome; abortion, closing and a broken installation are the caller's errors. */
export async function guard<T>(run: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return succeed(await run())
  } catch (error) {
    if (error instanceof PoolError && isStop(error.code)) {
      return fail(error.code, 'content', 'its parser was stopped')
    }
    throw error
  }
}
