/**
 * How a task becomes active (rule A1), in exactly this order: it is ours in the current generation; its committed offsets
 * are read with require_stable; then the high watermarks of its changelogs; the changelogs are read up to those marks,
 * read_committed, markers included; then it processes. The same order for a restart and for a rewind.
 */
import { StreamsError } from '../errors.ts'
import type { ErrorPolicy } from '../error-policy.ts'
import type { CommittedOffset, FetchedRecords, KafkaCluster, TopicPartition } from '../kafka/contract.ts'
import type { OffsetReader } from './committed-offsets.ts'
import { changelogFacts, type Marks, readMarks } from './changelog-facts.ts'
import { changelogLost } from './changelog-positions.ts'
import { judgeCopy } from './local-copy.ts'
import type { RestoreEvent } from './restore-progress.ts'
import { RestoreProgress } from './restore-progress.ts'
import type { Restorer } from './restorer.ts'
import { restoreChunk } from './store-restore.ts'
import type { StoreChangelog, TaskEntry } from './task-entry.ts'
import type { TopicCatalog } from './topic-catalog.ts'

export interface ActivationOptions {
  readonly cluster: KafkaCluster
  readonly topics: TopicCatalog
  readonly offsets: OffsetReader
  readonly restorer: Restorer
  readonly errors: ErrorPolicy
  readonly now: () => number
  onRestored?(entry: TaskEntry, records: number): void
  onRestore?(event: RestoreEvent): void
}

/** Where a source topic that is read as a table was committed; the others do not matter to a copy. */
type Committed = readonly Pick<CommittedOffset, 'topic' | 'partition' | 'offset'>[]

/** Steps 2 to 4; the entry's state is open. Resolves with the offsets to begin from. */
export async function restoreTask(entry: TaskEntry, options: ActivationOptions, signal: AbortSignal): Promise<readonly CommittedOffset[]> {
  const partitions = entry.changelogs.map(({ topic }) => ({ topic, partition: entry.partition }))
  const committed = await options.offsets.starting(entry.inputs, () => hasState(entry, partitions, options, signal), signal)
  signal.throwIfAborted()
  await restoreStores(entry, committed, options, signal)
  return committed
}

/** Steps 3 and 4: brings every store to the end its changelog has now. For a copy, too: it only goes on from there. */
export async function restoreStores(entry: TaskEntry, committed: Committed, options: ActivationOptions, signal: AbortSignal): Promise<void> {
  const partitions = entry.changelogs.map(({ topic }) => ({ topic, partition: entry.partition }))
  if (partitions.length > 0) {
    // Never before the committed offsets: a mark taken earlier may miss the transaction that moved them.
    const marks = await readMarks(partitions, options)
    signal.throwIfAborted()
    for (const { key } of entry.changelogs) {
      entry.highWatermarks.set(key, marks.highWatermarks.get(key) ?? 0)
    }
    const topics = await options.cluster.metadata([...new Set(partitions.map((p) => p.topic))], { fresh: true })
    await Promise.all(
      entry.changelogs.map((changelog) => {
        const topic = topics.get(changelog.topic)
        if (topic === undefined || entry.partition >= topic.partitions.length) {
          throw new StreamsError('CHANGELOG_MISMATCH', `The changelog ${changelog.key} of task ${entry.id} does not exist any more: restore the topic, or reset the application with its local state.`)
        }
        return restoreStore(entry, changelog, topic.topicId, marks, committed, options, signal)
      }),
    )
  }
  signal.throwIfAborted()
}

async function hasState(entry: TaskEntry, partitions: readonly TopicPartition[], options: ActivationOptions, signal: AbortSignal): Promise<boolean> {
  const own = entry.changelogs.filter((changelog) => changelog.source === undefined)
  if (own.length === 0) {
    return false
  }
  // The copy's position tells nothing: it lies behind what was aborted, too.
  if (own.some(({ store }) => holdsRows(entry, store))) {
    return true
  }
  const { logStarts, highWatermarks } = await readMarks(partitions, options)
  if (own.some(({ key }) => (logStarts.get(key) ?? 0) > 0)) {
    // Purged while its table was empty, or by retention: whoever wrote it had begun.
    return true
  }
  const held = await Promise.all(own.map((changelog) => holdsRecords(entry, changelog, logStarts.get(changelog.key) ?? 0, highWatermarks.get(changelog.key) ?? 0, options, signal)))
  return held.includes(true)
}

function holdsRows({ state }: TaskEntry, store: string): boolean {
  const rows = state?.committed(store).range({})
  const found = rows?.next().done === false
  rows?.return?.()
  return found
}

