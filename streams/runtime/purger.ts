/**
 * Deletes what nobody will read again: records of repartition topics once they are committed, and those of an in-flight
 * changelog whenever its table is empty, or a restore would read all that was ever pending since the last compaction
 * (rule C9). A failure only leaves them for the next time.
 */
import type { AdminClient, TopicPartition } from '../kafka/contract.ts'
import type { TaskCommit } from './contract.ts'
import type { TaskEntry } from './task-entry.ts'

/** Kafka Streams' `repartition.purge.interval.ms`. */
const INTERVAL_MS = 30_000

interface Purge extends TopicPartition {
  /** Records before it are deleted. */
  readonly offset: number
  readonly entry: TaskEntry
}

export class Purger {
  readonly #admin: Pick<AdminClient, 'deleteRecords'>
  readonly #warn: (message: string) => void
  readonly #now: () => number
  readonly #repartition = new Map<string, Purge>()
  readonly #inFlight = new Map<string, Purge>()
  /** Up to where in-flight changelogs were deleted: a table that stays empty asks no broker. */
  readonly #deleted = new Map<string, number>()
  #lastAt: number

  constructor(admin: Pick<AdminClient, 'deleteRecords'>, warn: (message: string) => void, now: () => number = () => performance.now()) {
    this.#admin = admin
    this.#warn = warn
    this.#now = now
    this.#lastAt = now()
  }

  /** A generation of the task has been committed and applied. */
  committed(entry: TaskEntry, { offsets, emptyInFlight }: Pick<TaskCommit, 'offsets' | 'emptyInFlight'>): void {
    for (const { topic, partition, offset } of offsets) {
      if (entry.inputs.some((input) => input.repartition && input.topic === topic)) {
        this.#repartition.set(`${topic}-${partition}`, { topic, partition, offset, entry })
      }
    }
    for (const topic of emptyInFlight) {
      const key = `${topic}-${entry.partition}`
      // Rows of the generation that is open now come behind it.
      const offset = entry.state!.position(key)?.offset ?? 0
      if (offset > (this.#deleted.get(key) ?? 0)) {
        this.#inFlight.set(key, { topic, partition: entry.partition, offset, entry })
      }
    }
    if (this.#repartition.size + this.#inFlight.size > 0 && this.#now() - this.#lastAt >= INTERVAL_MS) {
      this.#lastAt = this.#now()
      this.#purge(this.#repartition, 'Committed records of repartition topics')
      for (const [key, { offset }] of this.#inFlight) {
        this.#deleted.set(key, offset)
      }
      this.#purge(this.#inFlight, 'Records of in-flight changelogs without pending entries')
    }
  }

  /** In calls of their own: a topic that refuses keeps nobody else's records. */
  #purge(pending: Map<string, Purge>, what: string): void {
    // Whoever has a task now may be reading its changelog from the start that would vanish.
    const due = [...pending.values()].filter(({ entry }) => entry.status === 'running').map(({ topic, partition, offset }) => ({ topic, partition, offset }))
    pending.clear()
    if (due.length > 0) {
      this.#admin.deleteRecords(due).catch((error: Error) => this.#warn(`${what} could not be deleted: ${error.message}`))
    }
  }
}
