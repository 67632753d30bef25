/** The tenants' door, assembled from the configuration. Start reading at `server.ts`, then `routes/`. */
import type { AddressInfo } from 'node:net'
import type { KafkaCluster } from 'millrace/kafka'
import type { Registry } from '../avro/index.ts'
import { CassandraReader, ConnectorError, PostgresqlCorrections, PostgresqlIntake, PostgresqlRateLimits, PostgresqlReader, PostgresqlSearch } from '../connectors/index.ts'
import { openFolderContentStore } from '../content/index.ts'
import { type ApplicationConfig, readSecret } from '../topology/config.ts'
import { ApplicationError } from '../topology/errors.ts'
import { openModels } from '../topology/models.ts'
import { createPageImages } from '../topology/page-images.ts'
import { valueSerde } from '../topology/serdes.ts'
import { cassandraAddress, postgresqlAddress } from '../topology/servers.ts'
import type { TenantDirectory } from '../topology/tenant-directory.ts'
import { topics } from '../topology/topics.ts'
import { FileAuthenticator, requireLoopback } from './authenticator.ts'
import type { ApiContext, ApiObserver } from './context.ts'
import { Serialised } from './idempotency.ts'
import { CLOSE_TIMEOUT_MS, EMBEDDING_TIMEOUT_MS } from './limits.ts'
import { RateLimit } from './rate-limit.ts'
import { RawProducer } from './raw-producer.ts'
import { createServer } from './server.ts'

export type { Authenticator, Identity } from './authenticator.ts'
export type { ApiContext, ApiObserver } from './context.ts'
export { ApiError, type ApiErrorCode, errorCatalogue } from './errors.ts'

export interface ApiOptions {
  readonly config: ApplicationConfig
  readonly cluster: KafkaCluster
  readonly registry: Registry
  readonly tenants: TenantDirectory
  readonly vendorMemories: ApiContext['vendorMemories']
  readonly observer?: ApiObserver
  onError(message: string): void
}

export interface Api {
  /** `http://host:port/` */
  readonly url: string
  /** Takes no new requests, lets those under way end for a while, closes everything it opened. */
  close(): Promise<void>
}

/**
 * Listens for tenants.
 * @throws ApplicationError CONFIG_INVALID (no databases, or a listener beyond this machine with development tokens), CONFIG_UNREADABLE
 * @throws ConnectorError ACCESS_REFUSED when a database answers and lets nobody in
 */
export async function startApi({ config, cluster, registry, tenants, vendorMemories, observer, onError }: ApiOptions): Promise<Api> {
  const { api, postgresql, cassandra } = config
  if (api === undefined || postgresql === undefined || cassandra === undefined) {
    throw new ApplicationError('CONFIG_INVALID', 'The API needs the settings "api", "postgresql" and "cassandra".')
  }
  requireLoopback(api.host)
  const authenticator = new FileAuthenticator(api.tokensFile)
  const { raw, corrections: correctionsTopic, vendorMemoryErasures: erasuresTopic } = topics(config.topicPrefix)
  const received = valueSerde(registry, raw, 'DocumentReceived')
  const correction = valueSerde(registry, correctionsTopic, 'DocumentCorrection')
  const erasure = valueSerde(registry, erasuresTopic, 'VendorMemoryErasure')
  await Promise.all([received.open(), correction.open(), erasure.open()])
  const access = { ...postgresqlAddress(postgresql), password: readSecret(postgresql.passwordFile) }
  const content = await openFolderContentStore({ path: config.contentDir })
  const intake = new PostgresqlIntake(access)
  const documents = new PostgresqlReader(access)
  const search = new PostgresqlSearch(access)
  const corrections = new PostgresqlCorrections({ ...access, connections: 2 })
  const rateLimits = new PostgresqlRateLimits({ ...access, connections: 2 })
  const archive = new CassandraReader(cassandraAddress(cassandra))
  const producer = new RawProducer(cluster, raw.name)
  const correctionProducer = new RawProducer(cluster, correctionsTopic.name)
  const erasureProducer = new RawProducer(cluster, erasuresTopic.name)
  const pages = createPageImages()
  const app = await createServer({
    authenticator, tenants, content, intake, documents, search, corrections, archive, producer, correctionProducer, erasureProducer, received, correction, erasure, pages, onError,
    vendorMemories,
    models: openModels(config, EMBEDDING_TIMEOUT_MS),
    rate: new RateLimit(rateLimits),
    serialised: new Serialised(),
    rawTopic: raw.name,
    correctionsTopic: correctionsTopic.name,
    erasuresTopic: erasuresTopic.name,
    maximumBytes: api.maximumBytes,
    ...(observer === undefined ? {} : { observer }),
  })
  const closeStores = async (): Promise<void> => {
    await Promise.all([producer.close(), correctionProducer.close(), erasureProducer.close()])
    await Promise.all([intake.close(), documents.close(), search.close(), corrections.close(), rateLimits.close(), archive.close(), content.close(), pages.close()])
  }
  try {
    await letIn(documents, archive)
    await app.listen({ host: api.host, port: api.port })
  } catch (error) {
    await app.close()
    await closeStores()
    throw error
  }
  const { address, port: bound, family } = app.server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}/`,
    async close() {
      const limit = setTimeout(() => app.server.closeAllConnections(), CLOSE_TIMEOUT_MS)
      await app.close()
      clearTimeout(limit)
      await closeStores()
    },
  }
}

/** A database that is away comes back, and requests say so meanwhile; one that lets nobody in waits for a person. */
async function letIn(...stores: readonly { open(): Promise<void> }[]): Promise<void> {
  // all of them end: a driver that is closed while it connects never comes to rest
  for (const result of await Promise.allSettled(stores.map((store) => store.open()))) {
    if (result.status === 'rejected' && result.reason instanceof ConnectorError) {
      throw result.reason
    }
  }
}
