/** The tasks of one thread, and its copies of others: opened, fed, activated, taken away, dropped and closed; each through `TaskEntry`'s states. */
import { setTimeout as delay } from 'node:timers/promises'
import type { TaskState } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import { brokerCodeOf, isRetriable } from '../kafka/kafka-error.ts'
import type { Topology } from '../graph/topology.ts'
import type { Fetcher, TopicPartition } from '../kafka/contract.ts'
import { BrokerCode } from '../membership/broker-code.ts'
import type { TaskVersion } from '../membership/types.ts'
import { taskVersionKey } from '../membership/types.ts'
import type { ActivationOptions } from './activation.ts'
import { restoreTask } from './activation.ts'
import type { RuntimeConfig } from './config.ts'
import type { RecordCollector, StreamTask, TaskOptions } from './contract.ts'
import type { ReadOnlyKeyValueStore } from '../processor.ts'
import type { Progress } from './progress.ts'
import { feedStandby } from './standby.ts'
import type { Suspects } from './suspects.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import type { TaskInput } from './task-entry.ts'
import { inputsOf, TaskEntry } from './task-entry.ts'
import type { TaskMeasurements } from './task-metrics.ts'
import type { ThreadCounters } from './thread-counters.ts'

export interface TaskManagerOptions {
  /** As its topics are now. */
  readonly topology: () => Topology
  readonly config: RuntimeConfig
  readonly collector: RecordCollector
  readonly globalStores: ReadonlyMap<string, ReadOnlyKeyValueStore<unknown, unknown>>
  readonly createTask: (options: TaskOptions) => StreamTask
  readonly activation: ActivationOptions
  /** Opens a task's state; `counts` says of how many. */
  readonly open: (entry: TaskEntry, counts: { readonly opening: number; readonly open: number }) => Promise<TaskState>
  readonly partitionsOf: (topic: string) => number
  /** The partition was not there when the thread began. */
  readonly cameLater: (topic: string, partition: number) => boolean
  readonly committer: () => string | undefined
  readonly fence: () => number
  readonly fetcher: Fetcher
  readonly progress?: Progress | undefined
  readonly suspects: Suspects
  readonly tracing: OpenTelemetry | undefined
  readonly counters: Pick<ThreadCounters, 'tasksCreated' | 'tasksClosed'>
  /** What a task that goes has done here. */
  onLeft(measured: TaskMeasurements): void
  /** A task has become active, or wants to be looked at. */
  onWake(): void
  onFailed(error: Error, entry: TaskEntry): void
  /** A copy has come nearer to its changelogs. */
  onCopy(entry: TaskEntry): void
  onWarning(message: string): void
}

/** What a thread is to feed beside its tasks. */
export interface WantedCopies {
  readonly standbys: readonly TaskVersion[]
  readonly warmups: readonly TaskVersion[]
}

/** Another thread of this process, evicted without knowing it yet, may still have a database open; prevents that this one fails for it. */
const OPEN_TRIES = 50
const OPEN_RETRY_MS = 200
/** Pause before a task that brokers did not answer for begins again; prevents a busy loop. */
const BEGIN_AGAIN_MS = 500

export class TaskManager {
  readonly #options: TaskManagerOptions
  readonly #entries = new Map<string, TaskEntry>()
  /** By `<topic>-<partition>` of their inputs; running ones only. */
  readonly #byInput = new Map<string, TaskEntry>()

  constructor(options: TaskManagerOptions) {
    this.#options = options
  }

  get all(): IterableIterator<TaskEntry> {
    return this.#entries.values()
  }

