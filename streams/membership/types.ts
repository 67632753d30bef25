/**
 * What members of a group tell each other: plain data, versioned by `protocol.ts`. A subtopology is identified by its
 * name and fingerprint, never by a position, so that unequal versions of a topology can live in one group (rule A10).
 */

import type { Endpoint } from './endpoint.ts'

/** One version of a subtopology, with all the assignor has to know of it. */
export interface SubtopologyDescription {
  readonly name: string
  readonly fingerprint: string
  /** Source and repartition topics it reads, with their partition counts as the member saw them. */
  readonly inputs: readonly { readonly topic: string; readonly partitions: number }[]
  /** Topics its state is rebuilt from: those it writes, and sources that are read as tables. Partition p belongs to task p. */
  readonly changelogs: readonly string[]
  /** Tasks it has: partitions 0 … tasks − 1. */
  readonly tasks: number
  /** Cost of one task relative to others, for the balance. At least 1. */
  readonly weight: number
}

/** A task of one version of a subtopology. */
export interface TaskVersion {
  readonly subtopology: string
  readonly fingerprint: string
  readonly partition: number
}

/** `<name>@<fingerprint>/<partition>`: a task of one version as a map key. */
export type TaskVersionKey = string

export function taskVersionKey(task: TaskVersion): TaskVersionKey {
  return `${task.subtopology}@${task.fingerprint}/${task.partition}`
}

/** A task its member says it holds; `generation`: the generation in which that was last confirmed (rule A12). */
export interface Claim extends TaskVersion {
  readonly generation: number
  /** Records in its changelogs, what it costs to restore it from nothing; rounded up to a power of two. Absent: not known, or no state. */
  readonly size?: number
}

/** A local copy of a task's state; `lag` in records, rounded up to a power of two. */
export interface LocalCopy {
  readonly subtopology: string
  readonly partition: number
  readonly lag: number
  /** Fed from the changelogs by this member, its database open; otherwise it rests on the disk of the process. */
  readonly open: boolean
  /** As of a claim. */
  readonly size?: number
}

/** A process another one watches, with what is to be ended when it dies. */
export interface PeerProcess {
  readonly processId: string
  readonly endpoint: Endpoint
  readonly members: readonly { readonly memberId: string; readonly transactionalId: string }[]
}

/** The user data of one member's subscription. */
export interface Subscription {
  readonly processId: string
  readonly thread: number
  readonly subtopologies: readonly SubtopologyDescription[]
  readonly owned: readonly Claim[]
  /** Given up since the last round for somebody else: in the next one they stay in this version of the topology. */
  readonly released: readonly TaskVersion[]
  readonly copies: readonly LocalCopy[]
  /** Where its process listens for the others; absent: nobody watches it. */
  readonly endpoint?: Endpoint
  /** Of the producer it had when it joined. */
  readonly transactionalId?: string
  /** It can feed copies: standbys and warm-ups. Builds that could not say nothing. */
  readonly feeds?: boolean
  /** Where its process runs (rack, zone), for placing standbys apart. */
  readonly tags?: { readonly [tag: string]: string }
  /** It is about to leave: nothing new is for it, and what it has goes to the others as soon as they are ready for it. */
  readonly leaving?: boolean
  /** The application is to stop everywhere: code of the error that was the end of it. */
  readonly stop?: string
}

export interface Member extends Subscription {
  readonly memberId: string
}

export interface MemberAssignment {
  readonly tasks: readonly TaskVersion[]
  /** Copies it feeds, so that it can take over at once. Absent: none. */
  readonly standbys?: readonly TaskVersion[]
  /** Copies it feeds because the task is to move here once they have caught up. Absent: none. */
  readonly warmups?: readonly TaskVersion[]
  /** Processes its process watches; only one member of a process is told. */
  readonly watch?: readonly PeerProcess[]
  /** For a member that is leaving: its tasks that others are to have, and are not ready for. Absent: none. */
  readonly awaited?: number
  /** Tasks are on their way between members: another round follows as soon as their holders have released them. */
  readonly follows?: boolean
  /** A member says that the application is to stop: code of its error. */
  readonly stop?: string
}

/** What an application wants of its copies; the leader's settings count. */
export interface CopyPolicy {
  /** Copies of each stateful task beside the active one, on other processes (num.standby.replicas). */
  readonly standbys: number
  /** A copy this many records behind is as good as the state itself (acceptable.recovery.lag). */
  readonly acceptableLag: number
  /** Warm-ups of the whole group at once (max.warmup.replicas). */
  readonly maxWarmups: number
  /** Tags in which the copies of a task should differ, the most important first (rack.aware.assignment.tags). */
  readonly rackTags: readonly string[]
}

export const DEFAULT_COPIES: CopyPolicy = { standbys: 0, acceptableLag: 10_000, maxWarmups: 2, rackTags: [] }

/** Outcome of one round. */
export interface GroupAssignment {
  readonly members: ReadonlyMap<string, MemberAssignment>
  /** Tasks that wait for their holder to release them or for a member that can run them. */
  readonly waiting: readonly TaskVersion[]
}
