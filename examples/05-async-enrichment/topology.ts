import { Serdes, type StreamsBuilder } from 'millrace'
import { lookUp, type Profile } from './profile-service.ts'

export interface SignUp {
  readonly user: string
  readonly tenant: string
}

/** Asks a service about every sign-up, without holding up the ones behind it. */
export default function topology(b: StreamsBuilder): void {
  b.stream('sign-ups', { key: Serdes.string(), value: Serdes.json<SignUp>() })
    .mapAsync<SignUp & Profile>(async (signUp, { signal, idempotencyKey }) => ({ ...signUp, ...(await lookUp(signUp.user, signal, idempotencyKey)) }), {
      name: 'look-up',
      value: Serdes.json(),
      concurrency: 16,
      timeout: '2s',
      retry: { attempts: 4, backoffMs: 50 },
      lane: ({ tenant }) => tenant,
      onFailure: 'dead-letter',
      isPermanent: (error) => error instanceof Error && 'code' in error && error.code === 'NO_SUCH_USER',
    })
    .to('profiles')
}
