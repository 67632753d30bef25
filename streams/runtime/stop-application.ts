/**
 * Stops an application on every instance, as Kafka Streams' SHUTDOWN_APPLICATION does (KIP-671): for as long as it takes a
 * member without tasks says so in each round of the group; whoever leads tells all others with their assignment.
 */
import type { KafkaCluster } from '../kafka/contract.ts'
import { Membership } from '../membership/membership.ts'
import { within } from '../within.ts'

export interface StopApplicationOptions {
  readonly cluster: KafkaCluster
  readonly applicationId: string
  readonly processId: string
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** Source and repartition topics. */
  readonly topics: readonly string[]
  /** Of the error that is the end of it. */
  readonly code: string
}

/**
 * Resolves when no other member is left, or after a session and a half: who has not heard of it by then is not there, or runs
 * a build that does not know of it. Never rejects.
 */
export async function stopApplication({ cluster, applicationId, processId, sessionTimeoutMs, heartbeatIntervalMs, topics, code }: StopApplicationOptions): Promise<void> {
  const alone = Promise.withResolvers<void>()
  const member = new Membership({
    group: cluster.group(),
    groupId: applicationId,
    sessionTimeoutMs,
    heartbeatIntervalMs,
    topics: () => topics,
    subscription: () => ({ processId, thread: -1, subtopologies: [], copies: [], leaving: true, stop: code }),
    // Nobody has to leave for it: it has nothing.
    onMemberId: async () => undefined,
    onAssigned: () => undefined,
    // The last one leads.
    onAssignedGroup: (members) => {
      if (members === 1) {
        alone.resolve()
      }
    },
    onLost: () => member.dropped(),
    onFailed: () => alone.resolve(),
  })
  member.start()
  await within(alone.promise, sessionTimeoutMs * 1.5)
  await member.leave()
}
