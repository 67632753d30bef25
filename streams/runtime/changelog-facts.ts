/** What a broker says of a changelog, for judging whether a copy of its store can be gone on from. */
import type { ChangelogPosition } from 'millrace-state-stores'
import type { KafkaCluster, TopicPartition } from '../kafka/contract.ts'
import type { ChangelogFacts } from './local-copy.ts'
import type { TopicCatalog } from './topic-catalog.ts'

/** Kafka's default of `delete.retention.ms`. */
export const DAY_MS = 86_400_000

/** By `<topic>-<partition>`. */
export interface Marks {
  readonly logStarts: ReadonlyMap<string, number>
  readonly highWatermarks: ReadonlyMap<string, number>
}

export interface FactsSource {
  readonly cluster: Pick<KafkaCluster, 'listOffsets' | 'endOffsetForEpoch'>
  readonly topics: Pick<TopicCatalog, 'config'>
  readonly now: () => number
}

export async function readMarks(partitions: readonly TopicPartition[], { cluster }: Pick<FactsSource, 'cluster'>): Promise<Marks> {
  const [logStarts, highWatermarks] = await Promise.all([
    cluster.listOffsets(partitions, 'earliest', 'read_uncommitted'),
    cluster.listOffsets(partitions, 'latest', 'read_uncommitted'),
  ])
  return { logStarts, highWatermarks }
}

/** What `judgeCopy` wants to know of a copy that stands at `position`. */
export async function changelogFacts(
  tp: TopicPartition & { readonly own: boolean },
  topicId: string,
  position: ChangelogPosition | undefined,
  marks: Marks,
  source: FactsSource,
): Promise<ChangelogFacts> {
  const key = `${tp.topic}-${tp.partition}`
  const settings = await source.topics.config(tp.topic)
  return {
    topicId,
    logStart: marks.logStarts.get(key) ?? 0,
    highWatermark: marks.highWatermarks.get(key) ?? 0,
    epochEnd: await epochEnd(tp, position?.leaderEpoch ?? -1, source),
    tombstonesMs: Number(settings['delete.retention.ms'] ?? DAY_MS),
    own: tp.own,
    forgets: settings['cleanup.policy']?.includes('delete') === true,
    now: source.now(),
  }
}

async function epochEnd({ topic, partition }: TopicPartition, leaderEpoch: number, { cluster }: FactsSource): Promise<number | undefined> {
  if (leaderEpoch < 0) {
    return undefined
  }
  const answer = await cluster.endOffsetForEpoch([{ topic, partition, leaderEpoch }])
  const end = answer.get(`${topic}-${partition}`)
  // An answer for an older epoch: the leader never saw ours, its log diverged there.
  return end === undefined || end.endOffset < 0 ? undefined : end.endOffset
}
