/**
 * Every topic of the application, declared once. Internal topics (repartition, changelogs) are the engine's and are not
 * here. Keys are plain strings `tenantId|documentId` except for the topics that end in a sink, whose key is an Avro
 * struct that nothing joins on (a framed Avro key changes its partition when its schema id changes).
 */
import type { SchemaName } from '../avro/types.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Producers and the file source may send this much inline; above it only a reference travels. */
export const MAXIMUM_INLINE_BYTES = 8 * 1024 * 1024

/** A text above this goes to the content store. */
export const MAXIMUM_TEXT_BYTES = 512 * 1024

/** The broker's own default of 1 MiB holds for every other topic: none needs more. */
const RAW_MESSAGE_BYTES = MAXIMUM_INLINE_BYTES + 64 * 1024

export interface TopicDefinition {
  readonly name: string
  /** Reference data is small: one partition keeps a tenant's records in order and loads fast. */
  readonly partitions: 'configured' | number
  readonly key: 'string' | SchemaName
  /** Absent: records as they came. */
  readonly value?: SchemaName
  readonly config: { readonly [key: string]: string }
}

const keep = (days: number): { readonly [key: string]: string } => ({
  'cleanup.policy': 'delete',
  'retention.ms': String(days * DAY_MS),
})

const compact = { 'cleanup.policy': 'compact' } as const

const definitions = {
  /** What replays read. */
  raw: { name: 'documents.raw', partitions: 'configured', key: 'string', value: 'DocumentReceived', config: { ...keep(365), 'max.message.bytes': String(RAW_MESSAGE_BYTES) } },
  /** What stands on the pages; compaction keeps a document's last reading. */
  text: {
    name: 'documents.text', partitions: 'configured', key: 'string', value: 'DocumentText',
    config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(365 * DAY_MS) },
  },
  processed: {
    name: 'documents.processed', partitions: 'configured', key: 'string', value: 'DocumentProcessed',
    config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(365 * DAY_MS) },
  },
  /** Both sinks read this one. */
  archive: { name: 'documents.archive', partitions: 'configured', key: 'DocumentKey', value: 'DocumentRow', config: keep(30) },
  /** What search finds: PostgreSQL reads it. All of a document's are in one partition. */
  chunks: { name: 'documents.chunks', partitions: 'configured', key: 'ChunkKey', value: 'DocumentChunk', config: keep(30) },
  /** The audit trail. */
  lifecycle: { name: 'documents.lifecycle', partitions: 'configured', key: 'DocumentKey', value: 'LifecycleEvent', config: keep(365) },
  duplicates: { name: 'documents.duplicates', partitions: 'configured', key: 'string', value: 'DocumentDuplicate', config: keep(365) },
  review: { name: 'documents.review', partitions: 'configured', key: 'string', value: 'DocumentReview', config: compact },
  corrections: { name: 'documents.corrections', partitions: 'configured', key: 'string', value: 'DocumentCorrection', config: keep(365) },
  /** Documents after a correction, on their way to be validated again: the topology's own loop, JSON. */
  corrected: { name: 'documents.corrected', partitions: 'configured', key: 'string', config: keep(7) },
  /** What corrections taught about each vendor of each tenant: JSON, read as a table where fields are extracted. */
  vendorMemory: { name: 'vendor-memory', partitions: 1, key: 'string', config: compact },
  /** What people want forgotten of it: kept as long as other decisions of theirs. */
  vendorMemoryErasures: { name: 'vendor-memory.erasures', partitions: 'configured', key: 'string', value: 'VendorMemoryErasure', config: keep(365) },
  /** Raw records as they came; headers say why. */
  deadLetter: {
    name: 'documents.dead-letter', partitions: 'configured', key: 'string', config: { ...keep(30), 'max.message.bytes': String(RAW_MESSAGE_BYTES + 64 * 1024) },
  },
  tenants: { name: 'tenants', partitions: 1, key: 'string', value: 'Tenant', config: compact },
  rules: { name: 'rules', partitions: 1, key: 'string', value: 'RuleSet', config: compact },
  /** Sets whose examples have held: the last good one of each key is in force. */
  rulesAccepted: { name: 'rules.accepted', partitions: 1, key: 'string', value: 'RuleSet', config: compact },
  /** Why the newest version of a set is not in force. */
  rulesRefused: { name: 'rules.refused', partitions: 1, key: 'string', value: 'RuleSetRefusal', config: compact },
  /** Tenants' own words to the language model. */
  prompts: { name: 'prompts', partitions: 1, key: 'string', value: 'PromptSet', config: compact },
  vendors: { name: 'vendors', partitions: 1, key: 'string', value: 'Vendor', config: compact },
  /** Each vendor under every key it is found by: the topology's own, JSON, read as a table where vendors are looked up. */
  vendorIndex: { name: 'vendors.index', partitions: 1, key: 'string', config: compact },
  exchangeRates: { name: 'exchange-rates', partitions: 1, key: 'string', value: 'ExchangeRate', config: compact },
} as const satisfies { readonly [name: string]: TopicDefinition }

export type TopicId = keyof typeof definitions

export type Topics = { readonly [id in TopicId]: TopicDefinition }

/** The topics of one environment: every name behind `prefix` (for example `staging.`). */
export function topics(prefix = ''): Topics {
  const named = Object.entries(definitions).map(([id, definition]) => [id, { ...definition, name: prefix + definition.name }])
  return Object.fromEntries(named) as Topics
}

/** A tenant's own producer writes here (an ACL by name): the topic is the tenant, whatever the record says. */
export const rawTopicOfTenant = (prefix: string, tenantId: string): string => `${prefix}documents.raw.${tenantId}`

const TENANT = /^[a-z0-9][a-z0-9-]{0,62}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export const isTenantId = (text: string): boolean => TENANT.test(text)

export const isDocumentId = (text: string): boolean => UUID.test(text)

const LAST_MOMENT = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Milliseconds since 1970 in years of four digits: every store has a timestamp for it, and its day is a day. */
export const isMoment = (time: number): boolean => time >= 0 && time <= LAST_MOMENT

/** `|` occurs in neither part. */
export const documentKey = (tenantId: string, documentId: string): string => `${tenantId}|${documentId}`
