import type { KafkaCluster } from 'millrace/kafka'
import type { ApplicationConfig } from './config.ts'
import { ApplicationError } from './errors.ts'
import { rawTopicOfTenant, type TopicDefinition, topics } from './topics.ts'

/** Every topic this configuration needs, the tenants' own included. */
export function topicsOf(config: Pick<ApplicationConfig, 'topicPrefix' | 'tenantTopics'>): readonly TopicDefinition[] {
  const declared = topics(config.topicPrefix)
  const tenants = config.tenantTopics.map((tenant) => ({ ...declared.raw, name: rawTopicOfTenant(config.topicPrefix, tenant) }))
  return [...Object.values(declared), ...tenants]
}

/**
 * Creates what is missing. An existing topic keeps its settings, but its partition count must be ours: co-partitioning
 * and every stored key depend on it.
 * @throws ApplicationError TOPIC_MISMATCH
 */
export async function createTopics(cluster: KafkaCluster, config: ApplicationConfig): Promise<void> {
  const wanted = topicsOf(config).map((topic) => ({
    name: topic.name,
    partitions: topic.partitions === 'configured' ? config.partitions : topic.partitions,
    replicationFactor: config.replicationFactor,
    config: topic.config,
  }))
  await cluster.admin().createTopics(wanted)
  const found = await cluster.metadata(wanted.map((topic) => topic.name), { fresh: true })
  for (const topic of wanted) {
    const count = found.get(topic.name)?.partitions.length
    if (count !== topic.partitions) {
      throw new ApplicationError(
        'TOPIC_MISMATCH',
        `The topic ${topic.name} has ${count ?? 'no'} partitions, the configuration says ${topic.partitions}. Set "partitions" to what is there, or use another topicPrefix.`,
      )
    }
  }
}
