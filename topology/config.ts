/**
 * The configuration of one instance: a JSON file, and `MILLRACE_*` variables over it. One typed object; unknown keys are
 * errors; secrets come from files or variables and are never printed.
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { ApplicationError } from './errors.ts'

export interface Listener {
  readonly host: string
  readonly port: number
}

export interface DatabaseConfig {
  readonly host: string
  readonly port: number
  readonly database: string
  /** File that holds the password of `millrace_api` and nothing else. */
  readonly passwordFile: string
  /** Absent: no TLS. Without `caFile` the system's roots are trusted. */
  readonly tls?: { readonly caFile?: string }
}

/** PEM files. Without `caFile` the system's roots are trusted; certificate and key are the client's own. */
export interface TlsFiles {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

export interface ArchiveConfig {
  readonly contactPoint: string
  readonly localDataCenter: string
  readonly keyspace: string
  /** Together, or neither: a cluster that asks nobody who he is. */
  readonly username?: string
  readonly passwordFile?: string
  /** Absent: no TLS. */
  readonly tls?: TlsFiles
}

export interface ApplicationConfig {
  readonly applicationId: string
  readonly topicPrefix: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly kafka: {
    readonly bootstrapServers: readonly string[]
    readonly tls?: TlsFiles
    readonly sasl?: { readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; readonly username: string; readonly passwordFile: string }
  }
  /** Base of a Confluent-compatible API. */
  readonly registry: string
  /** Basic authentication. */
  readonly registryAuth?: { readonly username: string; readonly passwordFile: string }
  readonly stateDir: string
  readonly contentDir: string
  readonly threads: number
  readonly engine: 'rocksdb' | 'leveldb' | 'memory'
  readonly sessionTimeoutMs: number
  /** Copies of each task's state on other instances, which take over at once. */
  readonly standbyReplicas: number
  /** Where the other instances reach this one, so that they notice at once when it dies; absent: those on this machine. */
  readonly peers?: {
    /** `host:port` to listen on. */
    readonly listen: string
    readonly advertised?: string
    readonly secretFile?: string
    readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string }
  }
  readonly ocrWorkers: number
  readonly parserWorkers: number
  /** `thorough` reads doubtful pages with a second engine, too: one more process, up to 1.8 GB. */
  readonly ocrProfile: 'standard' | 'thorough'
  /** Where that engine is installed; absent: where `npm run ocr -- install` puts it. */
  readonly ocrEngineDir?: string
  /** The tenants' door. Absent: this instance serves none. */
  readonly api?: Listener & { readonly tokensFile: string; readonly maximumBytes: number }
  /** The operators' door. */
  readonly ops: Listener
  readonly postgresql?: DatabaseConfig
  /** A server with language models and embeddings. Absent, or without a model for a purpose: everything works without. */
  readonly ollama?: {
    readonly url: string
    /** Asked for fields that are missing or doubtful. */
    readonly fieldsModel?: string
    /** Answers questions about documents. */
    readonly answersModel?: string
    /** Embeds texts for search. */
    readonly embeddingModel?: string
    /** Of one request, the loading of the model included. Default 60 s. */
    readonly timeoutMs?: number
    /** Requests of one task at once. Default 2. */
    readonly concurrency?: number
  }
  /** Models in processes of their own, by node-llama-cpp. A purpose has its model here or at `ollama`. */
  readonly llama?: {
    /** Where node-llama-cpp was installed. */
    readonly folder: string
    /** Files (GGUF), for the purposes of `ollama`. */
    readonly fieldsModel?: string
    readonly answersModel?: string
    readonly embeddingModel?: string
    /** Of one request, the loading of the model included. Default 60 s. */
    readonly timeoutMs?: number
  }
  readonly cassandra?: ArchiveConfig
  /** Tenants that have a raw topic of their own. */
  readonly tenantTopics: readonly string[]
}

const LOOPBACK = '127.0.0.1'

const defaults = {
  applicationId: 'millrace-documents',
  topicPrefix: '',
  partitions: 4,
  replicationFactor: -1,
  registry: 'http://127.0.0.1:8080/apis/ccompat/v7',
  stateDir: './.millrace/state',
  contentDir: './.millrace/content',
  threads: 1,
  engine: 'rocksdb',
  sessionTimeoutMs: 10_000,
  standbyReplicas: 0,
  ocrWorkers: 2,
  parserWorkers: 1,
  ocrProfile: 'standard',
  ops: { host: LOOPBACK, port: 0 },
  tenantTopics: [],
} as const

const tlsFiles = { 'caFile?': 'string', 'certFile?': 'string', 'keyFile?': 'string' } as const

