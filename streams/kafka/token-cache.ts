/** Tokens for SASL/OAUTHBEARER (KIP-255): asked for once for all connections, and again before the one at hand ends. */
import { StreamsError } from '../errors.ts'
import { within } from '../within.ts'
import type { OAuthToken, TokenCallback } from './contract.ts'

/** A callback that has not answered by then has failed: prevents that a hanging server keeps every new connection waiting. */
const ANSWER_MS = 10_000
/** Brokers are shown the credentials again at four fifths of what they gave the old ones (KIP-368): by then there is another token. */
const RENEWED_AT = 0.75
/** One that has no more left is not shown: prevents that it ends on its way, which a broker answers as it does a wrong one. */
const SHOWN_MS = 5_000
/** Between two attempts: prevents that every connection that tries again asks a server that is down. */
const PAUSE_MS = { min: 1_000, max: 30_000 }
/** Node's timers hold no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** RFC 6750 §2.1; anything else could end the field of the message that carries it. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

export class TokenCache {
  readonly #callback: TokenCallback
  readonly #onWarning: (message: string) => void
  #held: OAuthToken | undefined
  #asking: Promise<OAuthToken> | undefined
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  /** Why there is none, and when it may be asked for again. */
  #failure: { readonly error: StreamsError; readonly until: number } | undefined
  #closed = false

  /** `onWarning`: another token could not be had, while there still is one. */
  constructor(callback: TokenCallback, onWarning: (message: string) => void = () => {}) {
    this.#callback = callback
    this.#onWarning = onWarning
  }

  /** One that does not end at once. Rejects with CONNECTION_FAILED (to be tried again) or CONFIG_INVALID (the callback gives no token). */
  async get(): Promise<OAuthToken> {
    const now = Date.now()
    if (this.#held !== undefined && now < this.#held.expiresAt - SHOWN_MS) {
      return this.#held
    }
    if (this.#failure !== undefined && now < this.#failure.until) {
      throw this.#failure.error
    }
    return this.#renew()
  }

  /** Nothing is asked for any more but by `get`. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #renew(): Promise<OAuthToken> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<OAuthToken> {
    try {
      const token = checked(await answer(this.#callback))
      this.#held = token
      this.#failure = undefined
      this.#failures = 0
      this.#renewIn(Math.max(PAUSE_MS.min, RENEWED_AT * (token.expiresAt - Date.now())))
      return token
    } catch (error) {
      const pause = Math.min(PAUSE_MS.max, PAUSE_MS.min * 2 ** Math.min(this.#failures++, 10))
      this.#failure = { error: error as StreamsError, until: Date.now() + pause }
      if (this.#held !== undefined) {
        this.#renewIn(pause)
      }
      throw error
    }
  }

  #renewIn(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#closed) {
      return
    }
    this.#timer = setTimeout(() => {
      this.#renew().catch(({ message }: StreamsError) => {
        this.#onWarning(`${message} The token at hand ends at ${new Date(this.#held!.expiresAt).toISOString()}.`)
      })
    }, Math.min(ms, LONGEST_TIMER_MS))
    this.#timer.unref()
  }
}

async function answer(callback: TokenCallback): Promise<unknown> {
  let given: unknown
  let inTime: boolean
  try {
    inTime = await within(
      Promise.resolve(callback()).then((token) => {
        given = token
      }),
      ANSWER_MS
    )
  } catch (cause) {
    if (cause instanceof StreamsError) {
      throw cause
    }
    // Not its message: that may hold what the server was asked with.
    throw new StreamsError('CONNECTION_FAILED', `sasl.token: the callback has thrown (${cause instanceof Error ? cause.name : typeof cause}).`, { cause })
  }
  if (!inTime) {
    throw new StreamsError('CONNECTION_FAILED', `sasl.token: the callback has not answered within ${ANSWER_MS} ms.`)
  }
  return given
}

function checked(given: unknown): OAuthToken {
  const { value, expiresAt } = (given ?? {}) as Partial<Record<keyof OAuthToken, unknown>>
  if (typeof value !== 'string' || !TOKEN.test(value) || typeof expiresAt !== 'number' || !Number.isFinite(expiresAt)) {
    throw new StreamsError('CONFIG_INVALID', 'sasl.token: the callback has given no token: give { value, expiresAt }, the text of a bearer token and the time at which it ends, ms since 1970.')
  }
  if (expiresAt <= Date.now()) {
    throw new StreamsError('CONNECTION_FAILED', `sasl.token: the callback has given a token that ended at ${new Date(expiresAt).toISOString()}.`)
  }
  return { value, expiresAt }
}
