/** Configuration of an application: what the user writes (`KafkaStreamsOptions`) and what the runtime reads (`RuntimeConfig`). */
import { StreamsError } from '../errors.ts'
import type { ErrorPolicy, OperatorErrorAction } from '../error-policy.ts'
import type { Compression, KafkaClientOptions, SaslOptions } from '../kafka/contract.ts'
import type { PeersConfig } from '../membership/peers.ts'
import type { PeersSettings } from './peers-config.ts'
import { resolvePeers } from './peers-config.ts'
import { resolveSasl } from './sasl-config.ts'
import { settingMeant } from './setting-names.ts'
import type { SnapshotsConfig, SnapshotsSettings } from './snapshots-config.ts'
import { resolveSnapshots } from './snapshots-config.ts'
import type { UncaughtErrorAction } from './uncaught-errors.ts'
import { UNCAUGHT_ERROR_ACTIONS } from './uncaught-errors.ts'

export type ProcessingGuarantee = 'exactly_once_v2' | 'at_least_once'

/** What a user may set beside topology and listeners; defaults in `resolveConfig`. */
export interface StreamsConfig {
  /** Group id, prefix of internal topics and transactional ids, folder of the state. Letters, digits, '.', '_', '-'. */
  readonly applicationId: string
  readonly bootstrapServers: string | readonly string[]
  /** Folder for local state; one process at a time (rule C13). Default `./state`. */
  readonly stateDir?: string
  /** State of tasks that have gone elsewhere is deleted after this, ms. Default 7 days, as long as changelogs keep what a copy has to know of deletions. */
  readonly stateCleanupDelayMs?: number
  /** Stream threads: a number of workers (default 1), or 'in-process' for one on the caller's own thread. */
  readonly threads?: number | 'in-process'
  /** Default exactly_once_v2. at_least_once has no fence: an evicted member may still write. */
  readonly processingGuarantee?: ProcessingGuarantee
  /** Storage engine of stores that name none. Default rocksdb. */
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
  /** Smallest gap between two commits, ms. Default 0: the pipeline's own rule decides (C16). */
  readonly commitIntervalMs?: number
  /** Uncommitted state and outputs of a thread above which it commits, and stops while a commit runs. Default 32 MiB. */
  readonly uncommittedMaxBytes?: number
  /** Read cache of a task, part of `storeMemoryMiB`: smaller when many share that. Default 16 MiB. */
  readonly readCacheBytes?: number
  /** Memory that all databases of this process and their read caches may take together, MiB. Default 1024. */
  readonly storeMemoryMiB?: number
  /** Copies of local state that outlive the state directory, so that a task is not restored from nothing. Default none. */
  readonly snapshots?: SnapshotsSettings
  /** The broker evicts a silent member after this, ms. Default 10 000; brokers take 6 000 and more. */
  readonly sessionTimeoutMs?: number
  /** Copies of each stateful task on other processes, fed beside processing, that take over at once. Default 0. Kafka Streams' num.standby.replicas. */
  readonly standbyReplicas?: number
  /** A copy so many records behind its changelogs takes over without a warm-up. Default 10 000. */
  readonly acceptableRecoveryLag?: number
  /** Tasks of the group that may be warming up elsewhere before they move. Default 2; 0: they move at once and restore where they arrive. */
  readonly maxWarmupReplicas?: number
  /** Where this process runs, for `rackAwareAssignmentTags`: { zone: 'eu-1a' }. At most 8. */
  readonly clientTags?: { readonly [tag: string]: string }
  /** Client tags in which a task and its standbys should differ, the most important first. */
  readonly rackAwareAssignmentTags?: readonly string[]
  /** New partitions of source and output topics are noticed at the latest after this, ms. Default 300 000, as Kafka's metadata.max.age.ms. */
  readonly metadataMaxAgeMs?: number
  /** A hand-over takes one such interval of its slowest party, ms. Default 500. */
  readonly heartbeatIntervalMs?: number
  /** The broker aborts a transaction open for longer, ms: prevents that a frozen process stalls readers. Default 10 000. */
  readonly transactionTimeoutMs?: number
  /** A task that cannot begin because brokers do not answer is tried again for so long, ms, before its thread fails. Default 300 000; 0: at once. */
  readonly taskTimeoutMs?: number
  /** Of internal topics; -1: the broker's default. */
  readonly replicationFactor?: number
  /** 'verify' creates nothing and names what is missing. Default 'create'. */
  readonly internalTopics?: 'create' | 'verify'
  readonly errors?: ErrorPolicy
  /** Needed when a policy says dead-letter. */
  readonly deadLetterTopic?: string
  /** Pending records of asynchronous operators that a deploy has removed: refuse to run (default), or dead-letter them (rule A5). */
  readonly orphans?: 'fail' | 'dead-letter'
  /** Bounds of the records of parked keys, per operator and task; beyond them the operator's next policy applies. Default 100 000. */
  readonly parkedMaxRecords?: number
  /** The same in bytes. Default 1 GiB. */
  readonly parkedMaxBytes?: number
  /** Longest time `close` waits for the last commits before threads are ended; prevents that it hangs without brokers. Default 30 000 ms. */
  readonly closeTimeoutMs?: number
  readonly bufferedRecordsPerPartition?: number
  readonly maxTaskIdleMs?: number
  /**
   * Once all inputs of a task have been read to their ends for so long, ms, time goes on with the wall clock, and windows close
   * without a next record. What comes later with an earlier time is late. Default: off; keep it off in replays.
   */
  readonly sourceIdleTimeoutMs?: number
  /**
   * A thread that fails: stop the application (default) or put another in its place, unless the error would only come again
   * (a topic, right or setting is missing, data is lost) or the thread has failed more than 5 times in 5 minutes; or stop the
   * application on every instance. `onUncaughtError` decides about single errors.
   */
  readonly uncaughtError?: UncaughtErrorAction
  /** Connections to the other instances, over which a dead process is noticed in milliseconds. */
  readonly peers?: PeersSettings
  /** Of everything that is written: outputs, changelogs, repartition topics. Default 'none'. Kafka's compression.type. */
  readonly compression?: 'none' | Compression
  readonly tls?: KafkaClientOptions['tls']
  /** How this application proves to brokers who it is. */
  readonly sasl?: SaslOptions
}

