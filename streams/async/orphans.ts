/**
 * Rule A5 for what no task opens: a deploy that removes or renames an asynchronous operator leaves its in-flight
 * changelog behind, with records that exist nowhere else. The leader of the group looks for such topics and reads them
 * (`runtime/orphan-check.ts`).
 */
import { StreamsError } from '../errors.ts'
import { changelogTopicName, inFlightStoreName } from '../graph/internal-topics.ts'
import { ATTEMPT_ROW, decodeAttemptRow, PAYLOAD_ROW, parseRowKey, ROW_KEY_OVERHEAD } from './entry.ts'

/** Topics among `existing` that have the name of an in-flight changelog of this application and are not `owned`. */
export function orphanedInFlightTopics(applicationId: string, owned: ReadonlySet<string>, existing: Iterable<string>): string[] {
  const suffix = changelogTopicName('', inFlightStoreName('')).slice(1)
  const prefix = `${applicationId}-`
  return [...existing].filter((topic) => topic.startsWith(prefix) && topic.endsWith(suffix) && !owned.has(topic)).sort()
}

/** A row of an in-flight changelog, as its key tells. */
export interface RowName {
  readonly kind: number
  readonly operator: string
  readonly admission: number
}

/**
 * Undefined for what is no row of an operator of this application: the topic `a-b-x-in-flight-changelog` may be that of
 * operator `b-x` of application `a`, of operator `x` of application `a-b`, or hold something else altogether.
 */
export function rowOf(applicationId: string, topic: string, key: Uint8Array | null): RowName | undefined {
  if (key === null || key.length < ROW_KEY_OVERHEAD || key.length !== ROW_KEY_OVERHEAD + ((key[1]! << 8) | key[2]!)) {
    return undefined
  }
  const row = parseRowKey(key)
  return changelogTopicName(applicationId, inFlightStoreName(row.operator)) === topic ? row : undefined
}

interface Pending {
  readonly operator: string
  readonly offset: number
}

/** What is still pending in one partition of an in-flight changelog, given its records in order. Keeps no payloads. */
export class PendingRows {
  readonly #live = new Map<string, Pending>()
  readonly #attempts = new Map<string, number>()

  /** `offset`: of the record, so that `isPending` can tell it from older ones of its key. */
  apply(row: RowName, value: Uint8Array | null, offset = 0): void {
    const id = idOf(row)
    if (row.kind === PAYLOAD_ROW) {
      if (value === null) {
        this.#live.delete(id)
      } else {
        this.#live.set(id, { operator: row.operator, offset })
      }
    } else if (row.kind === ATTEMPT_ROW) {
      if (value === null) {
        this.#attempts.delete(id)
      } else {
        this.#attempts.set(id, decodeAttemptRow(value).attempts)
      }
    }
  }

  get size(): number {
    return this.#live.size
  }

  /** True when the record at `offset` is the payload of a pending entry. */
  isPending(row: RowName, offset: number): boolean {
    return row.kind === PAYLOAD_ROW && this.#live.get(idOf(row))?.offset === offset
  }

  /** Tries that have begun; undefined: the entry has no such row. */
  attempts(row: RowName): number | undefined {
    return this.#attempts.get(idOf(row))
  }

  /** Pending records by operator. */
  get counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { operator } of this.#live.values()) {
      counts.set(operator, (counts.get(operator) ?? 0) + 1)
    }
    return counts
  }
}

function idOf({ operator, admission }: RowName): string {
  return `${operator}\0${admission}`
}

export function orphanedEntries(where: string, counts: ReadonlyMap<string, number>): StreamsError {
  const what = [...counts].map(([operator, count]) => `${operator} (${count})`).join(', ')
  return new StreamsError(
    'ORPHANED_ENTRIES',
    `${where} has pending records of operators which its topology no longer has: ${what}. ` +
      "Bring the operators back until they are done, or set orphans: 'dead-letter'.",
  )
}
