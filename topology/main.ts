/** One instance: the stream application, and whatever doors its configuration opens. */
import { KafkaStreams } from 'millrace'
import { createCluster, type KafkaCluster } from 'millrace/kafka'
import { type Api, startApi } from '../api/index.ts'
import { Registry } from '../avro/index.ts'
import { createMetrics, DocumentCounter, type Ops, RefusedRuleSets, startOps, StatusSource } from '../ops/index.ts'
import { type ApplicationConfig, instanceName } from './config.ts'
import { createTopics } from './create-topics.ts'
import { errorPolicy } from './flow.ts'
import { kafkaClientOptions, peersOptions } from './kafka.ts'
import { say, warn } from './log.ts'
import { registryOptions, registryWarning } from './servers.ts'
import { TenantDirectory } from './tenant-directory.ts'
import { topics } from './topics.ts'
import { VendorMemories } from './vendor-memories.ts'

const TOPOLOGY = new URL('./documents.ts', import.meta.url)
/** A call in flight (a scan being recognised) is made again by the next owner; nothing needs longer to commit and leave. */
export const STOP_LIMIT_MS = 20_000

/** The stream application of an instance, not started yet. */
export function documentStreams(config: ApplicationConfig, onWarning: (message: string) => void): KafkaStreams {
  return new KafkaStreams({
    ...kafkaClientOptions(config),
    topology: TOPOLOGY,
    settings: config,
    applicationId: config.topicPrefix + config.applicationId,
    stateDir: config.stateDir,
    threads: config.threads,
    engine: config.engine,
    sessionTimeoutMs: config.sessionTimeoutMs,
    standbyReplicas: config.standbyReplicas,
    peers: peersOptions(config),
    replicationFactor: config.replicationFactor,
    deadLetterTopic: topics(config.topicPrefix).deadLetter.name,
    errors: errorPolicy,
    uncaughtError: 'replace-thread',
    onWarning,
  })
}

/** Called in the order opposite to that of opening, each once. */
type Closing = { readonly name: string; close(): Promise<void> }[]

/**
 * Runs one instance until SIGTERM or SIGINT, then closes everything and resolves. A second signal ends the process at
 * once; `STOP_LIMIT_MS` after the first it ends whatever is still open.
 * @throws what stopped the streams, or kept anything from starting; by then everything is closed
 */
export async function runInstance(config: ApplicationConfig): Promise<void> {
  const closing: Closing = []
  const stopped = stopSignal()
  const opening = open(config, closing)
  try {
    const ended = opening.then(({ failed }) => failed)
    const name = await Promise.race([ended, stopped])
    say(`${name}: stopping`)
  } finally {
    let closed = false
    const overdue = setTimeout(() => {
      warn(`${closed ? `closed, but kept alive by ${[...new Set(process.getActiveResourcesInfo())].join(', ')}` : `not closed after ${STOP_LIMIT_MS} ms`}: ending the process`)
      process.exit(1)
    }, STOP_LIMIT_MS)
    await closeAll(closing)
    // stopped while it was still opening: what it opened since then
    await opening.catch(() => undefined)
    await closeAll(closing)
    closed = true
    // still runs down: a connection that a library forgot would keep the process for ever
    overdue.unref()
    say('stopped')
  }
}

/** Resolves when everything is open; `failed` then rejects with what ends the streams, if anything does. */
async function open(config: ApplicationConfig, closing: Closing): Promise<{ readonly failed: Promise<never> }> {
  const cluster = createCluster({ ...kafkaClientOptions(config), clientId: `${config.topicPrefix}${config.applicationId}-doors` })
  closing.push({ name: 'kafka', close: () => cluster.close() })
  const registry = new Registry({ ...registryOptions(config), onRetry: registryWarning })
  closing.push({ name: 'registry', close: async () => registry.close() })
  const { tenants, counter, refused } = await directories(cluster, registry, config)

  const streams = documentStreams(config, warn)
  const failed = new Promise<never>((_resolve, reject) => { streams.onError(reject) })
  // it may fail while something else is awaited; the race below looks at it
  failed.catch(() => undefined)
  streams.onStateChange((state) => say(`streams are ${state}`))
  const metrics = createMetrics({ streams, counter, refused, tenants })
  let api: Api | undefined
  const status = new StatusSource({
    instance: instanceName(),
    streams,
    counter,
    refused,
    missing: () => (config.api !== undefined && api === undefined ? ['the API does not listen yet'] : []),
  })
  // first of all: whoever looks after this process asks it how it is from its first moment
  const ops: Ops = await startOps(config.ops, { status, counter, refused, metrics: metrics.registry, streams })
  closing.push({ name: 'operations listener', close: () => ops.close() })
  say(`operations on ${ops.url}`)

  await createTopics(cluster, config)
  closing.push({ name: 'followers', close: async () => { await Promise.all([counter.close(), refused.close(), tenants.close()]) } })
  await tenants.start()
  closing.push({ name: 'streams', close: () => streams.close() })
  const starting = streams.start()
  starting.catch(() => undefined)
  // counts catch up beside everything else: nobody waits for them
  counter.start().catch((error: unknown) => warn(`documents are not counted: ${error instanceof Error ? error.message : 'unknown'}`))
  refused.start().catch((error: unknown) => warn(`refused rule sets are not shown: ${error instanceof Error ? error.message : 'unknown'}`))
  if (config.api !== undefined) {
    api = await startApi({ config, cluster, registry, tenants, vendorMemories: new VendorMemories(streams), observer: metrics.api, onError: warn })
    const { url, close } = api
    closing.push({ name: 'API', close })
    say(`API on ${url}v1/documents`)
  }
  await starting
  return { failed }
}

async function directories(cluster: KafkaCluster, registry: Registry, config: ApplicationConfig) {
  const declared = topics(config.topicPrefix)
  const tenants = new TenantDirectory({ cluster, registry, topics: declared, onWarning: warn })
  const following = { cluster, registry, topics: declared, tenants, onWarning: warn }
  return { tenants, counter: new DocumentCounter(following), refused: new RefusedRuleSets(following) }
}

/** One after the other, newest first; what fails does not keep the others open. */
async function closeAll(closing: Closing): Promise<void> {
  for (let next = closing.pop(); next !== undefined; next = closing.pop()) {
    const { name } = next
    await next.close().catch((error: unknown) => warn(`${name} did not close cleanly: ${error instanceof Error ? error.message : 'unknown'}`))
  }
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (asked) {
          say(`${name} again: ending at once`)
          process.exit(1)
        }
        asked = true
        resolve(name)
      })
    }
  })
}
