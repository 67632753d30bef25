/** Whether a snapshot of a state can be gone on from, or had better take the place of the local copy, by what the brokers say of its changelogs now. */
import type { ChangelogPosition } from 'millrace-state-stores'
import type { KafkaCluster } from '../kafka/contract.ts'
import { changelogFacts, type FactsSource, readMarks } from './changelog-facts.ts'
import type { OffsetReader } from './committed-offsets.ts'
import { type CopyVerdict, judgeCopy } from './local-copy.ts'
import type { TaskEntry } from './task-entry.ts'

export interface FitnessOptions extends FactsSource {
  readonly cluster: FactsSource['cluster'] & Pick<KafkaCluster, 'metadata'>
  readonly offsets: Pick<OffsetReader, 'committed'>
}

/** Why a state is not used. */
export const WHY: { readonly [V in Exclude<CopyVerdict, 'use'>]: string } = {
  fresh: 'it has none of the store',
  recreated: 'the topic was deleted and made anew since',
  emptied: 'the topic was emptied since',
  rebuild: 'the topic has lost records that are in it, or deletions that are not',
}

/**
 * Undefined: it can. Otherwise why not. The changelog of one store may have gone past the snapshot if those of others have
 * not (that of an in-flight table is deleted whenever it is empty): that store is rebuilt, the others are gone on with.
 */
export async function whyUnfit(entry: Pick<TaskEntry, 'changelogs' | 'partition'>, positions: ReadonlyMap<string, ChangelogPosition>, options: FitnessOptions): Promise<string | undefined> {
  const { cluster, offsets } = options
  const { changelogs, partition } = entry
  const [topics, marks] = await Promise.all([
    cluster.metadata([...new Set(changelogs.map(({ topic }) => topic))], { fresh: true }),
    readMarks(changelogs.map(({ topic }) => ({ topic, partition })), options),
  ])
  let overtaken: string | undefined
  let usable = 0
  for (const { topic, key, source } of changelogs) {
    const position = positions.get(key)
    const topicId = topics.get(topic)?.topicId
    if (position === undefined || topicId === undefined) {
      return `${key}: ${topicId === undefined ? 'the topic does not exist' : WHY.fresh}`
    }
    const facts = await changelogFacts({ topic, partition, own: source === undefined }, topicId, position, marks, options)
    if (position.topicId !== topicId) {
      return `${key}: ${WHY.recreated}`
    }
    const verdict = judgeCopy(position, facts)
    if (position.offset < facts.logStart && verdict !== 'use') {
      overtaken = `${key} begins at offset ${facts.logStart} now, and the snapshot is from offset ${position.offset}`
      continue
    }
    if (verdict !== 'use') {
      return `${key}: ${WHY[verdict]}`
    }
    if (source !== undefined && position.offset > (await committedOffset(offsets, topic, partition))) {
      return `${key}: the group's committed offset lies before the snapshot's`
    }
    usable++
  }
  return usable > 0 ? undefined : overtaken
}

export interface RebuildOptions extends FitnessOptions {
  /** Records that are read rather than a snapshot fetched. */
  readonly acceptableLag: number
}

/**
 * Why a local copy had better give way to a snapshot: stores of it are to be built anew (rule A3), from changelogs of more than
 * `acceptableLag` records together. Undefined: it is gone on with. One that may be the last there is, is never given up here:
 * the task's activation says what is wrong with it.
 */
export async function whyRebuild(entry: Pick<TaskEntry, 'changelogs' | 'partition'>, positions: ReadonlyMap<string, ChangelogPosition>, options: RebuildOptions): Promise<string | undefined> {
  const { changelogs, partition } = entry
  const [topics, marks] = await Promise.all([
    options.cluster.metadata([...new Set(changelogs.map(({ topic }) => topic))], { fresh: true }),
    readMarks(changelogs.map(({ topic }) => ({ topic, partition })), options),
  ])
  let records = 0
  const rebuilt: string[] = []
  for (const { topic, key, source } of changelogs) {
    const position = positions.get(key)
    const facts = await changelogFacts({ topic, partition, own: source === undefined }, topics.get(topic)?.topicId ?? '', position, marks, options)
    const verdict = judgeCopy(position, facts)
    if (verdict === 'recreated' || verdict === 'emptied') {
      return undefined
    }
    if (verdict === 'rebuild') {
      records += facts.highWatermark - facts.logStart
      rebuilt.push(key)
    }
  }
  return records > options.acceptableLag ? `${rebuilt.join(', ')}: ${WHY.rebuild}` : undefined
}

async function committedOffset(offsets: FitnessOptions['offsets'], topic: string, partition: number): Promise<number> {
  const [committed] = await offsets.committed([{ topic, partition }])
  return committed?.offset ?? 0
}
