/** Stands for a service over HTTP: it takes its time, answers out of order, and fails now and then. */
import { setTimeout as delay } from 'node:timers/promises'

export interface Profile {
  readonly plan: 'free' | 'paid'
}

/** Calls per user, as the service saw them. */
export const calls = new Map<string, number>()

/** Rejects with `SERVICE_BUSY` at the first call for a user whose name ends in `!`, with `NO_SUCH_USER` for an empty one. */
export async function lookUp(user: string, signal: AbortSignal, _idempotencyKey: string): Promise<Profile> {
  const call = (calls.get(user) ?? 0) + 1
  calls.set(user, call)
  await delay(user.length % 5, undefined, { signal })
  if (user === '') {
    throw Object.assign(new Error('there is no such user'), { code: 'NO_SUCH_USER' })
  }
  if (user.endsWith('!') && call === 1) {
    throw Object.assign(new Error('try again'), { code: 'SERVICE_BUSY' })
  }
  return { plan: user.length > 3 ? 'paid' : 'free' }
}
