import type { KafkaCluster } from 'millrace/kafka'
import type { Registry } from '../avro/index.ts'
import type { Tenant } from '../avro/types.ts'
import { valueSerde } from './serdes.ts'
import { decode, TopicFollower } from './topic-follower.ts'
import { isTenantId, type Topics } from './topics.ts'

export interface TenantDirectoryOptions {
  readonly cluster: KafkaCluster
  readonly registry: Registry
  readonly topics: Topics
  onWarning(message: string): void
}

/** The tenants topic as a table, for those outside the topology: the doors need limits and labels. */
export class TenantDirectory {
  readonly #tenants = new Map<string, Tenant>()
  readonly #follower: TopicFollower

  constructor({ cluster, registry, topics, onWarning }: TenantDirectoryOptions) {
    const topic = topics.tenants.name
    const serde = valueSerde(registry, topics.tenants, 'Tenant')
    this.#follower = new TopicFollower({
      cluster,
      topic,
      from: 'earliest',
      onWarning,
      onRecord: async (key, value) => {
        const id = key === null ? '' : Buffer.from(key).toString('utf8')
        if (!isTenantId(id)) {
          return
        }
        if (value === null) {
          this.#tenants.delete(id)
        } else {
          this.#tenants.set(id, await decode(serde, topic, value))
        }
      },
    })
  }

  /** Resolves when every tenant that was there is known. */
  async start(): Promise<void> {
    await this.#follower.start()
  }

  get(tenantId: string): Tenant | undefined {
    return this.#tenants.get(tenantId)
  }

  ids(): readonly string[] {
    return [...this.#tenants.keys()].sort()
  }

  /** The id itself if there is such a tenant, `unknown` otherwise: labels of metrics stay as few as tenants. */
  label(tenantId: string): string {
    return this.#tenants.has(tenantId) ? tenantId : 'unknown'
  }

  async close(): Promise<void> {
    await this.#follower.close()
  }
}
