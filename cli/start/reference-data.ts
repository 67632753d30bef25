/** What the pipeline looks up. Written again at each start: same key, same value, so compaction keeps one. */
import type { KafkaCluster } from 'millrace/kafka'
import { Registry } from '../../avro/index.ts'
import type { Tenant } from '../../avro/types.ts'
import type { SampleRate, SampleVendor } from '../../samples/index.ts'
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

export interface ReferenceData {
  readonly tenants: readonly string[]
  /** Of samples; a tenant's own come by the topics. */
  readonly vendors?: readonly SampleVendor[]
  readonly rates?: readonly SampleRate[]
}

export async function writeReferenceData(cluster: KafkaCluster, config: ApplicationConfig, data: ReferenceData): Promise<void> {
  const { tenants, vendors = [], rates = [] } = data
  const registry = new Registry({ url: config.registry })
  try {
    const declared = topics(config.topicPrefix)
    const serdes = documentSerdes(registry, declared)
    // every subject exists before the connectors ask for it
    await Promise.all(Object.values(serdes).map((serde) => serde.open()))
    await produce(cluster, declared.tenants.name, tenants.map((id) => ({ key: Buffer.from(id), value: serdes.tenant.serialize('', tenant(id)) })))
    await produce(cluster, declared.vendors.name, vendors.map(({ tenantId, vendorId, name, vatId, ibans }) => ({
      key: Buffer.from(`${tenantId}|${vendorId}`),
      value: serdes.vendor.serialize('', { tenantId, vendorId, name, aliases: [], vatId, ibans: [...ibans], country: null, currency: null }),
    })))
    await produce(cluster, declared.exchangeRates.name, rates.map(({ from, to, date, rate }) => ({
      key: Buffer.from(`${from}|${to}|${date}`),
      value: serdes.exchangeRate.serialize('', { from, to, date, rate, source: 'millrace samples, made up' }),
    })))
  } finally {
    registry.close()
  }
}
