/** Credentials as a user sets them; what of them is plain data goes to the threads, what is asked for a token stays here. */
import { StreamsError } from '../errors.ts'
import type { KafkaClientOptions, OAuthToken, SaslOptions } from '../kafka/contract.ts'

const MECHANISMS: readonly SaslOptions['mechanism'][] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']

/** Without the callback of a token. Throws `CONFIG_INVALID` naming field and fix, never a value of them. */
export function resolveSasl({ mechanism, username, password, token }: SaslOptions): SaslOptions {
  if (!MECHANISMS.includes(mechanism)) {
    throw new StreamsError('CONFIG_INVALID', `sasl.mechanism is ${JSON.stringify(mechanism)}: give ${MECHANISMS.map((known) => `'${known}'`).join(', ')}.`)
  }
  if (mechanism === 'OAUTHBEARER') {
    if (typeof token === 'function') {
      return { mechanism }
    }
    return { mechanism, token: text('token', token, 'or a function that gives { value, expiresAt }') }
  }
  return { mechanism, username: text('username', username), password: text('password', password) }
}

function text(field: keyof SaslOptions, value: unknown, alternative?: string): string {
  if (typeof value !== 'string' || value === '') {
    throw new StreamsError('CONFIG_INVALID', `sasl.${field} is missing or no text: give one${alternative === undefined ? '' : `, ${alternative}`}.`)
  }
  return value
}

/** Gives the tokens that brokers are shown. */
export interface TokenSource {
  get(): Promise<OAuthToken>
}

/** Client options whose token is asked of `tokens`; undefined: other credentials. */
export function withTokens(client: KafkaClientOptions, tokens: TokenSource | undefined): KafkaClientOptions {
  return client.sasl === undefined || tokens === undefined ? client : { ...client, sasl: { ...client.sasl, token: () => tokens.get() } }
}
