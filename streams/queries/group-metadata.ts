/**
 * Which instance has which task, as the group itself has it: subscriptions name processes and their endpoints,
 * assignments the tasks. Asked of the coordinator when somebody wants to know (DescribeGroups, which READ on the group
 * allows), so that an assignment does not grow with the size of the group (rule C6).
 */
import { StreamsError } from '../errors.ts'
import { taskId } from '../graph/tasks.ts'
import type { Topology } from '../graph/topology.ts'
import type { GroupDescription } from '../kafka/contract.ts'
import type { Endpoint } from '../membership/endpoint.ts'
import { decodeAssignment, decodeSubscription, PROTOCOL_NAME } from '../membership/protocol.ts'

/** One process of the application, with what it has of the stores (Kafka Streams' StreamsMetadata). */
export interface StreamsMetadata {
  readonly processId: string
  /** Where it listens for the others; undefined: nowhere, it cannot be asked. */
  readonly endpoint: Endpoint | undefined
  /** Ids of the tasks it processes. */
  readonly tasks: readonly string[]
  /** Ids of the tasks whose state it copies. */
  readonly standbyTasks: readonly string[]
  /** Partitions of each store by its name, active ones. */
  readonly stores: ReadonlyMap<string, readonly number[]>
  /** The same of the copies it feeds. */
  readonly standbyStores: ReadonlyMap<string, readonly number[]>
}

/** Who has a key (Kafka Streams' KeyQueryMetadata). */
export interface KeyQueryMetadata {
  readonly partition: number
  /** Undefined: nobody at the moment. */
  readonly active: StreamsMetadata | undefined
  readonly standbys: readonly StreamsMetadata[]
}

export interface GroupView {
  readonly processes: readonly StreamsMetadata[]
  /** When it was asked for (performance clock, ms). */
  readonly at: number
}

interface Known {
  readonly processId: string
  endpoint: Endpoint | undefined
  readonly tasks: string[]
  readonly standbyTasks: string[]
  readonly stores: Map<string, number[]>
  readonly standbyStores: Map<string, number[]>
}

/** Undefined while the group is rebalancing: then its coordinator tells nothing of the members. */
export function readGroup(topology: Topology, group: GroupDescription, at: number): GroupView | undefined {
  const told = group.members.filter(({ metadata, assignment }) => metadata.length > 0 && assignment.length > 0)
  if (group.protocol !== PROTOCOL_NAME || told.length === 0) {
    return undefined
  }
  const storesOf = new Map(topology.subtopologies.map(({ name, stores }) => [name, stores.map((store) => store.name)]))
  const processes = new Map<string, Known>()
  for (const member of told) {
    const { processId, endpoint } = decodeSubscription(member.metadata)
    const assignment = decodeAssignment(member.assignment)
    const known = processes.get(processId) ?? { processId, endpoint, tasks: [], standbyTasks: [], stores: new Map<string, number[]>(), standbyStores: new Map<string, number[]>() }
    known.endpoint ??= endpoint
    processes.set(processId, known)
    const [active, standby] = [[assignment.tasks, known.tasks, known.stores], [assignment.standbys ?? [], known.standbyTasks, known.standbyStores]] as const
    for (const [list, tasks, into] of [active, standby]) {
      for (const { subtopology, partition } of list) {
        tasks.push(taskId(subtopology, partition))
        for (const store of storesOf.get(subtopology) ?? []) {
          into.set(store, [...(into.get(store) ?? []), partition].sort((a, b) => a - b))
        }
      }
    }
  }
  return { processes: [...processes.values()], at }
}

/** An older view is asked for again before it is used. */
const FRESH_MS = 5_000

export interface GroupMetadataOptions {
  readonly topology: () => Topology
  readonly describe: () => Promise<GroupDescription>
}

export class GroupMetadata {
  readonly #options: GroupMetadataOptions
  #view: GroupView | undefined
  #asking: Promise<GroupView> | undefined

  constructor(options: GroupMetadataOptions) {
    this.#options = options
  }

  /** `notBefore`: of the performance clock; an older answer is no good. Throws `QUERY_REBALANCING` while nobody can say. */
  async view(notBefore = performance.now() - FRESH_MS): Promise<GroupView> {
    if (this.#view !== undefined && this.#view.at >= notBefore) {
      return this.#view
    }
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<GroupView> {
    const at = performance.now()
    const view = readGroup(this.#options.topology(), await this.#options.describe(), at)
    if (view === undefined) {
      throw new StreamsError('QUERY_REBALANCING', 'The group is rebalancing: who has which task is decided in a moment.')
    }
    this.#view = view
    return view
  }
}

/** Who has this partition of a store, as far as the group knows. */
export function whoHas({ processes }: GroupView, store: string, partition: number): KeyQueryMetadata {
  return {
    partition,
    active: processes.find(({ stores }) => stores.get(store)?.includes(partition)),
    standbys: processes.filter(({ standbyStores }) => standbyStores.get(store)?.includes(partition)),
  }
}
