/**
 * The commits of a stream thread, one after the other, beside processing (engine.md §3): close a generation, commit it,
 * apply it, or throw it and the open one away. While generation n is under way, records of n + 1 go into memory; not one
 * byte of n + 1 leaves before n is decided and applied.
 */
import { StreamsError } from '../errors.ts'
import type { GroupClient, KafkaCluster, ProduceAck } from '../kafka/contract.ts'
import type { LatencyHistogram } from '../metrics/latency-histogram.ts'
import { changelogPositions, requireSameChangelogs } from './changelog-positions.ts'
import type { ClosedOutputs, OutputCollector } from './collector.ts'
import type { CommitMembership, CommitOutcome } from './commit.ts'
import { CommitPipeline } from './commit.ts'
import { CommitPace } from './commit-pace.ts'
import type { RuntimeConfig } from './config.ts'
import type { TaskCommit } from './contract.ts'
import type { HitFailpoint } from './failpoints.ts'
import type { ProducerIncarnation } from './producer-incarnation.ts'
import type { Purger } from './purger.ts'
import type { TaskEntry } from './task-entry.ts'
import type { TaskManager } from './task-manager.ts'
import type { ThreadCounters } from './thread-counters.ts'
import type { TopicCatalog } from './topic-catalog.ts'

export interface CommitCycleOptions {
  readonly cluster: Pick<KafkaCluster, 'metadata'>
  readonly tasks: TaskManager
  readonly collector: OutputCollector
  readonly producer: ProducerIncarnation
  readonly membership: CommitMembership
  readonly group: GroupClient
  readonly topics: TopicCatalog
  readonly purger: Purger
  readonly config: RuntimeConfig
  readonly counters: ThreadCounters
  readonly commitLatency: LatencyHistogram
  readonly failpoint: HitFailpoint
  /** The open generation takes no more. */
  full(): boolean
  wake(): void
  wakeAt(at: number): void
  /** Tasks were dropped, or are active again. */
  onTasks(): void
  /** A generation is committed, and in the databases. */
  onCommitted(): void
  onWarning(message: string): void
  onFailed(error: Error): void
}

export class CommitCycle {
  readonly #options: CommitCycleOptions
  readonly #pace: CommitPace
  readonly #giveUp = new AbortController()
  #pipeline: CommitPipeline
  /** The commit under way, recovery included; never rejects. */
  #underWay: Promise<void> | undefined
  #stopped = false

  constructor(options: CommitCycleOptions) {
    this.#options = options
    this.#pace = new CommitPace(options.config.commitIntervalMs)
    this.#pipeline = this.#newPipeline()
  }

