import { avroSerde, type AvroSerde, type Registry } from '../avro/index.ts'
import type { SchemaName, SchemaTypes } from '../avro/types.ts'
import type { Topics, TopicDefinition } from './topics.ts'

/** The Avro serde of a declared topic's values; the subject is `<topic>-value`. */
export function valueSerde<N extends SchemaName>(registry: Registry, topic: TopicDefinition, name: N): AvroSerde<SchemaTypes[N]> {
  return avroSerde(registry, `${topic.name}-value`, name)
}

/** The key of a topic that ends in a sink. */
export function rowKeySerde(registry: Registry, topic: TopicDefinition): AvroSerde<SchemaTypes['DocumentKey']> {
  return avroSerde(registry, `${topic.name}-key`, 'DocumentKey')
}

/**
 * Every serde of the topology's own topics, made once per stream thread. Records that never leave the application
 * (repartition topics, stores, pending calls) are JSON of the domain types.
 */
export function documentSerdes(registry: Registry, topics: Topics) {
  return {
    received: valueSerde(registry, topics.raw, 'DocumentReceived'),
    text: valueSerde(registry, topics.text, 'DocumentText'),
    processed: valueSerde(registry, topics.processed, 'DocumentProcessed'),
    archive: valueSerde(registry, topics.archive, 'DocumentRow'),
    archiveKey: rowKeySerde(registry, topics.archive),
    chunk: valueSerde(registry, topics.chunks, 'DocumentChunk'),
    chunkKey: avroSerde(registry, `${topics.chunks.name}-key`, 'ChunkKey'),
    lifecycle: valueSerde(registry, topics.lifecycle, 'LifecycleEvent'),
    lifecycleKey: rowKeySerde(registry, topics.lifecycle),
    duplicate: valueSerde(registry, topics.duplicates, 'DocumentDuplicate'),
    review: valueSerde(registry, topics.review, 'DocumentReview'),
    correction: valueSerde(registry, topics.corrections, 'DocumentCorrection'),
    vendorMemoryErasure: valueSerde(registry, topics.vendorMemoryErasures, 'VendorMemoryErasure'),
    tenant: valueSerde(registry, topics.tenants, 'Tenant'),
    rules: valueSerde(registry, topics.rules, 'RuleSet'),
    rulesAccepted: valueSerde(registry, topics.rulesAccepted, 'RuleSet'),
    rulesRefused: valueSerde(registry, topics.rulesRefused, 'RuleSetRefusal'),
    prompts: valueSerde(registry, topics.prompts, 'PromptSet'),
    vendor: valueSerde(registry, topics.vendors, 'Vendor'),
    exchangeRate: valueSerde(registry, topics.exchangeRates, 'ExchangeRate'),
  }
}

export type DocumentSerdes = ReturnType<typeof documentSerdes>