/** Every value set and checked; plain data, crosses the thread boundary. */
export interface RuntimeConfig {
  readonly applicationId: string
  /** Without the callback of a token. */
  readonly client: KafkaClientOptions
  readonly stateDir: string
  readonly stateCleanupDelayMs: number
  readonly threads: number
  readonly inProcess: boolean
  readonly processingGuarantee: ProcessingGuarantee
  readonly engine: 'rocksdb' | 'leveldb' | 'memory'
  readonly commitIntervalMs: number
  readonly uncommittedMaxBytes: number
  readonly readCacheBytes: number
  readonly storeMemoryMiB: number
  /** Undefined: none. */
  readonly snapshots: SnapshotsConfig | undefined
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly metadataMaxAgeMs: number
  readonly standbyReplicas: number
  readonly acceptableRecoveryLag: number
  readonly maxWarmupReplicas: number
  readonly clientTags: { readonly [tag: string]: string }
  readonly rackAwareAssignmentTags: readonly string[]
  readonly transactionTimeoutMs: number
  readonly taskTimeoutMs: number
  readonly replicationFactor: number
  readonly internalTopics: 'create' | 'verify'
  readonly errors: ErrorPolicy
  readonly deadLetterTopic: string | undefined
  readonly orphans: 'fail' | 'dead-letter'
  readonly parkedMaxRecords: number
  readonly parkedMaxBytes: number
  readonly closeTimeoutMs: number
  readonly bufferedRecordsPerPartition: number | undefined
  readonly maxTaskIdleMs: number | undefined
  readonly sourceIdleTimeoutMs: number | undefined
  readonly uncaughtError: UncaughtErrorAction
  /** Undefined: none. */
  readonly peers: PeersConfig | undefined
}

const KEYS = [
  'applicationId', 'bootstrapServers', 'stateDir', 'stateCleanupDelayMs', 'threads', 'processingGuarantee', 'engine', 'commitIntervalMs', 'uncommittedMaxBytes', 'readCacheBytes',
  'storeMemoryMiB', 'snapshots', 'sessionTimeoutMs', 'heartbeatIntervalMs', 'metadataMaxAgeMs', 'transactionTimeoutMs', 'taskTimeoutMs', 'replicationFactor', 'internalTopics', 'errors', 'deadLetterTopic',
  'standbyReplicas', 'acceptableRecoveryLag', 'maxWarmupReplicas', 'clientTags', 'rackAwareAssignmentTags', 'orphans', 'parkedMaxRecords', 'parkedMaxBytes', 'closeTimeoutMs', 'bufferedRecordsPerPartition', 'maxTaskIdleMs', 'sourceIdleTimeoutMs', 'uncaughtError', 'peers', 'compression', 'tls', 'sasl',
] as const

/** Options of `KafkaStreams` that are no configuration. */
const OTHER_KEYS = ['topology', 'settings', 'tracing', 'onWarning', 'onUncaughtError']

const MIB = 1024 * 1024

function invalid(field: string, problem: string): StreamsError {
  return new StreamsError('CONFIG_INVALID', `${field} ${problem}`)
}

