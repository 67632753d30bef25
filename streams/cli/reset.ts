/**
 * `millrace reset`: as Kafka Streams' application reset tool. The order makes an interruption safe: once the group's offsets
 * are gone an application with state refuses to start (OFFSETS_MISSING, rule A9), so none can run on half a reset.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { StateDirectory } from 'millrace-state-stores'
import { type Duration, milliseconds } from '../duration.ts'
import { StreamsError } from '../errors.ts'
import { externalSourceTopics } from '../graph/tasks.ts'
import { matchingTopics } from '../graph/topic-patterns.ts'
import type { GroupDescription, KafkaCluster, OffsetToCommit, TopicPartition } from '../kafka/contract.ts'
import { brokerCodeOf } from '../kafka/kafka-error.ts'
import type { Arguments, Command, Output } from './command.ts'
import { UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, withCluster } from './connection.ts'
import { committerOf } from './groups.ts'
import type { ResetPlan, ResetTarget } from './reset-plan.ts'
import { clampOffset, planReset } from './reset-plan.ts'
import { textTable } from './text-table.ts'
import { loadTopology } from './topology-file.ts'

/** Members that were asked to leave are gone with the answer; their processes may rejoin, and then a reset is not due. */
const EMPTY_MS = 10_000
/** A deleted topic is gone from every broker's metadata within this; longer is an error of the cluster. */
const DELETED_MS = 60_000
const POLL_MS = 100
const UNSTABLE_OFFSET_COMMIT = 88

export const reset: Command = {
  name: 'reset',
  summary: 'read the inputs of a stopped application anew, its state and internal topics deleted',
  usage: 'APPLICATION [--to-earliest|--to-latest|--to-offset N|--shift-by N|--to-datetime ISO|--by-duration 7d] [--dry-run]',
  help: `Sets the offsets of the input topics, deletes the internal topics (APPLICATION-…-changelog, -repartition), and with
--state-dir the local state. Refused while the application runs. Interrupted, it is run again.

  --input-topics A[,B]      default: those of --topology, else every topic the application has committed to
  --internal-topics A[,B]   default: those of --topology, else found by their names
  --topology FILE           module whose default export is the topology
  --settings FILE           JSON for the second argument of the topology's function
  --to-earliest             (default) --to-latest, --to-offset N, --to-datetime 2026-01-31T12:00:00Z
  --shift-by N              from what is committed, back (-100) or on; without that, from the start
  --by-duration 7d          so long before now: 200ms, 5s, 1m, 2h, 7d
  --state-dir DIR           deletes the local state in DIR, too; do so on every machine (an instance that finds state
                            whose changelog is new refuses to start)
  --dry-run                 says what it would do
  --force                   removes members that are still in the group (of instances that died) first
${CONNECTION_HELP}`,
  options: {
    ...CONNECTION_OPTIONS,
    'input-topics': { type: 'string', multiple: true },
    'internal-topics': { type: 'string', multiple: true },
    topology: { type: 'string' },
    settings: { type: 'string' },
    'to-earliest': { type: 'boolean' },
    'to-latest': { type: 'boolean' },
    'to-offset': { type: 'string' },
    'to-datetime': { type: 'string' },
    'shift-by': { type: 'string' },
    'by-duration': { type: 'string' },
    'state-dir': { type: 'string' },
    'dry-run': { type: 'boolean' },
    force: { type: 'boolean' },
  },
  positionals: [1, 1],
  run: (args, out) => {
    const target = targetOf(args)
    return withCluster(args, out, (cluster) => new Reset(cluster, args, target, out).run())
  },
}

function targetOf(args: Arguments): ResetTarget {
  const targets: ResetTarget[] = []
  if (args.flag('to-earliest')) {
    targets.push({ kind: 'earliest' })
  }
  if (args.flag('to-latest')) {
    targets.push({ kind: 'latest' })
  }
  const offset = args.number('to-offset', 0)
  if (offset !== undefined) {
    targets.push({ kind: 'offset', offset })
  }
  const datetime = args.text('to-datetime')
  if (datetime !== undefined) {
    const timestamp = Date.parse(datetime)
    if (!/^\d{4}-\d\d-\d\dT/.test(datetime) || Number.isNaN(timestamp)) {
      throw new UsageError(`--to-datetime is ${JSON.stringify(datetime)}: give a date and time as 2026-01-31T12:00:00Z`)
    }
    targets.push({ kind: 'datetime', timestamp })
  }
  const by = args.number('shift-by', Number.MIN_SAFE_INTEGER)
  if (by !== undefined) {
    targets.push({ kind: 'shift', by })
  }
  const duration = args.text('by-duration')
  if (duration !== undefined) {
    targets.push({ kind: 'datetime', timestamp: Date.now() - durationOf(duration) })
  }
  if (targets.length > 1) {
    throw new UsageError('give one of --to-earliest, --to-latest, --to-offset, --shift-by, --to-datetime, --by-duration')
  }
  return targets[0] ?? { kind: 'earliest' }
}