  get running(): TaskEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.status === 'running')
  }

  /** True when all of these are running here. */
  runs(versions: readonly TaskVersion[]): boolean {
    return versions.every((version) => this.#entries.get(taskVersionKey(version))?.status === 'running')
  }

  /** Copies this thread feeds. */
  get copies(): TaskEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.status === 'standby')
  }

  entry(version: TaskVersion): TaskEntry | undefined {
    return this.#entries.get(taskVersionKey(version))
  }

  taskOf(topic: string, partition: number): TaskEntry | undefined {
    return this.#byInput.get(`${topic}-${partition}`)
  }

  /** Tasks and copies whose inputs are not those they would have now: a partition has come. */
  get outdated(): TaskEntry[] {
    const names = (inputs: readonly TaskInput[]) => inputs.map(({ topic }) => topic).join()
    const { subtopologies } = this.#options.topology()
    return [...this.#entries.values()].filter(({ version, subtopology, partition, inputs }) => {
      const now = subtopologies.find(({ name, fingerprint }) => name === version.subtopology && fingerprint === version.fingerprint) ?? subtopology
      return names(inputsOf(now, partition, this.#options)) !== names(inputs)
    })
  }

  /** Begins to activate tasks this thread was given. Failures go to `onFailed`. */
  add(versions: readonly TaskVersion[]): void {
    for (const version of versions) {
      const known = this.entry(version)
      if (known === undefined) {
        this.activate(this.#make(version))
      } else if (known.status === 'standby') {
        // Promoted: the feeding ends, the database stays open, the rest is read.
        this.#halt(known)
        this.activate(known)
      }
    }
  }

  #make(version: TaskVersion): TaskEntry {
    const subtopology = this.#options.topology().subtopologies.find((s) => s.name === version.subtopology && s.fingerprint === version.fingerprint)
    if (subtopology === undefined) {
      throw new StreamsError('TOPOLOGY_INVALID', `The group assigned ${version.subtopology}_${version.partition} in a version this instance does not have.`)
    }
    const { config, partitionsOf, cameLater } = this.#options
    const entry = new TaskEntry(config.applicationId, version, subtopology, { partitionsOf, cameLater })
    this.#entries.set(taskVersionKey(version), entry)
    return entry
  }

  /** Feeds these copies and no others. Those that became tasks are none any more. */
  async feed({ standbys, warmups }: WantedCopies): Promise<void> {
    const wanted = new Map([...standbys, ...warmups].map((version) => [taskVersionKey(version), version]))
    const warming = new Set(warmups.map(taskVersionKey))
    await this.close(this.copies.filter((entry) => !wanted.has(taskVersionKey(entry.version))))
    for (const [key, version] of wanted) {
      const known = this.entry(version)
      if (known === undefined) {
        const entry = this.#make(version)
        entry.warmup = warming.has(key)
        this.#feed(entry)
      } else {
        known.warmup = warming.has(key)
      }
    }
  }

  #feed(entry: TaskEntry): void {
    if (!entry.move('feed')) {
      return
    }
    const { activation, onCopy, onWarning } = this.#options
    const { signal } = entry.abort
    entry.reportedLag = Number.MAX_SAFE_INTEGER
    entry.tail = entry.tail
      .then(() => feedStandby(entry, { activation, open: (each) => this.#ready(each, signal), onProgress: onCopy, onWarning }, signal))
      // Only when it is to end.
      .catch(() => undefined)
  }

  /**
   * Gives up suspended tasks whose generations have ended: those wanted as copies go on as such, with their databases
   * open; the others are closed.
   */
  async release(entries: readonly TaskEntry[], { standbys, warmups }: WantedCopies): Promise<void> {
    const wanted = new Set([...standbys, ...warmups].map(taskVersionKey))
    await this.close(entries.filter((entry) => !wanted.has(taskVersionKey(entry.version))))
    const kept = entries.filter((each) => wanted.has(taskVersionKey(each.version)))
    await this.retire(kept)
    for (const entry of kept) {
      this.#feed(entry)
    }
  }

  /** Ends suspended tasks whose generations have ended, calls and processors; their databases stay open. */
  async retire(entries: Iterable<TaskEntry>): Promise<void> {
    await Promise.all(
      [...entries].map((entry) => {
        entry.tail = entry.tail.then(() => {
          if (entry.task !== undefined) {
            this.#left(entry.task)
            entry.task.drop()
            entry.task = undefined
          }
          entry.setInitialized(false)
          entry.unannounced = true
        })
        return entry.tail
      }),
    )
  }

  #left(task: StreamTask): void {
    this.#options.counters.tasksClosed++
    this.#options.onLeft(task.measure())
  }

  /** Restores and starts the task; again after a drop. */
  activate(entry: TaskEntry): void {
    if (!entry.move('restore') && entry.status !== 'restoring') {
      return
    }
    const { signal } = entry.abort
    entry.tail = entry.tail
      .then(() => this.#activate(entry, signal))
      .catch((error: Error) => (signal.aborted ? undefined : this.#notActivated(entry, error, signal)))
  }

  /**
   * What brokers do not answer for now holds up nobody but the task: it begins again, for `taskTimeoutMs` (KIP-572), as
   * does one whose changelog was deleted from while it was read. Anything else fails the thread.
   */
  async #notActivated(entry: TaskEntry, error: Error, signal: AbortSignal): Promise<void> {
    const { config, onFailed, onWarning } = this.#options
    const now = performance.now()
    const since = entry.failingSince ?? now
    if (!mayBeginYet(error)) {
      onFailed(error, entry)
    } else if (now - since >= config.taskTimeoutMs) {
      onFailed(new StreamsError('TIMEOUT', `Task ${entry.id} could not begin for ${Math.round(now - since)} ms (taskTimeoutMs): ${error.message}`, { cause: error }), entry)
    } else {
      if (entry.failingSince === undefined) {
        entry.failingSince = now
        onWarning(`Task ${entry.id} cannot begin yet and is tried again for ${config.taskTimeoutMs} ms (taskTimeoutMs): ${error.message}`)
      }
      await delay(BEGIN_AGAIN_MS, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) {
        this.activate(entry)
      }
    }
  }

  async #activate(entry: TaskEntry, signal: AbortSignal): Promise<void> {
    const { activation, fetcher } = this.#options
    signal.throwIfAborted()
    await this.#ready(entry, signal)
    const committed = await restoreTask(entry, activation, signal)
    // It may have been taken away in the turn in which its restore ended.
    signal.throwIfAborted()
    entry.task ??= this.#create(entry, entry.state!)
    entry.task.initialize(committed)
    entry.setInitialized(true)
    entry.unannounced = true
    entry.failingSince = undefined
    entry.move('restored')
    entry.paused.clear()
    for (const { topic, partition, offset } of committed) {
      entry.committed.set(`${topic}-${partition}`, offset)
      this.#byInput.set(`${topic}-${partition}`, entry)
      fetcher.seek({ topic, partition }, offset)
    }
    this.#options.onWake()
    // Beside processing: only who reads what this task's last owner wrote waits for it.
    activation.offsets.fenceIfStuck(committed, this.#repartitions(entry), signal).catch(() => undefined)
  }

  /** Every partition of the repartition topics a task writes to. */
  #repartitions({ subtopology }: TaskEntry): TopicPartition[] {
    const { topology, partitionsOf } = this.#options
    const internal = new Set(topology().subtopologies.flatMap((each) => each.sources.filter((source) => source.repartition).flatMap((source) => source.topics)))
    const written = subtopology.sinks.flatMap(({ topic }) => (typeof topic === 'string' && internal.has(topic) ? [topic] : []))
    return written.flatMap((topic) => Array.from({ length: partitionsOf(topic) }, (_, partition) => ({ topic, partition })))
  }

  /** Its state is open, and fit to go on from where it stands. */
  async #ready(entry: TaskEntry, signal: AbortSignal): Promise<void> {
    if (entry.rebuilding.size > 0) {
      const { state } = entry
      entry.state = undefined
      entry.rebuilding.clear()
      await state?.close()
    }
    for (let tries = 1; entry.state === undefined; tries++) {
      try {
        entry.state = await this.#options.open(entry, this.#counts)
      } catch (error) {
        if (tries >= OPEN_TRIES || (error as { code?: unknown }).code !== 'STATE_OPEN_FAILED') {
          throw error
        }
        await delay(OPEN_RETRY_MS, undefined, { signal })
      }
    }
  }

  get #counts(): { readonly opening: number; readonly open: number } {
    const open = [...this.#entries.values()].filter(({ state }) => state !== undefined).length
    return { opening: this.#entries.size - open, open }
  }

  #create(entry: TaskEntry, state: TaskState): StreamTask {
    const { config, collector, globalStores, committer, fence, createTask, progress, suspects, tracing } = this.#options
    const task = createTask({
      applicationId: config.applicationId,
      subtopology: entry.subtopology,
      partition: entry.partition,
      inputs: entry.inputs.map(({ topic, partition }) => ({ topic, partition })),
      state,
      collector,
      clock: { now: Date.now },
      globalStores,
      committer,
      fence,
      ...(progress === undefined ? {} : { progress }),
      suspects,
      tracing,
      config: {
        errors: config.errors,
        ...(config.deadLetterTopic === undefined ? {} : { deadLetterTopic: config.deadLetterTopic }),
        ...(config.bufferedRecordsPerPartition === undefined ? {} : { bufferedRecordsPerPartition: config.bufferedRecordsPerPartition }),
        ...(config.maxTaskIdleMs === undefined ? {} : { maxTaskIdleMs: config.maxTaskIdleMs }),
        ...(config.sourceIdleTimeoutMs === undefined ? {} : { sourceIdleTimeoutMs: config.sourceIdleTimeoutMs }),
        processingGuarantee: config.processingGuarantee,
        orphans: config.orphans,
        parkedMaxRecords: config.parkedMaxRecords,
        parkedMaxBytes: config.parkedMaxBytes,
      },
    })
    task.onWake = () => this.#options.onWake()
    this.#options.counters.tasksCreated++
    return task
  }

  /** Stops processing these tasks; their records may still be in open generations. */
  suspend(versions: readonly TaskVersion[]): TaskEntry[] {
    const entries = versions.map((version) => this.#entries.get(taskVersionKey(version))).filter((entry) => entry !== undefined)
    for (const entry of entries) {
      this.#halt(entry)
      entry.move('suspend')
    }
    return entries
  }

  /** No more fetches, no activation. */
  #halt(entry: TaskEntry): void {
    entry.abort.abort(new StreamsError('NOT_RUNNING', `Task ${entry.id} is taken away.`))
    entry.abort = new AbortController()
    for (const { topic, partition } of entry.inputs) {
      this.#options.fetcher.remove({ topic, partition })
      if (this.#byInput.get(`${topic}-${partition}`) === entry) {
        this.#byInput.delete(`${topic}-${partition}`)
      }
    }
    entry.paused.clear()
  }

  /**
   * Rule B6: every running or suspended task throws away what it has in memory. One transaction, one fate. Running ones
   * are to be activated again by the caller; those still restoring have nothing to lose and go on.
   */
  drop(): TaskEntry[] {
    const dropped: TaskEntry[] = []
    for (const entry of this.#entries.values()) {
      if (entry.status === 'running') {
        this.#halt(entry)
        entry.task!.drop()
        entry.setInitialized(false)
        entry.move('drop')
        dropped.push(entry)
      } else if (entry.status === 'suspended' && entry.task !== undefined) {
        entry.task.drop()
        entry.setInitialized(false)
      }
    }
    return dropped
  }

  /** Closes tasks: their databases are free afterwards. */
  async close(entries: Iterable<TaskEntry>): Promise<void> {
    await Promise.all(
      [...entries].map(async (entry) => {
        this.#halt(entry)
        entry.move('close')
        entry.tail = entry.tail.then(async () => {
          if (entry.task !== undefined) {
            this.#left(entry.task)
            await entry.task.close()
          } else {
            await entry.state?.close()
          }
        })
        try {
          await entry.tail
        } finally {
          this.#entries.delete(taskVersionKey(entry.version))
        }
      }),
    )
  }
}

/** Brokers may answer yet; or retention has overtaken who reads a changelog, and what is left of it is judged anew (rule A3). */
function mayBeginYet(error: Error): boolean {
  return isRetriable(error) || brokerCodeOf(error) === BrokerCode.OFFSET_OUT_OF_RANGE || (error instanceof StreamsError && error.code === 'TIMEOUT')
}
