/**
 * Reads changelogs for the tasks of one thread: read_committed, on a connection of its own, each up to a mark that was
 * taken before (rule A1). Restores get at most a third of the loop while tasks run (rule C10).
 */
import { StreamsError } from '../errors.ts'
import type { FetchedRecords, Fetcher, KafkaCluster, TopicPartition } from '../kafka/contract.ts'

export interface RestoreJob extends TopicPartition {
  readonly from: number
  /** Exclusive: the position at which the copy is complete. */
  readonly to: number
  /** Applies the records below `to`; chunks come one after the other. */
  apply(records: FetchedRecords): Promise<void>
  /** For a standby or a warm-up: waits while a task is restored, which somebody waits for. */
  readonly copy?: boolean
  /** `to` is never reached: records come as they are written, gathered for a moment. */
  readonly follow?: boolean
  /** Called when nothing has come for `STALL_MS`: somebody's open transaction may hold the end back. */
  onStall?(): void
  readonly signal: AbortSignal
}

interface RunningJob {
  readonly job: RestoreJob
  readonly queue: FetchedRecords[]
  readonly done: PromiseWithResolvers<void>
  epoch: number
  pumping: boolean
  /** The chunk that is being applied. */
  applying: Promise<void> | undefined
  paused: boolean
  stall: NodeJS.Timeout | undefined
}

/** Chunks of one changelog that may wait in memory. */
const MAX_QUEUED = 2

/** How long a dead producer's open transaction may hold a restore back before its producer is fenced (rule C3). */
export const STALL_MS = 200

/** Who follows a changelog applies what has gathered in this time at once: many small batches cost more than they bring. */
const FOLLOW_MS = 20

export class Restorer {
  /** While tasks have work: one chunk after the other, whoever it is for. */
  #turn: Promise<void> = Promise.resolve()
  readonly #fetcher: Fetcher
  readonly #jobs = new Map<string, RunningJob>()
  readonly #busy: () => boolean

  /** `busy`: true while tasks of the thread have work to do. */
  constructor(cluster: Pick<KafkaCluster, 'fetcher'>, busy: () => boolean) {
    this.#busy = busy
    this.#fetcher = cluster.fetcher({
      isolation: 'read_committed',
      maxWaitMs: 100,
      onRecords: (records) => this.#onRecords(records),
      onError: (partition, error) => this.#jobs.get(keyOf(partition))?.done.reject(error),
    })
  }

  /** Resolves when the fetch position, markers included, has reached `to`; rejects when aborted or unreadable. */
  async read(job: RestoreJob): Promise<void> {
    job.signal.throwIfAborted()
    if (job.from >= job.to) {
      return
    }
    const key = keyOf(job)
    if (this.#jobs.has(key)) {
      throw new StreamsError('CHANGELOG_MISMATCH', `${job.topic}-${job.partition} is being restored twice at once.`)
    }
    const running: RunningJob = { job, queue: [], done: Promise.withResolvers(), epoch: -1, pumping: false, applying: undefined, paused: false, stall: undefined }
    this.#jobs.set(key, running)
    const abort = () => running.done.reject(job.signal.reason)
    job.signal.addEventListener('abort', abort, { once: true })
    this.#watch(running)
    running.epoch = this.#fetcher.seek({ topic: job.topic, partition: job.partition }, job.from)
    try {
      await running.done.promise
    } finally {
      clearTimeout(running.stall)
      job.signal.removeEventListener('abort', abort)
      this.#jobs.delete(key)
      this.#fetcher.remove(job)
      // Whoever reads on, or closes the state, does so after it: written later it would take back what follows it.
      await running.applying?.catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    for (const { done } of this.#jobs.values()) {
      done.reject(new StreamsError('NOT_RUNNING', 'The thread is closing.'))
    }
    await this.#fetcher.close()
  }

  #watch(running: RunningJob): void {
    clearTimeout(running.stall)
    // It may have ended while records were being applied.
    if (running.job.onStall === undefined || this.#jobs.get(keyOf(running.job)) !== running) {
      return
    }
    running.stall = setTimeout(() => {
      running.job.onStall?.()
      this.#watch(running)
    }, STALL_MS)
  }

  #onRecords(records: FetchedRecords): void {
    const running = this.#jobs.get(keyOf(records))
    if (running === undefined) {
      return
    }
    running.queue.push(records)
    if (running.queue.length >= MAX_QUEUED && !running.paused) {
      running.paused = true
      this.#fetcher.pause(running.job)
    }
    if (!running.pumping) {
      running.pumping = true
      this.#pump(running).then(
        () => {
          running.pumping = false
        },
        (error) => running.done.reject(error),
      )
    }
  }

  async #pump(running: RunningJob): Promise<void> {
    const { job, queue } = running
    for (let records = queue.shift(); records !== undefined; records = queue.shift()) {
      while (job.copy === true && this.#taskWaits && !job.signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS))
      }
      if (job.signal.aborted) {
        return
      }
      await this.#inTurn(() => this.#apply(running, records))
      this.#watch(running)
      if (records.nextOffset >= job.to) {
        running.done.resolve()
        return
      }
      if (running.paused && queue.length < MAX_QUEUED) {
        running.paused = false
        this.#fetcher.resume(job)
      }
      await new Promise<void>((resolve) => (job.follow === true ? setTimeout(resolve, FOLLOW_MS) : setImmediate(resolve)))
    }
  }

  /** Nothing once the read has ended: it may have waited for its turn since. */
  async #apply(running: RunningJob, records: FetchedRecords): Promise<void> {
    if (this.#jobs.get(keyOf(running.job)) === running) {
      running.applying = running.job.apply(records)
      await running.applying
    }
  }

  get #taskWaits(): boolean {
    for (const { job } of this.#jobs.values()) {
      if (job.copy !== true) {
        return true
      }
    }
    return false
  }

  /**
   * While tasks have work all jobs together get a third of the time at most: one applies, then all wait for twice as long
   * as that took. Otherwise they go on side by side.
   */
  #inTurn(apply: () => Promise<void>): Promise<void> {
    if (!this.#busy()) {
      return apply()
    }
    let spentMs = 0
    const applied = this.#turn.then(async () => {
      const started = performance.now()
      await apply()
      spentMs = performance.now() - started
    })
    this.#turn = applied.then(
      () => new Promise((resolve) => setTimeout(resolve, Math.ceil(spentMs * 2))),
      () => undefined,
    )
    return applied
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
