/** What a stream thread is made of once it has started, and how the parts know each other. */
import type { Fetcher, GroupIdentity } from '../kafka/contract.ts'
import { Membership } from '../membership/membership.ts'
import type { LatencyHistogram } from '../metrics/latency-histogram.ts'
import type { PeerProcess, Subscription, TaskVersion } from '../membership/types.ts'
import type { OutputCollector } from './collector.ts'
import { CommitCycle } from './commit-cycle.ts'
import { OffsetReader } from './committed-offsets.ts'
import type { GlobalTables } from './global-tables.ts'
import type { InputTopics } from './input-topics.ts'
import { OrphanCheck } from './orphan-check.ts'
import type { ProducerIncarnation } from './producer-incarnation.ts'
import type { Progress } from './progress.ts'
import { Purger } from './purger.ts'
import { RecordLoop } from './record-loop.ts'
import type { RestoreEvent } from './restore-progress.ts'
import { Restorer } from './restorer.ts'
import { whyRebuild, whyUnfit } from './snapshot-fitness.ts'
import type { StateMemory } from './state-memory.ts'
import { StateSnapshots } from './state-snapshots.ts'
import { storeSpecs } from './stores.ts'
import type { StreamThreadOptions } from './stream-thread-options.ts'
import type { Suspects } from './suspects.ts'
import { createTask } from './task.ts'
import type { WantedCopies } from './task-manager.ts'
import { TaskManager } from './task-manager.ts'
import type { TaskEntry } from './task-entry.ts'
import { engineOf, TaskStates } from './task-states.ts'
import type { TaskMeasurements } from './task-metrics.ts'
import type { ThreadCounters } from './thread-counters.ts'
import type { TopicCatalog } from './topic-catalog.ts'

export interface ThreadParts {
  readonly fetcher: Fetcher
  readonly restorer: Restorer
  readonly orphans: OrphanCheck
  readonly snapshots: StateSnapshots<TaskEntry>
  readonly tasks: TaskManager
  readonly membership: Membership
  readonly loop: RecordLoop
  readonly commits: CommitCycle
}

export interface PartsOptions extends Pick<StreamThreadOptions, 'topology' | 'config' | 'cluster' | 'processId' | 'thread' | 'folder' | 'failpoint' | 'tracing'> {
  readonly progress?: Progress | undefined
  readonly inputs: InputTopics
  readonly topics: TopicCatalog
  readonly collector: OutputCollector
  readonly producer: ProducerIncarnation
  readonly globals: GlobalTables
  readonly memory: StateMemory
  readonly counters: ThreadCounters
  readonly commitLatency: LatencyHistogram
  readonly suspects: Suspects
  /** What this member tells the group, beside what it owns. */
  describe(tasks: TaskManager): Omit<Subscription, 'owned' | 'released'>
  /** What a task that goes has done here. */
  onLeft(measured: TaskMeasurements): void
  /** Tasks have come, gone or begun to run. */
  onTasks(): void
  /** A generation is committed, and in the databases. */
  onCommitted(): void
  /** The membership is in another state. */
  onMembership(): void
  onAssigned(added: readonly TaskVersion[], revoked: readonly TaskVersion[]): void
  onCopies(copies: WantedCopies): void
  /** A copy has come nearer to its changelogs. */
  onCopy(): void
  onWatch?(processes: readonly PeerProcess[]): void
  onRestore?(event: RestoreEvent): void
  /** Another instance has stopped the application everywhere. */
  onStop?(code: string): void
  onLost(code: number | undefined): void
  onFailed(error: Error): void
  onWarning(message: string): void
}

