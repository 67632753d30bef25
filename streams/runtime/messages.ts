/** What supervisor and stream thread say to each other; plain data, the same in a worker and in-process. */
import type { StreamsErrorCode } from '../errors.ts'
import { StreamsError } from '../errors.ts'
import type { RuntimeConfig } from './config.ts'
import type { OAuthToken } from '../kafka/contract.ts'
import type { Endpoint } from '../membership/endpoint.ts'
import type { PeerProcess } from '../membership/types.ts'
import type { PageAnswer, PageRequest } from '../queries/page.ts'
import type { ParkedAnswer, ParkedQuestion } from './parked-keys.ts'
import type { RestoreEvent } from './restore-progress.ts'
import type { Suspect } from './suspects.ts'
import type { ThreadSnapshot } from './thread-counters.ts'
import type { ThreadState } from './thread-state.ts'

interface PlainCause {
  readonly name: string
  readonly code: string | undefined
  readonly message: string
  /** Of what was thrown in an operator it is the only thing that leads to its line. */
  readonly stack: string | undefined
}

export interface PlainError extends PlainCause {
  /** The nearest first. */
  readonly causes: readonly PlainCause[]
}

export interface ThreadInit {
  readonly topologyUrl: string
  /** Handed to the topology function; must survive a structured clone. */
  readonly settings: unknown
  readonly config: RuntimeConfig
  readonly processId: string
  readonly thread: number
  readonly stateDir: string
  /** Where the process listens for the others of its group. */
  readonly endpoint: Endpoint | undefined
  readonly suspects: readonly Suspect[]
  /** Module that gives the tracer, undefined: nothing is traced. */
  readonly tracingUrl: string | undefined
  /** It begins paused. */
  readonly paused: boolean
  /** Tokens for brokers are asked of the supervisor. */
  readonly asksToken: boolean
  /** The operator and offset the thread is in, see `progress.ts`. */
  readonly progress: SharedArrayBuffer
  /** A `MemoryBudget` of the process. */
  readonly memory: SharedArrayBuffer
}

export type ToThread =
  | { readonly type: 'close' }
  | { readonly type: 'snapshot'; readonly id: number }
  | { readonly type: 'parked'; readonly id: number; readonly question: ParkedQuestion }
  | { readonly type: 'query'; readonly id: number; readonly request: PageRequest }
  /** Somebody was just taken out of the group: ask it now. */
  | { readonly type: 'hurry' }
  /** Nobody is to watch this process any more. */
  | { readonly type: 'unwatched' }
  | { readonly type: 'pause'; readonly paused: boolean }
  /** For all that asked for one. */
  | { readonly type: 'token'; readonly token: OAuthToken }
  | { readonly type: 'no-token'; readonly error: PlainError }
  /** A record that ended threads. */
  | { readonly type: 'suspect'; readonly suspect: Suspect }

export type FromThread =
  | { readonly type: 'state'; readonly state: ThreadState }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'failed'; readonly error: PlainError }
  | { readonly type: 'closed' }
  | { readonly type: 'ask-token' }
  | { readonly type: 'watch'; readonly processes: readonly PeerProcess[] }
  | { readonly type: 'produces'; readonly transactionalId: string }
  | { readonly type: 'evicted' }
  /** Another instance has stopped the application everywhere. */
  | { readonly type: 'stop'; readonly code: string }
  | { readonly type: 'restore'; readonly event: RestoreEvent }
  | { readonly type: 'answer'; readonly id: number; readonly answer: ThreadSnapshot | ParkedAnswer | PageAnswer }

const MOST_CAUSES = 5

export function plainError(error: Error): PlainError {
  const causes: PlainCause[] = []
  for (let cause = error.cause; cause instanceof Error && causes.length < MOST_CAUSES; cause = cause.cause) {
    causes.push(plainCause(cause))
  }
  return { ...plainCause(error), causes }
}

function plainCause(error: Error): PlainCause {
  const { name, message, stack } = error
  const { code } = error as { code?: unknown }
  return { name, code: typeof code === 'string' ? code : undefined, message, stack }
}

/** The error as its thread had it, with the names and codes of its causes: who decides about it goes by them. */
export function revivedError({ code, message, stack, causes }: PlainError): Error {
  const cause = causes.reduceRight<Error | undefined>((deeper, each) => revivedCause(each, deeper), undefined)
  const error = code === undefined ? new Error(message, { cause }) : new StreamsError(code as StreamsErrorCode, message, { cause })
  if (stack !== undefined) {
    error.stack = stack
  }
  return error
}

function revivedCause({ name, code, message, stack }: PlainCause, cause: Error | undefined): Error {
  return Object.assign(new Error(message, { cause }), { name, stack }, code === undefined ? {} : { code })
}