/** Some committed record: what the first transaction of a task left that was aborted is no state. */
async function holdsRecords(entry: TaskEntry, changelog: StoreChangelog, from: number, to: number, options: ActivationOptions, signal: AbortSignal): Promise<boolean> {
  const found = new AbortController()
  try {
    await options.restorer.read({
      topic: changelog.topic,
      partition: entry.partition,
      from,
      to,
      signal: AbortSignal.any([signal, found.signal]),
      apply: async ({ cursor }) => {
        if (cursor.next()) {
          found.abort()
        }
      },
      onStall: onStall(entry, changelog, to, options, signal),
    })
  } catch (error) {
    if (!found.signal.aborted) {
      throw error
    }
  }
  return found.signal.aborted
}

async function restoreStore(
  entry: TaskEntry,
  changelog: StoreChangelog,
  topicId: string,
  marks: Marks,
  committed: Committed,
  options: ActivationOptions,
  signal: AbortSignal,
): Promise<void> {
  const state = entry.state!
  const tp = { topic: changelog.topic, partition: entry.partition }
  const position = state.position(changelog.key)
  const facts = await changelogFacts({ ...tp, own: changelog.source === undefined }, topicId, position, marks, options)
  const { logStart, highWatermark } = facts
  const verdict = judgeCopy(position, facts)
  if (verdict === 'recreated' || verdict === 'emptied') {
    throw changelogLost(changelog.key, verdict === 'recreated' ? 'deleted and made anew' : 'emptied', entry.id, changelog.store, position!.offset)
  }
  const rebuild = verdict === 'rebuild'
  if (rebuild) {
    entry.rebuilding.add(changelog.store)
    await state.beginRebuild(changelog.store)
  }
  const from = rebuild || verdict === 'fresh' ? logStart : Math.max(position!.offset, logStart)
  const to = changelog.source === undefined ? highWatermark : Math.min(highWatermark, committedOffset(changelog, entry, committed))
  const copy = entry.status === 'standby'
  const progress = from < to ? new RestoreProgress({ task: entry.id, store: changelog.store, ...tp, from, to, copy }, (event) => options.onRestore?.(event)) : undefined
  try {
    await options.restorer.read({
      ...tp,
      from,
      to,
      signal,
      copy,
      apply: async (records) => progress?.applied(await applyChunk(entry, changelog, records, to, topicId, options), records.nextOffset),
      // What holds a copy back is the task's living owner, in the middle of a commit.
      ...(copy ? {} : { onStall: onStall(entry, changelog, to, options, signal) }),
    })
  } catch (error) {
    progress?.suspended()
    throw error
  }
  progress?.end()
  if (rebuild) {
    await state.finishRebuild(changelog.store)
    entry.rebuilding.delete(changelog.store)
  }
  if (from >= to && state.position(changelog.key)?.offset !== from) {
    // Nothing to read: the commit's merge needs to know which topic its offsets are of, and a copy where to go on from.
    await state.restore(changelog.store, [], changelog.key, { offset: from, topicId, leaderEpoch: -1, appliedAt: options.now() })
  }
}

/** A slow read is nobody's fault; one that an undecided transaction holds back is its producer's (rule C3). */
function onStall(entry: TaskEntry, changelog: StoreChangelog, to: number, { cluster, offsets }: ActivationOptions, signal: AbortSignal): () => void {
  const fenced = new Set<string>()
  return () => {
    cluster
      .listOffsets([{ topic: changelog.topic, partition: entry.partition }], 'latest', 'read_committed')
      .then((stable) => ((stable.get(changelog.key) ?? to) < to && !signal.aborted ? offsets.fenceCommitters(entry.inputs, fenced) : undefined))
      .catch(() => undefined)
  }
}

export function committedOffset(changelog: StoreChangelog, entry: TaskEntry, committed: Committed): number {
  return committed.find((c) => c.topic === changelog.topic && c.partition === entry.partition)?.offset ?? 0
}

/** Writes one chunk of a changelog into its store. Resolves with its records. */
export async function applyChunk(entry: TaskEntry, changelog: StoreChangelog, records: FetchedRecords, to: number, topicId: string, options: ActivationOptions): Promise<number> {
  const deserialization = changelog.source?.node.onError?.deserialization ?? options.errors.deserialization ?? 'fail'
  const count = await restoreChunk(entry.state!, changelog, records, to, topicId, deserialization, options.now())
  entry.highWatermarks.set(changelog.key, Math.max(records.highWatermark, entry.highWatermarks.get(changelog.key) ?? 0))
  entry.restoredRecords += count
  options.onRestored?.(entry, count)
  return count
}
