/** Settings of the connections between instances (docs/decisions/0012-connections-between-instances.md). */
import { StreamsError } from '../errors.ts'
import { isLoopback, parseHostPort } from '../membership/endpoint.ts'
import type { PeersConfig } from '../membership/peers.ts'

export interface PeersSettings {
  /**
   * Where this process listens for the others of its group, 'host:port'; port 0 takes a free one. Default '127.0.0.1:0',
   * which serves instances on one machine. Anything but the loopback needs `secret` or `tls`. false: none; a dead process
   * is then found by its session time-out.
   */
  readonly listen?: string | false
  /** Where the others reach it, 'host:port', when that is not where it listens (0.0.0.0, a container's port). Port 0: the listener's. */
  readonly advertised?: string
  /** The same for all instances of the application, 16 characters and more. */
  readonly secret?: string
  /** PEM texts. Both sides show a certificate of `ca`, an authority that certifies instances of this application only. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string }
}

const SHORTEST_SECRET = 16
const KNOWN = ['listen', 'advertised', 'secret', 'tls']
const ANY_HOST = new Set(['0.0.0.0', '::'])

function invalid(field: string, problem: string): StreamsError {
  return new StreamsError('CONFIG_INVALID', `${field} ${problem}`)
}

/** Undefined: no connections. Throws `CONFIG_INVALID` naming field and fix. */
export function resolvePeers(settings: PeersSettings = {}): PeersConfig | undefined {
  const unknown = Object.keys(settings).find((key) => !KNOWN.includes(key))
  if (unknown !== undefined) {
    throw invalid(`peers.${unknown}`, `is no setting: known are ${KNOWN.join(', ')}.`)
  }
  const { listen = '127.0.0.1:0', secret, tls } = settings
  if (listen === false) {
    return undefined
  }
  const at = parseHostPort(String(listen))
  if (at === undefined) {
    throw invalid('peers.listen', `is ${JSON.stringify(listen)}: give 'host:port' (port 0: a free one), or false.`)
  }
  if (secret !== undefined && (typeof secret !== 'string' || secret.length < SHORTEST_SECRET)) {
    throw invalid('peers.secret', `is too short: give at least ${SHORTEST_SECRET} characters, random ones.`)
  }
  if (tls !== undefined && ![tls.ca, tls.cert, tls.key].every((pem) => typeof pem === 'string' && pem.includes('-----BEGIN '))) {
    throw invalid('peers.tls', 'needs ca, cert and key, each a PEM text: every instance shows its certificate to the others.')
  }
  if (!isLoopback(at.host) && secret === undefined && tls === undefined) {
    throw invalid('peers.listen', `is ${JSON.stringify(listen)}, open to the network: give peers.secret or peers.tls, so that instances can prove themselves to each other.`)
  }
  const advertised = settings.advertised === undefined ? undefined : parseHostPort(String(settings.advertised))
  if (settings.advertised !== undefined && advertised === undefined) {
    throw invalid('peers.advertised', `is ${JSON.stringify(settings.advertised)}: give the 'host:port' under which the other instances reach this one.`)
  }
  if (advertised === undefined && ANY_HOST.has(at.host)) {
    throw invalid('peers.advertised', `is missing, but peers.listen is ${JSON.stringify(listen)}: give the 'host:port' under which the other instances reach this one.`)
  }
  return { ...at, advertised, secret: secret ?? '', tls }
}
