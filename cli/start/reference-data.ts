/** Tenants, vendors and rates that a first run needs; what is in the topics already is left alone by compaction's rule: same key, same value. */
import type { KafkaCluster } from 'millrace/kafka'
import { Registry } from '../../avro/index.ts'
import type { ExchangeRate, Tenant } from '../../avro/types.ts'
import type { ApplicationConfig } from '../../topology/config.ts'
import { documentSerdes } from '../../topology/serdes.ts'
import { topics } from '../../topology/topics.ts'
import { produce } from './produce.ts'

const MEBIBYTE = 1024 * 1024

/** European Central Bank reference rates of one day; a site produces its own to `exchange-rates`. */
const RATES: readonly (readonly [from: string, rate: string])[] = [['USD', '0.92'], ['GBP', '1.17'], ['CHF', '1.05'], ['INR', '0.011'], ['MYR', '0.21']]
const RATE_DATE = '2000-01-01'

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
    const rates = RATES.map(([from, rate]): ExchangeRate => ({ from, to: 'EUR', date: RATE_DATE, rate, source: 'sample' }))
    await produce(
      cluster,
      declared.exchangeRates.name,
      rates.map((rate) => ({ key: Buffer.from(`${rate.from}|${rate.to}|${rate.date}`), value: serdes.exchangeRate.serialize('', rate) })),
    )
  } finally {
    registry.close()
  }
}
