import type { ChangelogPosition } from 'millrace-state-stores'
import type { ProduceAck } from '../kafka/contract.ts'
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
