/** Turns changelog records into rows of a store. */
import type { ChangelogPosition, Row, TaskState } from 'millrace-state-stores'
import { idOf } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { ErrorAction } from '../error-policy.ts'
import type { AnySerde } from '../graph/topology.ts'
import type { FetchedRecords } from '../kafka/contract.ts'

import type { StoreChangelog } from './task-entry.ts'

/** Rows of a chunk after which it is known whether keys recur in it. */
const SAMPLE = 256

/**
 * Rows to write in one batch, of which the last of a key wins. Where keys recur only that one is kept, which spares the
 * database the others; where they hardly do, looking for them costs more than it spares. The first rows tell.
 */
class LastRows {
  readonly rows: Row[] = []
  readonly #at = new Map<string, number>()
  #seen = 0
  #recur = true

  add(row: Row): void {
    if (!this.#recur) {
      this.rows.push(row)
      return
    }
    const id = idOf(row.key)
    const at = this.#at.get(id)
    if (at === undefined) {
      this.#at.set(id, this.rows.push(row) - 1)
    } else {
      this.rows[at] = row
    }
    if (++this.#seen === SAMPLE) {
      this.#recur = this.rows.length < (SAMPLE * 3) / 4
    }
  }
}

/**
 * Applies the records below `to` in one batch, last value per key, with the position that follows them. Returns their number.
 *
 * A copy that has come to the end of the log lacks no deletion `now`. One on its way there is as old as it was before (rule
 * A3): the tombstones that follow it may be the next to go.
 */
export async function restoreChunk(
  state: TaskState,
  changelog: StoreChangelog,
  records: FetchedRecords,
  to: number,
  topicId: string,
  deserialization: ErrorAction,
  now: number,
): Promise<number> {
  const rows = new LastRows()
  const { cursor } = records
  const before = state.position(changelog.key)
  let leaderEpoch = before?.leaderEpoch ?? -1
  let count = 0
  let highest = -1
  const { format } = changelog
  let more = cursor.next()
  for (; more && cursor.offset < to; more = cursor.next()) {
    leaderEpoch = cursor.leaderEpoch
    count++
    const key = cursor.key()
    if (key === null || (changelog.source !== undefined && !readable(changelog.source.definition, changelog.topic, records, deserialization))) {
      continue
    }
    if (format.time !== undefined) {
      highest = Math.max(highest, format.time(key))
    }
    for (const row of format.rows(key, cursor.value(), cursor.timestamp)) {
      rows.add(row)
    }
  }
  if (!more && cursor.leaderEpoch >= 0) {
    // Of markers and of what was aborted behind the last record: the position lies behind them, too.
    leaderEpoch = cursor.leaderEpoch
  }
  const offset = Math.min(records.nextOffset, to)
  const end = changelog.source === undefined ? records.lastStableOffset : Math.min(to, records.lastStableOffset)
  const position: ChangelogPosition = { offset, topicId, leaderEpoch, appliedAt: offset >= end ? now : (before?.appliedAt ?? now) }
  const expired = highest < 0 ? undefined : format.expiredAt?.(highest)
  await state.restore(changelog.store, rows.rows, changelog.key, position, expired)
  return count
}

/** Rule D5: what processing would have skipped must not appear in the restored table. */
function readable(serdes: { readonly key: AnySerde; readonly value: AnySerde }, topic: string, { cursor, partition }: FetchedRecords, action: ErrorAction): boolean {
  try {
    const headers = cursor.headers()
    serdes.key.deserialize(topic, cursor.key()!, headers)
    const value = cursor.value()
    if (value !== null) {
      serdes.value.deserialize(topic, value, headers)
    }
    return true
  } catch (cause) {
    if (action === 'fail') {
      throw new StreamsError('DESERIALIZATION_FAILED', `${topic}-${partition}, offset ${cursor.offset}: the record cannot be read while its table is restored.`, { cause })
    }
    return false
  }
}