/** What may stand where; a section lists its own keys. `?` marks what may be absent. */
const shape = {
  applicationId: 'string', topicPrefix: 'string', partitions: 'integer', replicationFactor: 'integer', registry: 'string', stateDir: 'string', contentDir: 'string',
  threads: 'integer', engine: 'string', sessionTimeoutMs: 'integer', standbyReplicas: 'integer', ocrWorkers: 'integer', parserWorkers: 'integer', ocrProfile: 'string', 'ocrEngineDir?': 'string', tenantTopics: 'strings',
  kafka: {
    bootstrapServers: 'strings',
    'tls?': tlsFiles,
    'sasl?': { mechanism: 'string', username: 'string', passwordFile: 'string' },
  },
  'registryAuth?': { username: 'string', passwordFile: 'string' },
  'peers?': { listen: 'string', 'advertised?': 'string', 'secretFile?': 'string', 'tls?': { caFile: 'string', certFile: 'string', keyFile: 'string' } },
  'api?': { host: 'string', port: 'integer', tokensFile: 'string', maximumBytes: 'integer' },
  ops: { host: 'string', port: 'integer' },
  'postgresql?': { host: 'string', port: 'integer', database: 'string', passwordFile: 'string', 'tls?': { 'caFile?': 'string' } },
  'ollama?': { url: 'string', 'fieldsModel?': 'string', 'answersModel?': 'string', 'embeddingModel?': 'string', 'timeoutMs?': 'integer', 'concurrency?': 'integer' },
  'llama?': { folder: 'string', 'fieldsModel?': 'string', 'answersModel?': 'string', 'embeddingModel?': 'string', 'timeoutMs?': 'integer' },
  'cassandra?': { contactPoint: 'string', localDataCenter: 'string', keyspace: 'string', 'username?': 'string', 'passwordFile?': 'string', 'tls?': tlsFiles },
} as const

type Shape = { readonly [key: string]: 'string' | 'integer' | 'strings' | Shape }

const limits: { readonly [path: string]: readonly [least: number, most: number] } = {
  partitions: [1, 1000], replicationFactor: [-1, 9], threads: [1, 64], sessionTimeoutMs: [6_000, 300_000], standbyReplicas: [0, 16], ocrWorkers: [1, 64], parserWorkers: [1, 64],
  'api.port': [0, 65_535], 'ops.port': [0, 65_535], 'postgresql.port': [1, 65_535], 'ollama.timeoutMs': [1_000, 600_000], 'ollama.concurrency': [1, 64], 'llama.timeoutMs': [1_000, 600_000], 'api.maximumBytes': [1, 2 ** 31],
}

const choices: { readonly [path: string]: readonly string[] } = {
  engine: ['rocksdb', 'leveldb', 'memory'],
  ocrProfile: ['standard', 'thorough'],
  'kafka.sasl.mechanism': ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
}

/** Settings that are addresses, and where their credentials go. */
const addresses: { readonly [path: string]: string } = {
  registry: '"registryAuth" takes user and password file',
  'ollama.url': 'its client sends none',
}

/** Neither says anything without the other. */
const together: readonly (readonly [section: string, one: string, other: string])[] = [
  ['kafka.tls', 'certFile', 'keyFile'], ['cassandra', 'username', 'passwordFile'], ['cassandra.tls', 'certFile', 'keyFile'],
]

/**
 * Reads `file` (JSON) and the variables: `MILLRACE_KAFKA_BOOTSTRAP_SERVERS=a:1,b:2` sets `kafka.bootstrapServers`,
 * `MILLRACE_OPS_PORT=9000` sets `ops.port`: the path in capitals with underscores.
 * @throws ApplicationError CONFIG_UNREADABLE, CONFIG_UNKNOWN_KEY, CONFIG_INVALID
 */
export function loadConfig(file: string | undefined, environment: { readonly [name: string]: string | undefined } = process.env): ApplicationConfig {
  const given = file === undefined ? {} : readJson(file)
  return checkConfig(withVariables(given, environment))
}

/** @throws ApplicationError CONFIG_UNKNOWN_KEY, CONFIG_INVALID */
export function checkConfig(given: unknown): ApplicationConfig {
  if (!isObject(given)) {
    throw new ApplicationError('CONFIG_INVALID', 'The configuration must be a JSON object.')
  }
  const ops = (given as { ops?: unknown }).ops
  const config = { ...defaults, ...given, ops: isObject(ops) ? { ...defaults.ops, ...ops } : (ops ?? defaults.ops) }
  check(config, shape, '')
  checkTogether(config)
  const checked = config as unknown as ApplicationConfig
  return { ...checked, stateDir: resolve(checked.stateDir), contentDir: resolve(checked.contentDir) }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether an address says whom it is entered as: it is printed in errors and logs. */
export const holdsCredentials = (address: string): boolean => /^[a-z]+:\/\/[^/]*@/i.test(address)

/** A name for this process in logs and metrics. */
export const instanceName = (): string => `${hostname()}-${process.pid}`

export function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new ApplicationError('CONFIG_UNREADABLE', `The secret file ${file} cannot be read.`, { cause })
  }
}