  #newPipeline(): CommitPipeline {
    const { cluster, tasks, producer, group, membership, config, failpoint } = this.#options
    const acknowledged = (acks: readonly ProduceAck[]) => requireSameChangelogs(tasks.all, acks, cluster)
    return new CommitPipeline({ producer: producer.producer, group, membership, guarantee: config.processingGuarantee, failpoint, acknowledged })
  }

  /** Resolves when no commit is under way. */
  async idle(): Promise<void> {
    await this.#underWay
  }

  /** No commit begins after this. */
  stop(): void {
    this.#stopped = true
  }

  /** Stops asking for an undecided end. */
  giveUp(reason: Error): void {
    this.#giveUp.abort(reason)
  }

  /** Begins a commit when there is something to commit and the pace allows it. */
  ifDue(): void {
    const { tasks, full, wakeAt } = this.#options
    if (this.#underWay !== undefined || this.#stopped) {
      return
    }
    const entries = [...tasks.all].filter((entry) => entry.commitNeeded)
    if (entries.length === 0) {
      return
    }
    const urgent = full() || entries.some((entry) => entry.task!.commitRequested)
    const now = performance.now()
    const wait = urgent ? 0 : this.#pace.waitMs(now)
    if (wait > 0) {
      wakeAt(now + wait)
    } else {
      this.#begin(entries)
    }
  }

  /**
   * Commits until nothing of a suspended task is left; resolves also when a commit was dropped. What the others go on
   * doing meanwhile is not waited for: under load there is always more of it.
   */
  async flush(): Promise<void> {
    for (;;) {
      await this.#underWay
      const entries = [...this.#options.tasks.all].filter((entry) => entry.commitNeeded && entry.task!.commitNeeded)
      if (!entries.some(({ status }) => status === 'suspended') || this.#stopped || this.#options.membership.identity === undefined) {
        return
      }
      this.#begin(entries)
    }
  }

  /** Step 1: one turn, no await. All tasks close the same generation, and the collector with them. */
  #begin(entries: readonly TaskEntry[]): void {
    const { collector, failpoint, wake, onFailed } = this.#options
    const started = performance.now()
    const commits = entries.map((entry) => ({ entry, commit: entry.task!.closeGeneration() }))
    const outputs = collector.close()
    failpoint('generation.closed')
    const underWay = this.#run(commits, outputs, started)
      .catch((error: Error) => {
        // A turn may come before: what is frozen and could not be applied leaves no room for another generation.
        this.stop()
        // Out of this promise: whoever handles the failure waits for it.
        setImmediate(() => onFailed(error))
      })
      .finally(() => {
        this.#underWay = undefined
        wake()
      })
    this.#underWay = underWay
  }

  async #run(commits: readonly { entry: TaskEntry; commit: TaskCommit }[], outputs: ClosedOutputs, started: number): Promise<void> {
    const { failpoint, counters, commitLatency } = this.#options
    const offsets = commits.flatMap(({ commit }) => commit.offsets)
    const outcome = await this.#pipeline.run(outputs, offsets, this.#giveUp.signal)
    const touched = outputs.writers().length + offsets.length
    outputs.recycle()
    if (outcome.kind === 'dropped') {
      counters.commitsDropped++
      await this.#recover(outcome)
      return
    }
    failpoint('applied.before')
    const applying = performance.now()
    await Promise.all(commits.map(({ entry, commit }) => this.#apply(entry, commit, outcome)))
    failpoint('applied.after')
    this.#options.onCommitted()
    const ended = performance.now()
    this.#pace.ended(started, ended, touched)
    counters.commits++
    counters.commitMs += ended - started
    commitLatency.record(ended - started)
    counters.produceMs += outcome.phases.produceMs
    counters.offsetsMs += outcome.phases.offsetsMs
    counters.endMs += outcome.phases.endMs
    counters.applyMs += ended - applying
  }

  /** Step 5. A failure leaves the state behind the topics, never ahead of them (rule C11), and fails the thread. */
  async #apply(entry: TaskEntry, commit: TaskCommit, { acks }: Extract<CommitOutcome, { kind: 'committed' }>): Promise<void> {
    await entry.state!.applyFrozen(changelogPositions(entry, commit, acks, Date.now()))
    entry.task!.generationCommitted()
    entry.unannounced = false
    for (const { topic, partition, offset } of commit.offsets) {
      entry.committed.set(`${topic}-${partition}`, offset)
    }
    this.#options.purger.committed(entry, commit)
  }

  /**
   * Rules B6 and C4: the closed generation did not commit, or nobody knows. It and the open one are thrown away with
   * everything in memory; the tasks start over from what the broker says.
   */
  async #recover(outcome: Extract<CommitOutcome, { kind: 'dropped' }>): Promise<void> {
    const { tasks, collector, producer, topics, counters, onTasks, onWarning } = this.#options
    onWarning(`A generation was dropped: ${outcome.error.message}`)
    if (!isRecoverable(outcome.error)) {
      throw outcome.error
    }
    const dropped = tasks.drop()
    collector.drop()
    onTasks()
    if (this.#stopped) {
      return
    }
    if (!outcome.producerUsable) {
      counters.producersReplaced++
      await producer.renew()
      this.#pipeline = this.#newPipeline()
    }
    if (outcome.error instanceof StreamsError && outcome.error.code === 'RECORD_TOO_LARGE') {
      // The limit was changed under us: with the new one the policy strikes the record that is too large (rule C5).
      await topics.refresh()
      collector.forgetLimits()
    }
    if (!outcome.membershipLost) {
      for (const entry of dropped) {
        tasks.activate(entry)
      }
    }
  }
}

/** Errors after which the tasks start over. Others (rights, a wrong protocol, a missing topic) would only come again. */
function isRecoverable(error: Error): boolean {
  if (!(error instanceof StreamsError)) {
    return false
  }
  switch (error.code) {
    case 'PRODUCER_FENCED':
    case 'TRANSACTION_ABORTED':
    case 'MEMBERSHIP_LOST':
    case 'RECORD_TOO_LARGE':
    case 'CONNECTION_FAILED':
    case 'TIMEOUT':
      return true
    case 'PROTOCOL_ERROR':
      return 'retriable' in error && error.retriable === true
    default:
      return false
  }
}
