/** A task as its thread sees it: what it is, where it stands, what rebuilds it. */
import type { ChangelogFormat, TaskState } from 'millrace-state-stores'
import type { OffsetReset } from '../graph/offset-reset.ts'
import type { SourceNode, StoreDefinition, Subtopology } from '../graph/topology.ts'
import type { TopicPartition } from '../kafka/contract.ts'
import type { TaskVersion } from '../membership/types.ts'
import type { StreamTask, TaskId } from './contract.ts'
import { changelogs } from './stores.ts'
import { changelogFormat } from './typed-stores.ts'

/**
 *   created → restoring → running → suspended → closed
 *      │          ↑_________│ drop (rule B6)│ feed
 *      └ feed → standby ←─────────────────┘       standby → restoring: promoted, its database stays open
 */
export type TaskStatus = 'created' | 'standby' | 'restoring' | 'running' | 'suspended' | 'closed'

export type TaskEvent = 'feed' | 'restore' | 'restored' | 'drop' | 'suspend' | 'close'

const TRANSITIONS: { readonly [S in TaskStatus]: { readonly [E in TaskEvent]?: TaskStatus } } = {
  created: { feed: 'standby', restore: 'restoring', suspend: 'suspended', close: 'closed' },
  standby: { restore: 'restoring', suspend: 'suspended', close: 'closed' },
  restoring: { restored: 'running', restore: 'restoring', drop: 'restoring', suspend: 'suspended', close: 'closed' },
  running: { drop: 'restoring', suspend: 'suspended', close: 'closed' },
  suspended: { feed: 'standby', close: 'closed', suspend: 'suspended', drop: 'suspended' },
  closed: { close: 'closed' },
}

/** The one transition function; undefined: the event comes too late, because the task is on its way out. */
export function taskTransition(status: TaskStatus, event: TaskEvent): TaskStatus | undefined {
  return TRANSITIONS[status][event]
}

/** What rebuilds one store. */
export interface StoreChangelog {
  readonly store: string
  readonly topic: string
  /** `<topic>-<partition>` */
  readonly key: string
  readonly format: ChangelogFormat
  /** A source topic read as a table: restored up to the committed offset, through the source's deserialization policy (rule D5). */
  readonly source: { readonly node: SourceNode; readonly definition: StoreDefinition } | undefined
}

/** An input partition. */
export interface TaskInput extends TopicPartition {
  /** Where it begins without a committed offset. */
  readonly reset: OffsetReset
  readonly repartition: boolean
}

export interface KnownPartitions {
  partitionsOf(topic: string): number
  /** The partition was not there when the thread began. */
  cameLater(topic: string, partition: number): boolean
}

export class TaskEntry {
  readonly version: TaskVersion
  readonly id: TaskId
  readonly subtopology: Subtopology
  readonly partition: number
  readonly inputs: readonly TaskInput[]
  readonly changelogs: readonly StoreChangelog[]
  status: TaskStatus = 'created'
  state: TaskState | undefined
  task: StreamTask | undefined
  /** Ends the activation that is under way. */
  abort = new AbortController()
  /** Activation, close and drop of one task never overlap: each waits for the one before. */
  tail: Promise<void> = Promise.resolve()
  /** Inputs that are paused because their buffers are full. */
  readonly paused = new Set<string>()
  /** No offset was committed under the thread's transactional id yet: the next commit names this task (rule C3). */
  unannounced = true
  restoredRecords = 0
  /** When brokers first did not answer for its activation; performance clock. */
  failingSince: number | undefined
  /** As a copy: the task is to move here once it has caught up. */
  warmup = false
  /** As a copy: its lag as the group was last told, which rounds it up. */
  reportedLag = Number.MAX_SAFE_INTEGER
  /** Stores whose rebuild has begun and not ended: the open state cannot go on with it. */
  readonly rebuilding = new Set<string>()
  processed = 0
  /** Next offset of each input after the last commit; for lag and purge. */
  readonly committed = new Map<string, number>()
  readonly highWatermarks = new Map<string, number>()

  constructor(applicationId: string, version: TaskVersion, subtopology: Subtopology, topics: KnownPartitions) {
    this.version = version
    this.id = `${version.subtopology}_${version.partition}`
    this.subtopology = subtopology
    this.partition = version.partition
    this.inputs = inputsOf(subtopology, version.partition, topics)
    this.changelogs = changelogsOf(applicationId, subtopology, version.partition)
  }

  /** Records by which the local state is behind its changelogs, as last heard of; much, while nothing was heard. */
  get changelogLag(): number {
    let lag = 0
    for (const { key } of this.changelogs) {
      const end = this.highWatermarks.get(key)
      if (end === undefined) {
        return Number.MAX_SAFE_INTEGER
      }
      lag += Math.max(0, end - (this.state?.position(key)?.offset ?? 0))
    }
    return lag
  }

  /** Records in its changelogs, at most: what restoring it from nothing would read. Undefined: no state, or not known. */
  get changelogSize(): number | undefined {
    let size = 0
    for (const { key } of this.changelogs) {
      size += this.state?.position(key)?.offset ?? this.highWatermarks.get(key) ?? 0
    }
    return this.changelogs.length === 0 ? undefined : size
  }

  /** There is something of this task to commit. */
  get commitNeeded(): boolean {
    return this.task !== undefined && (this.status === 'running' || this.status === 'suspended') && this.#initialized && (this.task.commitNeeded || (this.unannounced && this.status === 'running'))
  }

  /** False between a drop and the next `initialize`. */
  #initialized = false

  setInitialized(initialized: boolean): void {
    this.#initialized = initialized
  }

  move(event: TaskEvent): boolean {
    const next = taskTransition(this.status, event)
    if (next === undefined) {
      return false
    }
    this.status = next
    return true
  }
}

/** What a task reads: its partition of every source topic that has it. */
export function inputsOf(subtopology: Subtopology, partition: number, { partitionsOf, cameLater }: KnownPartitions): TaskInput[] {
  return subtopology.sources.flatMap((source) => {
    const retries = new Set(source.retries.values())
    return source.topics
      .filter((topic) => partition < partitionsOf(topic))
      .map((topic) => ({
        topic,
        partition,
        // What an earlier subtopology or a replay has written there is never skipped, nor what came before the new partition was noticed.
        reset: source.repartition || retries.has(topic) || cameLater(topic, partition) ? ('earliest' as const) : source.offsetReset,
        repartition: source.repartition,
      }))
  })
}

function changelogsOf(applicationId: string, subtopology: Subtopology, partition: number): StoreChangelog[] {
  const list: StoreChangelog[] = []
  for (const [store, { topic, format }] of changelogs(applicationId, subtopology)) {
    list.push({ store, topic, key: `${topic}-${partition}`, format, source: undefined })
  }
  for (const definition of subtopology.stores) {
    if (definition.sourceIsChangelog && definition.changelog !== undefined) {
      const topic = definition.changelog
      const node = subtopology.sources.find((source) => source.topics.includes(topic))
      if (node !== undefined) {
        list.push({ store: definition.name, topic, key: `${topic}-${partition}`, format: changelogFormat(definition), source: { node, definition } })
      }
    }
  }
  return list
}