function readJson(file: string): object {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ApplicationError('CONFIG_UNREADABLE', `The configuration file ${file} cannot be read.`, { cause })
  }
  try {
    return JSON.parse(text) as object
  } catch {
    // the parser's own message quotes the text, which may hold secrets
    throw new ApplicationError('CONFIG_INVALID', `The configuration file ${file} is not JSON.`)
  }
}

function check(value: object, allowed: Shape, path: string): void {
  const optional = new Map(Object.entries(allowed).map(([key, kind]) => [key.replace(/\?$/, ''), { kind, optional: key.endsWith('?') }]))
  for (const key of Object.keys(value)) {
    if (!optional.has(key)) {
      throw new ApplicationError('CONFIG_UNKNOWN_KEY', `Unknown setting "${path}${key}". Known here: ${[...optional.keys()].join(', ')}.`)
    }
  }
  for (const [key, { kind, optional: mayMiss }] of optional) {
    const at = path + key
    const found = (value as { [key: string]: unknown })[key]
    if (found === undefined) {
      if (!mayMiss) {
        throw new ApplicationError('CONFIG_INVALID', `The setting "${at}" is missing.`)
      }
    } else if (typeof kind === 'object') {
      if (!isObject(found)) {
        throw new ApplicationError('CONFIG_INVALID', `The setting "${at}" must be an object.`)
      }
      check(found, kind, `${at}.`)
    } else {
      checkValue(found, kind, at)
    }
  }
}

function checkTogether(config: object): void {
  for (const [path, one, other] of together) {
    const section = path.split('.').reduce<{ readonly [key: string]: unknown } | undefined>((at, key) => at?.[key] as typeof at, config as { readonly [key: string]: unknown }) ?? {}
    const [given, missing] = section[one] === undefined ? [other, one] : [one, other]
    if (section[given] !== undefined && section[missing] === undefined) {
      throw new ApplicationError('CONFIG_INVALID', `The setting "${path}.${given}" needs "${path}.${missing}".`)
    }
  }
}

function checkValue(value: unknown, kind: 'string' | 'integer' | 'strings', at: string): void {
  if (kind === 'strings') {
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string' || item === '')) {
      throw new ApplicationError('CONFIG_INVALID', `The setting "${at}" must be a list of non-empty strings.`)
    }
    return
  }
  if (kind === 'string') {
    if (typeof value !== 'string') {
      throw new ApplicationError('CONFIG_INVALID', `The setting "${at}" must be a string.`)
    }
    const credentials = addresses[at]
    if (credentials !== undefined && holdsCredentials(value)) {
      throw new ApplicationError('CONFIG_INVALID', `The setting "${at}" must not hold a password, which addresses show wherever they are printed: ${credentials}.`)
    }
    const allowed = choices[at]
    if (allowed !== undefined && !allowed.includes(value)) {
      throw new ApplicationError('CONFIG_INVALID', `The setting "${at}" must be one of ${allowed.join(', ')}.`)
    }
    return
  }
  const [least, most] = limits[at] ?? [0, Number.MAX_SAFE_INTEGER]
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
    throw new ApplicationError('CONFIG_INVALID', `The setting "${at}" must be a whole number from ${least} to ${most}.`)
  }
}

function withVariables(given: object, environment: { readonly [name: string]: string | undefined }): object {
  const result = structuredClone(given) as { [key: string]: unknown }
  const walk = (allowed: Shape, path: readonly string[]): void => {
    for (const [marked, kind] of Object.entries(allowed)) {
      const key = marked.replace(/\?$/, '')
      if (typeof kind === 'object') {
        walk(kind, [...path, key])
        continue
      }
      const text = environment[variableOf([...path, key])]
      if (text !== undefined) {
        const value = kind === 'integer' ? Number(text) : kind === 'strings' ? text.split(',').filter((item) => item !== '') : text
        let at = result
        for (const step of path) {
          at = (at[step] ??= {}) as { [key: string]: unknown }
        }
        at[key] = value
      }
    }
  }
  walk(shape, [])
  return result
}

/** `kafka.bootstrapServers` → `MILLRACE_KAFKA_BOOTSTRAP_SERVERS` */
const variableOf = (path: readonly string[]): string =>
  `MILLRACE_${path.map((part) => part.replace(/([A-Z])/g, '_$1').toUpperCase()).join('_')}`
