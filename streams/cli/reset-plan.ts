/** What `millrace reset` would do, decided from facts alone. */
import type { CommittedOffset, TopicPartition } from '../kafka/contract.ts'

export interface ResetFacts {
  readonly applicationId: string
  /** Every topic of the cluster, with its partition count. */
  readonly topics: ReadonlyMap<string, number>
  /** Every group: a longer id with the same beginning owns the internal topics that begin with it. */
  readonly groups: readonly string[]
  readonly committed: readonly CommittedOffset[]
  /** Topics named by the user or by the topology; undefined: all the group has committed to. */
  readonly inputs: readonly string[] | undefined
  /** Internal topics named by the user or by the topology; undefined: found by their names. */
  readonly internal: readonly string[] | undefined
}

export interface ResetPlan {
  /** Partitions whose offset is set anew. */
  readonly inputs: readonly TopicPartition[]
  /** Where they were, as far as the group has committed anything. */
  readonly committed: readonly CommittedOffset[]
  /** Retry topics: what was replayed into them is not processed again. Sought to their end. */
  readonly retries: readonly TopicPartition[]
  /** Offsets of other topics, which stay as they are. */
  readonly kept: readonly CommittedOffset[]
  readonly deleted: readonly string[]
  /** Topics that look internal and belong to another group. */
  readonly foreign: readonly string[]
  /** Named topics that do not exist. */
  readonly missing: readonly string[]
}

/** Repartition topics of foreign-key joins have names of their own. */
const INTERNAL = /-(changelog|repartition|subscription-registration-topic|subscription-response-topic)$/
const RETRY = /-retry$/

export function planReset(facts: ResetFacts): ResetPlan {
  const { applicationId, topics, committed } = facts
  const prefix = `${applicationId}-`
  const others = facts.groups.filter((group) => group.startsWith(prefix))
  const isForeign = (topic: string): boolean => others.some((group) => topic.startsWith(`${group}-`))
  const own = [...topics.keys()].filter((topic) => topic.startsWith(prefix)).sort()
  const found = facts.internal ?? own.filter((topic) => INTERNAL.test(topic) && !isForeign(topic))
  const retries = own.filter((topic) => RETRY.test(topic) && !isForeign(topic))
  const set = new Set(facts.inputs ?? committed.map(({ topic }) => topic).filter((topic) => !found.includes(topic) && !retries.includes(topic)))
  const inputs = [...set].filter((topic) => topics.has(topic)).sort()
  const handled = new Set([...inputs, ...retries, ...found])
  return {
    inputs: inputs.flatMap((topic) => partitions(topic, topics)),
    committed: committed.filter(({ topic, offset }) => set.has(topic) && offset >= 0),
    retries: retries.flatMap((topic) => partitions(topic, topics)),
    kept: committed.filter(({ topic, offset }) => !handled.has(topic) && topics.has(topic) && offset >= 0),
    deleted: found.filter((topic) => topics.has(topic)),
    foreign: own.filter((topic) => INTERNAL.test(topic) && isForeign(topic)),
    missing: [...(facts.inputs ?? []), ...(facts.internal ?? [])].filter((topic) => !topics.has(topic)),
  }
}

function partitions(topic: string, topics: ReadonlyMap<string, number>): TopicPartition[] {
  return Array.from({ length: topics.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
}

/** Where the inputs are to be read from. */
export type ResetTarget =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'shift'; readonly by: number }
  | { readonly kind: 'datetime'; readonly timestamp: number }

/** An offset within the log: before its start or behind its end there is nothing to read (rule A9 refuses such offsets). */
export function clampOffset(wanted: number, start: number, end: number): number {
  return Math.min(Math.max(wanted, start), end)
}
