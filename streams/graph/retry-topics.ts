/**
 * Retry topics (rule B9): a source that asks for them reads `<application>-<topic>-retry` beside each of its topics. Replayed
 * dead letters go there, in the partition of the record they are, so that nobody else sees them again.
 */
import { checkTopicLength } from './names.ts'
import type { SourceSpec } from './node-spec.ts'
import type { InternalTopic, SourceNode } from './topology.ts'

/** Record timestamps are event times and may be old: time must not delete what was not read yet. Replays are few. */
const CONFIG = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'message.timestamp.type': 'CreateTime' }

export function retryTopicName(applicationId: string, topic: string): string {
  return `${applicationId}-${topic}-retry`
}

/** By the topics they stand beside; none unless the source asks for them. */
export function retryTopicsOf(applicationId: string, { topics, retryTopic = false }: SourceSpec): ReadonlyMap<string, string> {
  if (!retryTopic || 'repartition' in topics) {
    return new Map()
  }
  return new Map(topics.map((topic) => [topic, checkTopicLength(retryTopicName(applicationId, topic), topic)]))
}

/** Of built sources. Partition counts are those of the topics they stand beside. */
export function retryTopics(sources: readonly SourceNode[]): InternalTopic[] {
  return sources.flatMap(({ retries }) => [...retries].map(([origin, name]): InternalTopic => ({ name, kind: 'retry', origin, config: CONFIG })))
}

/** The source's topics without those the engine made for it. */
export function ownTopics({ topics, retries }: SourceNode): readonly string[] {
  const made = new Set(retries.values())
  return topics.filter((topic) => !made.has(topic))
}
