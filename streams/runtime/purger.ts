import type { AdminClient, OffsetToCommit } from '../kafka/contract.ts'
import type { TaskEntry } from './task-entry.ts'

/** Kafka Streams' `repartition.purge.interval.ms`. */
const INTERVAL_MS = 30_000

/** Deletes records of repartition topics once they are committed; a failure only leaves them for the next time. */
export class Purger {
  readonly #admin: Pick<AdminClient, 'deleteRecords'>
  readonly #warn: (message: string) => void
  readonly #pending = new Map<string, OffsetToCommit>()
  #lastAt = performance.now()

  constructor(admin: Pick<AdminClient, 'deleteRecords'>, warn: (message: string) => void) {
    this.#admin = admin
    this.#warn = warn
  }

  committed(entry: TaskEntry, offsets: readonly OffsetToCommit[]): void {
    for (const offset of offsets) {
      if (entry.inputs.some((input) => input.repartition && input.topic === offset.topic)) {
        this.#pending.set(`${offset.topic}-${offset.partition}`, offset)
      }
    }
    if (this.#pending.size > 0 && performance.now() - this.#lastAt >= INTERVAL_MS) {
      this.#lastAt = performance.now()
      const due = [...this.#pending.values()].map(({ topic, partition, offset }) => ({ topic, partition, offset }))
      this.#pending.clear()
      this.#admin.deleteRecords(due).catch((error: Error) => this.#warn(`Committed records of repartition topics could not be deleted: ${error.message}`))
    }
  }
}
