import type { ChangelogPosition } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { KafkaCluster, ProduceAck } from '../kafka/contract.ts'
import type { TaskCommit } from './contract.ts'
import type { TaskEntry } from './task-entry.ts'

/**
 * Nobody says in which leader epoch the record before such an offset was written. An epoch read earlier ends where the
 * next one begins: held against that, everything written since a change of leaders would pass for lost.
 */
const NOT_TOLD = -1

/**
 * How far each changelog of a task is applied once the frozen overlay is written (step 5): behind the last record the
 * broker acknowledged, or, for a source topic read as a table, at the committed offset. An acknowledgement without an
 * offset leaves the position where it was: it may lag the data, never lead it (rule C11).
 */
export function changelogPositions(entry: TaskEntry, commit: TaskCommit, acks: readonly ProduceAck[], now: number): ReadonlyMap<string, Partial<ChangelogPosition>> {
  const positions = new Map<string, Partial<ChangelogPosition>>()
  for (const changelog of entry.changelogs) {
    if (changelog.source !== undefined) {
      const committed = commit.offsets.find((offset) => offset.topic === changelog.topic && offset.partition === entry.partition)
      if (committed !== undefined) {
        positions.set(changelog.key, { offset: committed.offset, leaderEpoch: NOT_TOLD, appliedAt: now })
      }
      continue
    }
    const own = acks.filter((ack) => ack.topic === changelog.topic && ack.partition === entry.partition && ack.count > 0)
    if (own.length > 0 && own.every((ack) => ack.baseOffset >= 0)) {
      positions.set(changelog.key, { offset: Math.max(...own.map((ack) => ack.baseOffset + ack.count)), leaderEpoch: NOT_TOLD, appliedAt: now })
    }
  }
  return positions
}

/**
 * Rule A3 while a task runs: who writes a changelog is the only one, so what it appends lies behind all it has applied. An
 * acknowledgement before that comes from another log: if the topic is another one, too, what the store was made of is gone, and
 * nothing is committed on top of that. Throws `CHANGELOG_MISMATCH`. A log that lost its end to an election goes on, as it does
 * for whoever reads it.
 */
export async function requireSameChangelogs(entries: Iterable<TaskEntry>, acks: readonly ProduceAck[], cluster: Pick<KafkaCluster, 'metadata'>): Promise<void> {
  const begins = new Map<string, number>()
  for (const { topic, partition, baseOffset } of acks) {
    const key = `${topic}-${partition}`
    if (baseOffset >= 0) {
      begins.set(key, Math.min(baseOffset, begins.get(key) ?? baseOffset))
    }
  }
  for (const { id, state, changelogs } of entries) {
    for (const { store, topic, key, source } of changelogs) {
      const begin = begins.get(key)
      const position = begin === undefined || source !== undefined ? undefined : state?.position(key)
      if (position !== undefined && begin! < position.offset && (await cluster.metadata([topic], { fresh: true })).get(topic)?.topicId !== position.topicId) {
        throw changelogLost(key, 'deleted and made anew', id, store, position.offset)
      }
    }
  }
}

/** The error that the copy of a store is all that is left of it. */
export function changelogLost(key: string, what: 'deleted and made anew' | 'emptied', taskId: string, store: string, offset: number): StreamsError {
  return new StreamsError(
    'CHANGELOG_MISMATCH',
    `The changelog ${key} was ${what}, but task ${taskId} has a local copy of store ${store} (offset ${offset}), which may be the last one. Bring the topic back, or delete the task's folder to start with what the topic has.`,
  )
}
