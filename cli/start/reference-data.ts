/** The tenants a first run needs. Written again at each start: same key, same value, so compaction keeps one. */
import type { KafkaCluster } from 'millrace/kafka'
import { Registry } from '../../avro/index.ts'
import type { Tenant } from '../../avro/types.ts'
import type { ApplicationConfig } from '../../topology/config.ts'
import { documentSerdes } from '../../topology/serdes.ts'
import { topics } from '../../topology/topics.ts'
import { produce } from './produce.ts'

const MEBIBYTE = 1024 * 1024

export function tenant(tenantId: string): Tenant {
  return {
    tenantId,
    name: tenantId,
    active: true,
    documentsPerMinute: 60_000,
    maximumBytes: 50 * MEBIBYTE,
    maximumPages: 500,
    duplicatePolicy: 'link',
    duplicateDays: 365,
    ruleSet: null,
    promptSet: null,
    pinnedType: null,
    languages: ['en', 'de'],
    dateOrder: 'dmy',
    currency: 'EUR',
    reviewThreshold: 0.5,
    retentionDays: 3650,
  }
}

export async function writeReferenceData(cluster: KafkaCluster, config: ApplicationConfig, tenants: readonly string[]): Promise<void> {
  const registry = new Registry({ url: config.registry })
  try {
    const declared = topics(config.topicPrefix)
    const serdes = documentSerdes(registry, declared)
    // every subject exists before the connectors ask for it
    await Promise.all(Object.values(serdes).map((serde) => serde.open()))
    await produce(cluster, declared.tenants.name, tenants.map((id) => ({ key: Buffer.from(id), value: serdes.tenant.serialize('', tenant(id)) })))
  } finally {
    registry.close()
  }
}