function durationOf(text: string): number {
  try {
    return milliseconds('--by-duration', text as Duration)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

class Reset {
  readonly #cluster: KafkaCluster
  readonly #args: Arguments
  readonly #target: ResetTarget
  readonly #out: Output
  readonly #applicationId: string

  constructor(cluster: KafkaCluster, args: Arguments, target: ResetTarget, out: Output) {
    this.#cluster = cluster
    this.#args = args
    this.#target = target
    this.#out = out
    this.#applicationId = args.positionals[0]!
  }

  async run(): Promise<0 | 1> {
    const dryRun = this.#args.flag('dry-run')
    await this.#emptyGroup(dryRun)
    const plan = await this.#plan()
    if (plan.missing.length > 0) {
      throw new StreamsError('SOURCE_TOPIC_MISSING', `There is no topic ${plan.missing.join(', ')}: check --input-topics, --internal-topics and --topology.`)
    }
    if (plan.inputs.length + plan.deleted.length === 0) {
      this.#out.line(`the group ${this.#applicationId} has committed nothing and there are no internal topics of it: there is nothing to reset`)
      return this.#deleteState(dryRun)
    }
    const offsets = await this.#offsets(plan)
    this.#print(plan, offsets, dryRun)
    if (dryRun) {
      return this.#deleteState(dryRun)
    }
    const admin = this.#cluster.admin()
    await admin.deleteGroup(this.#applicationId)
    await admin.deleteTopics(plan.deleted)
    await this.#untilGone(plan.deleted)
    await this.#deleteState(false)
    // Nobody's member: the broker takes this from outsiders as long as the group is empty.
    await this.#cluster.group().commitOffsets({ groupId: this.#applicationId, memberId: '', generationId: -1 }, offsets)
    this.#out.line('done')
    return 0
  }

  /** Refuses, or with --force ends what is still a member. */
  async #emptyGroup(dryRun: boolean): Promise<void> {
    const group = await this.#cluster.admin().describeGroup(this.#applicationId)
    if (group.members.length === 0) {
      return
    }
    if (!this.#args.flag('force')) {
      throw active(group, 'Stop every instance first; members of instances that died are gone after their session time-out, or with --force at once.')
    }
    const ids = group.members.map(({ memberId }) => memberId)
    if (dryRun) {
      this.#out.line(`would remove ${ids.length} members from the group: ${ids.join(', ')}`)
      return
    }
    await this.#cluster.group().leave(this.#applicationId, ids, 'millrace reset --force')
    const deadline = performance.now() + EMPTY_MS
    for (;;) {
      const now = await this.#cluster.admin().describeGroup(this.#applicationId)
      if (now.members.length === 0) {
        return
      }
      if (performance.now() > deadline) {
        throw active(now, 'They come back: their instances are running. Stop them.')
      }
      await delay(POLL_MS)
    }
  }

  async #plan(): Promise<ResetPlan> {
    const admin = this.#cluster.admin()
    const [names, groups, committed] = await Promise.all([admin.listTopics(), admin.listGroups(), this.#committed()])
    const metadata = await this.#cluster.metadata(names)
    const file = this.#args.text('topology')
    const topology = file === undefined ? undefined : await loadTopology(file, { applicationId: this.#applicationId, settings: this.#args.text('settings') })
    const global = new Set(topology?.globalTables.flatMap(({ source }) => source.topics))
    const inputs = this.#args.list('input-topics')
    const internal = this.#args.list('internal-topics')
    const ofTopology = topology?.subtopologies.flatMap((subtopology) => subtopology.internalTopics.map(({ name }) => name)).filter((name) => metadata.has(name))
    return planReset({
      applicationId: this.#applicationId,
      topics: new Map([...metadata].map(([topic, { partitions }]) => [topic, partitions.length])),
      groups: groups.map(({ groupId }) => groupId),
      committed,
      inputs: inputs.length > 0 ? inputs : topology && [...externalSourceTopics(topology), ...matchingTopics(topology, names)].filter((topic) => !global.has(topic)),
      internal: internal.length > 0 ? internal : ofTopology,
    })
  }

  /** A transaction that a dead instance left open on the group is ended: its id belongs to nobody any more (rule B7). */
  async #committed() {
    const admin = this.#cluster.admin()
    const group = this.#cluster.group()
    for (let tries = 0; ; tries++) {
      try {
        return await admin.groupOffsets(this.#applicationId)
      } catch (error) {
        if (brokerCodeOf(error) !== UNSTABLE_OFFSET_COMMIT || tries > 0) {
          throw error
        }
        const known = [...(await this.#cluster.metadata(await admin.listTopics())).values()].flatMap(({ topic, partitions }) => partitions.map(({ partition }) => ({ topic, partition })))
        const committers = new Set((await group.fetchOffsets(this.#applicationId, known, { requireStable: false })).map(({ metadata }) => committerOf(metadata)))
        await Promise.all([...committers].filter((id) => id !== undefined).map((id) => this.#cluster.fence(id)))
      }
    }
  }

  async #offsets(plan: ResetPlan): Promise<OffsetToCommit[]> {
    const all = [...plan.inputs, ...plan.retries]
    const [starts, ends] = await Promise.all([this.#cluster.listOffsets(all, 'earliest', 'read_committed'), this.#cluster.listOffsets(all, 'latest', 'read_committed')])
    const target = this.#target
    const committed = new Map(plan.committed.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]))
    const byTime = target.kind === 'datetime' ? await this.#cluster.listOffsets(plan.inputs, target.timestamp, 'read_committed') : undefined
    const of = ({ topic, partition }: TopicPartition, wanted: (start: number, end: number, key: string) => number): OffsetToCommit => {
      const key = `${topic}-${partition}`
      const [start, end] = [starts.get(key) ?? 0, ends.get(key) ?? 0]
      return { topic, partition, offset: clampOffset(wanted(start, end, key), start, end), metadata: '' }
    }
    const wanted = (start: number, end: number, key: string): number => {
      switch (target.kind) {
        case 'earliest':
          return start
        case 'latest':
          return end
        case 'offset':
          return target.offset
        case 'shift':
          return (committed.get(key) ?? start) + target.by
        case 'datetime': {
          const found = byTime?.get(key) ?? -1
          return found < 0 ? end : found
        }
      }
    }
    return [
      ...plan.inputs.map((input) => of(input, wanted)),
      ...plan.retries.map((retry) => of(retry, (_, end) => end)),
      ...plan.kept.map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset, metadata })),
    ]
  }

  #print(plan: ResetPlan, offsets: readonly OffsetToCommit[], dryRun: boolean): void {
    const kept = new Set(plan.kept.map(({ topic }) => topic))
    const would = dryRun ? 'would be' : 'is'
    this.#out.line(`${textTable(['TOPIC', 'PARTITION', 'OFFSET', ''], offsets.map(({ topic, partition, offset }) => [topic, partition, offset, kept.has(topic) ? 'kept' : '']))}\n`)
    for (const topic of plan.deleted) {
      this.#out.line(`${would} deleted: ${topic}`)
    }
    for (const topic of plan.foreign) {
      this.#out.remark(`left alone: ${topic} (of another group)`)
    }
  }

  async #untilGone(topics: readonly string[]): Promise<void> {
    const deadline = performance.now() + DELETED_MS
    while (topics.length > 0 && (await this.#cluster.metadata(topics, { fresh: true })).size > 0) {
      if (performance.now() > deadline) {
        throw new StreamsError('TIMEOUT', `${topics.join(', ')}: deleted ${DELETED_MS / 1000} s ago and still there; a new start would find them. Run the command again.`)
      }
      await delay(POLL_MS)
    }
  }

  /** Under the directory's lock, which a running instance holds. */
  async #deleteState(dryRun: boolean): Promise<0> {
    const path = this.#args.text('state-dir')
    if (path === undefined) {
      return 0
    }
    const directory = await StateDirectory.open(path)
    try {
      const tasks = await directory.tasks()
      for (const task of dryRun ? [] : tasks) {
        await directory.deleteTask(task)
      }
      this.#out.line(`${dryRun ? 'would delete' : 'deleted'} the state of ${tasks.length} task${tasks.length === 1 ? '' : 's'} in ${path}`)
    } finally {
      await directory.close()
    }
    return 0
  }
}

function active({ groupId, state, members }: GroupDescription, what: string): StreamsError {
  const who = members.map(({ memberId, clientHost }) => `${memberId} (${clientHost})`).join(', ')
  return new StreamsError('GROUP_ACTIVE', `The group ${groupId} is ${state} with ${members.length} members: ${who}. ${what}`)
}