/** A number within limits; `fix` says what to do otherwise. */
function number(config: StreamsConfig, field: keyof StreamsConfig, fallback: number, minimum: number, maximum = Number.MAX_SAFE_INTEGER): number {
  const value = config[field] ?? fallback
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < minimum || value > maximum) {
    const limit = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`
    throw invalid(field, `is ${typeof value === 'number' ? value : `a ${typeof value}`}: give a whole number ${limit} (default ${fallback}).`)
  }
  return value
}

function oneOf<T extends string>(config: StreamsConfig, field: keyof StreamsConfig, values: readonly T[]): T {
  const value = config[field] ?? values[0]
  if (!values.includes(value as T)) {
    throw invalid(field, `is ${JSON.stringify(value)}: give ${values.map((v) => `'${v}'`).join(' or ')} (default '${values[0]}').`)
  }
  return value as T
}

function servers(value: string | readonly string[]): readonly string[] {
  const list = (typeof value === 'string' ? value.split(',') : Array.isArray(value) ? [...(value as readonly string[])] : []).map((s) => String(s).trim()).filter((s) => s !== '')
  if (list.length === 0) {
    throw invalid('bootstrapServers', "names no broker: give at least one 'host:port'.")
  }
  for (const server of list) {
    const port = Number(/^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(server)?.[1])
    if (!(port >= 1 && port <= 65_535)) {
      throw invalid('bootstrapServers', `has the entry ${JSON.stringify(server)}: give 'host:port' with a port from 1 to 65535.`)
    }
  }
  return list
}

const MAX_TAGS = 8
const TAG = /^[\x21-\x7e]{1,60}$/

function clientTags(tags: { readonly [tag: string]: string }): { readonly [tag: string]: string } {
  const entries = Object.entries(tags)
  if (entries.length > MAX_TAGS || !entries.every(([tag, value]) => TAG.test(tag) && typeof value === 'string' && TAG.test(value))) {
    throw invalid('clientTags', `takes at most ${MAX_TAGS} tags, names and values of 1 to 60 ASCII characters without spaces: every member sends them with each rebalance.`)
  }
  return tags
}

function rackTags(tags: readonly string[]): readonly string[] {
  if (!Array.isArray(tags) || tags.length > MAX_TAGS || !tags.every((tag) => TAG.test(String(tag)))) {
    throw invalid('rackAwareAssignmentTags', `must be a list of at most ${MAX_TAGS} names of client tags.`)
  }
  return tags
}

const SOURCE_ACTIONS: readonly OperatorErrorAction[] = ['fail', 'skip', 'dead-letter']
const OPERATOR_ACTIONS: readonly OperatorErrorAction[] = [...SOURCE_ACTIONS, 'upstream']

function errorPolicy(policy: ErrorPolicy, deadLetterTopic: string | undefined): ErrorPolicy {
  for (const kind of ['deserialization', 'processing', 'production'] as const) {
    const action = policy[kind]
    const actions = kind === 'deserialization' ? SOURCE_ACTIONS : OPERATOR_ACTIONS
    if (action !== undefined && !actions.includes(action)) {
      throw invalid(`errors.${kind}`, `is ${JSON.stringify(action)}: give ${actions.map((a) => `'${a}'`).join(', ')}.`)
    }
    if (action === 'dead-letter' && deadLetterTopic === undefined) {
      throw invalid('deadLetterTopic', `is missing, but errors.${kind} is 'dead-letter': name the topic that takes them.`)
    }
  }
  return policy
}

/** Checks every field and sets the defaults. Throws `CONFIG_INVALID` naming field, limit and fix; unknown fields are errors. */
export function resolveConfig(config: StreamsConfig): RuntimeConfig {
  for (const key of Object.keys(config)) {
    if (!(KEYS as readonly string[]).includes(key) && !OTHER_KEYS.includes(key)) {
      const meant = settingMeant(key, KEYS)
      throw invalid(key, `is no setting${meant === undefined ? '' : `, but ${meant} is`}: known are ${KEYS.join(', ')}.`)
    }
  }
  const { applicationId } = config
  // 200 leaves room for the longest suffix of an internal topic within Kafka's 249.
  if (typeof applicationId !== 'string' || !/^[A-Za-z0-9._-]{1,200}$/.test(applicationId) || /^\.{1,2}$/.test(applicationId)) {
    throw invalid('applicationId', "must be 1 to 200 of the characters A–Z a–z 0–9 '.' '_' '-' (it begins the names of internal topics).")
  }
  const threads = config.threads ?? 1
  if (threads !== 'in-process' && (!Number.isSafeInteger(threads) || threads < 1 || threads > 256)) {
    throw invalid('threads', `is ${JSON.stringify(threads)}: give a whole number from 1 to 256, or 'in-process'.`)
  }
  const sessionTimeoutMs = number(config, 'sessionTimeoutMs', 10_000, 1_000, 1_800_000)
  const heartbeatIntervalMs = number(config, 'heartbeatIntervalMs', 500, 50)
  if (heartbeatIntervalMs * 3 > sessionTimeoutMs) {
    throw invalid('heartbeatIntervalMs', `is ${heartbeatIntervalMs}: give at most a third of sessionTimeoutMs (${sessionTimeoutMs}), so that two lost heartbeats evict nobody.`)
  }
  if (config.stateDir !== undefined && (typeof config.stateDir !== 'string' || config.stateDir === '')) {
    throw invalid('stateDir', 'must be the path of a folder.')
  }
  if (config.deadLetterTopic !== undefined && (typeof config.deadLetterTopic !== 'string' || !/^[A-Za-z0-9._-]{1,249}$/.test(config.deadLetterTopic))) {
    throw invalid('deadLetterTopic', "must be 1 to 249 of the characters A–Z a–z 0–9 '.' '_' '-'.")
  }
  const orphans = oneOf(config, 'orphans', ['fail', 'dead-letter'])
  if (orphans === 'dead-letter' && config.deadLetterTopic === undefined) {
    throw invalid('deadLetterTopic', "is missing, but orphans is 'dead-letter': name the topic that takes them.")
  }
  const compression = oneOf(config, 'compression', ['none', 'gzip', 'zstd'])
  return {
    applicationId,
    client: {
      bootstrapServers: servers(config.bootstrapServers),
      clientId: applicationId,
      ...(compression === 'none' ? {} : { compression }),
      ...(config.tls === undefined ? {} : { tls: config.tls }),
      ...(config.sasl === undefined ? {} : { sasl: resolveSasl(config.sasl) }),
    },
    stateDir: config.stateDir ?? './state',
    stateCleanupDelayMs: number(config, 'stateCleanupDelayMs', 7 * 86_400_000, 1_000),
    threads: threads === 'in-process' ? 1 : threads,
    inProcess: threads === 'in-process',
    processingGuarantee: oneOf(config, 'processingGuarantee', ['exactly_once_v2', 'at_least_once']),
    engine: oneOf(config, 'engine', ['rocksdb', 'leveldb', 'memory']),
    commitIntervalMs: number(config, 'commitIntervalMs', 0, 0, 60_000),
    uncommittedMaxBytes: number(config, 'uncommittedMaxBytes', 32 * MIB, 64 * 1024),
    readCacheBytes: number(config, 'readCacheBytes', 16 * MIB, 0),
    storeMemoryMiB: number(config, 'storeMemoryMiB', 1_024, 16, 1_048_576),
    snapshots: resolveSnapshots(config.snapshots),
    sessionTimeoutMs,
    heartbeatIntervalMs,
    metadataMaxAgeMs: number(config, 'metadataMaxAgeMs', 300_000, 100),
    standbyReplicas: number(config, 'standbyReplicas', 0, 0, 16),
    acceptableRecoveryLag: number(config, 'acceptableRecoveryLag', 10_000, 0),
    maxWarmupReplicas: number(config, 'maxWarmupReplicas', 2, 0, 1_000),
    clientTags: clientTags(config.clientTags ?? {}),
    rackAwareAssignmentTags: rackTags(config.rackAwareAssignmentTags ?? []),
    transactionTimeoutMs: number(config, 'transactionTimeoutMs', 10_000, 1_000, 900_000),
    taskTimeoutMs: number(config, 'taskTimeoutMs', 300_000, 0),
    replicationFactor: number(config, 'replicationFactor', -1, -1, 32_767),
    internalTopics: oneOf(config, 'internalTopics', ['create', 'verify']),
    errors: errorPolicy(config.errors ?? {}, config.deadLetterTopic),
    deadLetterTopic: config.deadLetterTopic,
    orphans,
    parkedMaxRecords: number(config, 'parkedMaxRecords', 100_000, 1),
    parkedMaxBytes: number(config, 'parkedMaxBytes', 1024 * MIB, MIB),
    closeTimeoutMs: number(config, 'closeTimeoutMs', 30_000, 100, 3_600_000),
    bufferedRecordsPerPartition: config.bufferedRecordsPerPartition === undefined ? undefined : number(config, 'bufferedRecordsPerPartition', 1_000, 1),
    maxTaskIdleMs: config.maxTaskIdleMs === undefined ? undefined : number(config, 'maxTaskIdleMs', 0, -1),
    sourceIdleTimeoutMs: config.sourceIdleTimeoutMs === undefined ? undefined : number(config, 'sourceIdleTimeoutMs', 0, 1_000),
    uncaughtError: oneOf(config, 'uncaughtError', UNCAUGHT_ERROR_ACTIONS),
    peers: resolvePeers(config.peers),
  }
}