export function assembleParts(options: PartsOptions): ThreadParts {
  const { config, cluster, failpoint, progress, inputs, collector, producer, topics, counters, onTasks, onFailed, onWarning } = options
  const group = cluster.group()
  const fetcher = cluster.fetcher({
    isolation: config.processingGuarantee === 'exactly_once_v2' ? 'read_committed' : 'read_uncommitted',
    onRecords: (records) => loop.deliver(records),
    onError: ({ topic, partition }, error) => {
      if (tasks.taskOf(topic, partition) !== undefined) {
        onFailed(error)
      }
    },
  })
  const restorer = new Restorer(cluster, () => loop.busy)
  // Between memberships a call carries the last one's.
  let fence = 0
  const offsets = new OffsetReader({
    cluster,
    group: cluster.group(),
    groupId: config.applicationId,
    isOurs: (transactionalId) => transactionalId === producer.transactionalId,
    onFence: () => {
      counters.committersFenced++
    },
  })
  const fitness = { cluster, topics, offsets, now: Date.now, acceptableLag: config.acceptableRecoveryLag }
  const snapshots = new StateSnapshots<TaskEntry>({
    applicationId: config.applicationId,
    config: config.snapshots,
    folder: options.folder,
    failpoint,
    sourceOf: ({ subtopology }) => ({ engine: engineOf(subtopology, config), stores: storeSpecs(subtopology) }),
    judge: (entry, positions) => whyUnfit(entry, positions, fitness),
    unfit: (entry, positions) => whyRebuild(entry, positions, fitness),
    onWarning,
  })
  const tasks = makeTasks(options, { fetcher, restorer, offsets, snapshots }, {
    fence: () => (fence = membership.identity?.generationId ?? fence),
    onWake: () => {
      onTasks()
      loop.wake()
    },
  })
  const membership = new Membership({
    group,
    groupId: config.applicationId,
    sessionTimeoutMs: config.sessionTimeoutMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    topics: () => inputs.now.subscribed,
    copies: { standbys: config.standbyReplicas, acceptableLag: config.acceptableRecoveryLag, maxWarmups: config.maxWarmupReplicas, rackTags: config.rackAwareAssignmentTags },
    subscription: () => options.describe(tasks),
    sizeOf: (version) => {
      const entry = tasks.entry(version)
      // One that is still restoring may go on restoring elsewhere.
      return entry?.status === 'running' ? entry.changelogSize : undefined
    },
    onMemberId: (memberId) => producer.setMemberId(memberId),
    onAssigned: (added, revoked) => options.onAssigned(added, revoked),
    onAssignedGroup: (_members, _waiting, descriptions) => {
      if (descriptions !== undefined && membership.identity !== undefined) {
        orphans.assigned(membership.identity, descriptions)
      }
    },
    onCopies: (standbys, warmups) => options.onCopies({ standbys, warmups }),
    onWatch: (processes) => options.onWatch?.(processes),
    onLost: (code) => options.onLost(code),
    onStop: (code) => options.onStop?.(code),
    onFailed,
    onState: () => options.onMembership(),
    onWarning,
  })
  const orphans = makeOrphanCheck(options, restorer, () => membership.identity)
  const commits = new CommitCycle({
    cluster,
    tasks,
    collector,
    producer,
    membership,
    group,
    topics,
    purger: new Purger(cluster.admin(), onWarning),
    config,
    counters,
    commitLatency: options.commitLatency,
    failpoint,
    full: () => loop.full,
    wake: () => loop.wake(),
    wakeAt: (at) => loop.wakeAt(at),
    onTasks,
    onCommitted: () => {
      options.onCommitted()
      snapshots.committed(tasks.all)
    },
    onWarning,
    onFailed,
  })
  const loop = new RecordLoop({
    tasks,
    fetcher,
    collector,
    uncommittedMaxBytes: config.uncommittedMaxBytes,
    counters,
    progress,
    commitIfDue: () => commits.ifDue(),
    onFailed,
  })
  return { fetcher, restorer, orphans, snapshots, tasks, membership, loop, commits }
}

function makeOrphanCheck(options: PartsOptions, restorer: Restorer, identity: () => GroupIdentity | undefined): OrphanCheck {
  const { cluster, topics, config, folder, processId, thread, onWarning, onFailed, onTasks } = options
  return new OrphanCheck({ cluster, topics, config, restorer, folder, processId, thread, identity, onWarning, onFailed, onDone: onTasks })
}

interface TaskParts {
  readonly fetcher: Fetcher
  readonly restorer: Restorer
  readonly offsets: OffsetReader
  readonly snapshots: StateSnapshots<TaskEntry>
}

function makeTasks(options: PartsOptions, { fetcher, restorer, offsets, snapshots }: TaskParts, { fence, onWake }: { fence: () => number; onWake: () => void }): TaskManager {
  const { config, cluster, folder, topics, collector, producer, globals, inputs, counters, suspects, progress, onFailed, onWarning } = options
  const states = new TaskStates({ config, folder, memory: options.memory, snapshots })
  return new TaskManager({
    topology: () => inputs.now.topology,
    config,
    collector,
    globalStores: globals.stores,
    createTask,
    activation: {
      cluster,
      topics,
      offsets,
      restorer,
      errors: config.errors,
      now: Date.now,
      onRestore: (event) => options.onRestore?.(event),
      onRestored: (entry, records) => {
        counters[entry.status === 'standby' ? 'recordsFed' : 'recordsRestored'] += records
      },
    },
    open: (entry, counts) => states.open(entry, counts),
    partitionsOf: (topic) => inputs.now.partitions.get(topic) ?? 0,
    cameLater: (topic, partition) => inputs.cameLater(topic, partition),
    committer: () => (config.processingGuarantee === 'exactly_once_v2' ? producer.transactionalId : undefined),
    fence,
    fetcher,
    progress,
    suspects,
    onWake,
    counters,
    tracing: options.tracing,
    onLeft: (measured) => options.onLeft(measured),
    onFailed,
    onCopy: () => options.onCopy(),
    onWarning,
  })
}
