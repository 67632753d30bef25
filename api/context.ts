import type { AvroSerde, DocumentCorrection, DocumentReceived, VendorMemoryErasure } from '../avro/index.ts'
import type { CassandraReader, PostgresqlCorrections, PostgresqlIntake, PostgresqlReader, PostgresqlSearch } from '../connectors/index.ts'
import type { ContentStore } from '../content/index.ts'
import type { Models } from '../topology/models.ts'
import type { PageImages } from '../topology/page-images.ts'
import type { TenantDirectory } from '../topology/tenant-directory.ts'
import type { VendorMemories } from '../topology/vendor-memories.ts'
import type { Authenticator } from './authenticator.ts'
import type { Serialised } from './idempotency.ts'
import type { RateLimit } from './rate-limit.ts'
import type { RawProducer } from './raw-producer.ts'

/** Told what the API does, for metrics; `route` is the pattern, never the path. */
export interface ApiObserver {
  requestEnded(request: { readonly route: string; readonly method: string; readonly status: number; readonly seconds: number }): void
  documentTaken(tenantId: string, bytes: number): void
}

/** What the routes work with. Each part may be another implementation: tests say which. */
export interface ApiContext {
  readonly authenticator: Authenticator
  readonly tenants: Pick<TenantDirectory, 'get'>
  readonly rate: Pick<RateLimit, 'take'>
  readonly serialised: Serialised
  readonly content: ContentStore
  readonly intake: Pick<PostgresqlIntake, 'take' | 'markProduced' | 'get' | 'overview'>
  readonly documents: Pick<PostgresqlReader, 'get' | 'parts' | 'review'>
  readonly corrections: Pick<PostgresqlCorrections, 'find' | 'take' | 'markProduced'>
  readonly search: Pick<PostgresqlSearch, 'search'>
  readonly models: Pick<Models, 'answers' | 'embedder'>
  readonly archive: Pick<CassandraReader, 'lifecycle'>
  readonly producer: Pick<RawProducer, 'send'>
  readonly correctionProducer: Pick<RawProducer, 'send'>
  readonly received: Pick<AvroSerde<DocumentReceived>, 'serialize'>
  readonly rawTopic: string
  readonly correction: Pick<AvroSerde<DocumentCorrection>, 'serialize'>
  readonly correctionsTopic: string
  readonly vendorMemories: Pick<VendorMemories, 'of'>
  readonly erasureProducer: Pick<RawProducer, 'send'>
  readonly erasure: Pick<AvroSerde<VendorMemoryErasure>, 'serialize'>
  readonly erasuresTopic: string
  readonly pages: Pick<PageImages, 'draw'>
  /** Per file; a tenant's own limit may be lower. */
  readonly maximumBytes: number
  readonly observer?: ApiObserver
  /** Errors that answered 5xx: ids and codes, never content. */
  onError(message: string): void
}
