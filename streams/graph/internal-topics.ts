import type { RepartitionReference } from './node-spec.ts'
import type { StoreShape } from './store-builder.ts'
import type { InternalTopic } from './topology.ts'

const DAY_MS = 86_400_000

/**
 * A local copy of a store may be used as long as the changelog still has the tombstones that followed it; a week covers
 * a machine that was away over a long weekend, where Kafka's default of a day does not.
 */
const DELETE_RETENTION_MS = 7 * DAY_MS

/** Record timestamps are event times: a broker that overwrote them would change results. */
const CREATE_TIME = { 'message.timestamp.type': 'CreateTime' }

const CHANGELOG = { 'cleanup.policy': 'compact', 'delete.retention.ms': String(DELETE_RETENTION_MS), ...CREATE_TIME }

/**
 * Every record that waits for a call is written and deleted within seconds: small segments and an eager cleaner keep a
 * restore short, and `compact,delete` is what lets the engine delete up to the end when the table is empty.
 */
const IN_FLIGHT = {
  ...CHANGELOG,
  'cleanup.policy': 'compact,delete',
  'retention.ms': '-1',
  'segment.bytes': String(64 * 1024 * 1024),
  'segment.ms': String(10 * 60_000),
  'min.cleanable.dirty.ratio': '0.1',
}

/** Kafka Streams' settings: committed records are deleted by the engine, never by time. */
const REPARTITION = { 'cleanup.policy': 'delete', 'segment.bytes': String(50 * 1024 * 1024), 'retention.ms': '-1', ...CREATE_TIME }

/** Kafka Streams' `windowstore.changelog.additional.retention.ms`: records and brokers differ in their clocks. */
const ADDITIONAL_RETENTION_MS = DAY_MS

type TopicConfig = { readonly [key: string]: string }

export function repartitionTopicName(applicationId: string, { repartition, suffix }: RepartitionReference): string {
  return `${applicationId}-${repartition}-${suffix}`
}

export function changelogTopicName(applicationId: string, store: string): string {
  return `${applicationId}-${store}-changelog`
}

/** The store that holds an async operator's pending records. */
export function inFlightStoreName(operator: string): string {
  return `${operator}-in-flight`
}

export function repartitionTopic(name: string, partitions: number | undefined): InternalTopic {
  return { name, kind: 'repartition', partitions, config: REPARTITION }
}

export function changelogTopic(name: string, overrides: TopicConfig, shape: StoreShape): InternalTopic {
  return { name, kind: 'changelog', config: { ...CHANGELOG, ...forgetting(shape), ...overrides } }
}

/** A store that forgets by time needs no tombstones for it: its changelog forgets the same, a day later. */
function forgetting(shape: StoreShape): TopicConfig {
  switch (shape.kind) {
    case 'key-value':
    case 'buffer':
      return {}
    case 'window':
    case 'session':
      // Of windows without an end nothing may be forgotten.
      return shape.retentionMs === Number.MAX_SAFE_INTEGER
        ? {}
        : { 'cleanup.policy': 'compact,delete', 'retention.ms': String(shape.retentionMs + ADDITIONAL_RETENTION_MS) }
    case 'versioned':
      // Until then compaction leaves every version, and a restored store knows what held at any time it may be asked for.
      return { 'min.compaction.lag.ms': String(shape.historyRetentionMs + ADDITIONAL_RETENTION_MS) }
  }
}

export function inFlightTopic(name: string, overrides: TopicConfig): InternalTopic {
  return { name, kind: 'changelog', config: { ...IN_FLIGHT, ...overrides } }
}
