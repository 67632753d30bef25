/**
 * Connection settings from a properties file, by the names Kafka's own tools use (`--command-config`), so that one file
 * serves both; librdkafka's names for certificates and credentials are understood, too. Values are never printed.
 */
import { readFileSync } from 'node:fs'
import type { KafkaClientOptions } from '../kafka/contract.ts'
import { UsageError } from './command.ts'

const KNOWN = [
  'bootstrap.servers',
  'security.protocol',
  'sasl.mechanism',
  'sasl.jaas.config',
  'sasl.username',
  'sasl.password',
  'sasl.oauthbearer.token',
  'ssl.truststore.type',
  'ssl.truststore.location',
  'ssl.truststore.certificates',
  'ssl.keystore.type',
  'ssl.keystore.location',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.ca.location',
  'ssl.certificate.location',
  'ssl.key.location',
  'client.id',
  'request.timeout.ms',
] as const

const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const

/** `java.util.Properties`: comments, continued lines, `=`, `:` or a blank behind the name, escapes. */
export function parseProperties(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  // An odd number of backslashes at its end continues a line.
  const lines = text.replace(/(?<!\\)((?:\\\\)*)\\\r?\n[ \t]*/g, '$1').split(/\r?\n/)
  for (const line of lines.map((raw) => raw.trimStart())) {
    if (line === '' || line.startsWith('#') || line.startsWith('!')) {
      continue
    }
    const match = /^((?:\\.|[^\\=:\s])+)\s*[=:]?\s*(.*)$/.exec(line)
    if (match !== null) {
      found.set(unescaped(match[1]!), unescaped(match[2]!))
    }
  }
  return found
}

function unescaped(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, code: string) =>
    code.length === 5 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : ({ n: '\n', r: '\r', t: '\t' }[code] ?? code),
  )
}

/** Client options of a properties file. Throws `UsageError` naming file and property. */
export function clientOptions(path: string, bootstrapServers: readonly string[]): KafkaClientOptions {
  const properties = parseProperties(read(path, '--command-config'))
  const fail = (property: string, problem: string): never => {
    throw new UsageError(`${path}: ${property} ${problem}`)
  }
  for (const name of properties.keys()) {
    if (!(KNOWN as readonly string[]).includes(name)) {
      fail(name, `is not known here: known are ${KNOWN.join(', ')}`)
    }
  }
  const servers = bootstrapServers.length > 0 ? bootstrapServers : (properties.get('bootstrap.servers') ?? '').split(',').map((server) => server.trim()).filter((server) => server !== '')
  const protocol = oneOf(properties, 'security.protocol', PROTOCOLS, 'PLAINTEXT', fail)
  const timeout = Number(properties.get('request.timeout.ms') ?? 30_000)
  if (!Number.isSafeInteger(timeout) || timeout < 1) {
    fail('request.timeout.ms', 'must be a whole number of milliseconds')
  }
  return {
    bootstrapServers: servers,
    clientId: properties.get('client.id') ?? 'millrace-cli',
    requestTimeoutMs: timeout,
    ...(protocol.endsWith('SSL') ? { tls: tls(properties, fail) } : {}),
    ...(protocol.startsWith('SASL') ? { sasl: sasl(properties, fail) } : {}),
  }
}

type Fail = (property: string, problem: string) => never
type Properties = ReadonlyMap<string, string>

function tls(properties: Properties, fail: Fail): NonNullable<KafkaClientOptions['tls']> {
  for (const store of ['truststore', 'keystore'] as const) {
    const type = properties.get(`ssl.${store}.type`)
    const location = properties.get(`ssl.${store}.location`)
    if ((type ?? 'PEM').toUpperCase() !== 'PEM' || /\.(jks|p12|pfx)$/i.test(location ?? '')) {
      fail(`ssl.${store}.type`, "must be PEM (a Java key store is converted by 'keytool -importkeystore' and 'openssl pkcs12')")
    }
  }
  const file = (property: string): string | undefined => {
    const path = properties.get(property)
    return path === undefined ? undefined : read(path, property)
  }
  const ca = properties.get('ssl.truststore.certificates') ?? file('ssl.truststore.location') ?? file('ssl.ca.location')
  // A PEM key store holds both; each reader takes its own part.
  const both = file('ssl.keystore.location')
  const cert = properties.get('ssl.keystore.certificate.chain') ?? both ?? file('ssl.certificate.location')
  const key = properties.get('ssl.keystore.key') ?? both ?? file('ssl.key.location')
  if ((cert === undefined) !== (key === undefined)) {
    fail(cert === undefined ? 'ssl.certificate.location' : 'ssl.key.location', 'is missing: a client certificate needs both')
  }
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) }
}

function sasl(properties: Properties, fail: Fail): NonNullable<KafkaClientOptions['sasl']> {
  const mechanism = oneOf(properties, 'sasl.mechanism', MECHANISMS, undefined, fail)
  if (mechanism === 'OAUTHBEARER') {
    return { mechanism, token: properties.get('sasl.oauthbearer.token') ?? fail('sasl.oauthbearer.token', 'is missing') }
  }
  const jaas = properties.get('sasl.jaas.config') ?? ''
  const inJaas = (field: string): string | undefined => {
    const match = new RegExp(`\\b${field}\\s*=\\s*(?:"((?:\\\\.|[^"\\\\])*)"|'([^']*)'|([^\\s;]+))`).exec(jaas)
    return match === null ? undefined : (match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? match[3])
  }
  const username = properties.get('sasl.username') ?? inJaas('username') ?? fail('sasl.username', '(or sasl.jaas.config with username="…") is missing')
  const password = properties.get('sasl.password') ?? inJaas('password') ?? fail('sasl.password', '(or sasl.jaas.config with password="…") is missing')
  return { mechanism, username, password }
}

function oneOf<T extends string>(properties: Properties, property: string, allowed: readonly T[], fallback: T | undefined, fail: Fail): T {
  const value = properties.get(property)?.toUpperCase() ?? fallback
  return allowed.find((one) => one === value) ?? fail(property, `must be one of ${allowed.join(', ')}`)
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${what}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
