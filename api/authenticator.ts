import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { ApplicationError } from '../topology/errors.ts'
import { isTenantId } from '../topology/topics.ts'

/**
 * What a token may do for its tenant: `uploader` sends documents, `reader` reads, searches and asks, `reviewer` reads, too, corrects and decides, and
 * has learned things forgotten.
 */
export const ROLES = ['uploader', 'reader', 'reviewer'] as const

export type Role = (typeof ROLES)[number]

export interface Identity {
  readonly tenantId: string
  /** Who of the tenant: stands in the audit trail of what this person corrects. */
  readonly user: string
  readonly roles: readonly Role[]
}

/** May somebody with these roles do what `needed` is for? Who reviews has to read. */
export const mayDo = (roles: readonly Role[], needed: Role): boolean => roles.includes(needed) || (needed === 'reader' && roles.includes('reviewer'))

/** Who is this? One implementation reads a file of digests; OpenID Connect will be another. */
export interface Authenticator {
  /** @param authorization the header as it came; undefined for nobody we know. Never throws for what it holds. */
  authenticate(authorization: string | undefined): Promise<Identity | undefined>
}

const BEARER = /^Bearer +([\x21-\x7e]{1,4096})$/i
const DIGEST = /^[0-9a-f]{64}$/

interface KnownToken extends Identity {
  readonly digest: Buffer
}

const isRole = (value: unknown): value is Role => (ROLES as readonly unknown[]).includes(value)

/** Another key is a slip, and what it was meant to forbid would be allowed. */
const KEYS: readonly string[] = ['tenantId', 'sha256', 'user', 'roles']
const USER = /^[\p{L}\p{N}@._+-]{1,100}$/u

/**
 * Development tokens: a JSON list of `{tenantId, sha256}`, sha256 of the token in hex, with the `user` it was given to, if it was given to one, and its
 * `roles`, if it has not all of them.
 * The tokens themselves are nowhere.
 */
export class FileAuthenticator implements Authenticator {
  readonly #tokens: readonly KnownToken[]

  /** @throws ApplicationError CONFIG_UNREADABLE, CONFIG_INVALID */
  constructor(file: string) {
    this.#tokens = readTokens(file)
  }

  async authenticate(authorization: string | undefined): Promise<Identity | undefined> {
    const token = BEARER.exec(authorization ?? '')?.[1]
    if (token === undefined) {
      return undefined
    }
    const digest = createHash('sha256').update(token).digest()
    let found: Identity | undefined
    // all of them, each in constant time: how long it takes says nothing about which was nearly right
    for (const { tenantId, user, roles, digest: known } of this.#tokens) {
      if (timingSafeEqual(digest, known)) {
        found = { tenantId, user, roles }
      }
    }
    return found
  }
}

/** Tokens from a file are for development: whoever listens beyond this machine needs real ones. @throws ApplicationError CONFIG_INVALID */
export function requireLoopback(host: string): void {
  const plain = host.replace(/^\[|\]$/g, '')
  const loopback = plain === 'localhost' || plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
  if (!loopback) {
    throw new ApplicationError(
      'CONFIG_INVALID',
      'The setting "api.host" must be a loopback address (127.0.0.1, ::1 or localhost) while tokens come from "api.tokensFile": they are development tokens.',
    )
  }
}

function readTokens(file: string): KnownToken[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ApplicationError('CONFIG_UNREADABLE', `The file "api.tokensFile" names, ${file}, cannot be read.`, { cause })
  }
  const invalid = (what: string): ApplicationError => new ApplicationError('CONFIG_INVALID', `${file}: ${what}. A JSON list of {"tenantId", "sha256"}, with "user" and "roles" or without, is expected.`)
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw invalid('it is not JSON')
  }
  if (!Array.isArray(list)) {
    throw invalid('it is no list')
  }
  const at = new Map<string, number>()
  return list.map((entry: unknown, index) => {
    // not told which: it may be the token itself
    if (!Object.keys(entry ?? {}).every((key) => KEYS.includes(key))) {
      throw invalid(`entry ${index} has a key that is none of ${KEYS.join(', ')}`)
    }
    const { tenantId, sha256, user, roles } = (entry ?? {}) as { tenantId?: unknown; sha256?: unknown; user?: unknown; roles?: unknown }
    if (typeof tenantId !== 'string' || !isTenantId(tenantId)) {
      throw invalid(`entry ${index} has no valid tenantId`)
    }
    if (typeof sha256 !== 'string' || !DIGEST.test(sha256)) {
      throw invalid(`entry ${index} has no sha256 of 64 lower-case hex digits`)
    }
    if (user !== undefined && (typeof user !== 'string' || !USER.test(user))) {
      throw invalid(`entry ${index} has a user that is not 1 to 100 letters, digits and @ . _ + -`)
    }
    if (roles !== undefined && (!Array.isArray(roles) || roles.length === 0 || !roles.every(isRole))) {
      throw invalid(`entry ${index} has roles that are not a list of ${ROLES.join(', ')}`)
    }
    const other = at.get(sha256)
    if (other !== undefined) {
      throw invalid(`entries ${other} and ${index} are of the same token`)
    }
    at.set(sha256, index)
    // which token it was can be told without saying the token
    return { tenantId, user: user ?? `token-${sha256.slice(0, 12)}`, roles: roles ?? ROLES, digest: Buffer.from(sha256, 'hex') }
  })
}
