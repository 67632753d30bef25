/** Ends what dead members left behind: their place in the group, and their transactions. Safe, whoever does it and how often (rule B7). */
import type { StateDirectory } from 'millrace-state-stores'
import type { KafkaCluster } from '../kafka/contract.ts'
import type { RuntimeConfig } from './config.ts'

/**
 * Of incarnations recorded in the state directory: leaves the group for their member ids, so that nobody waits for a
 * session to time out, aborts their transactions, and forgets them.
 */
export async function endIncarnations(cluster: KafkaCluster, directory: StateDirectory, config: RuntimeConfig, which: (transactionalId: string) => boolean): Promise<void> {
  const recorded = (await directory.incarnations()).filter(({ transactionalId }) => which(transactionalId))
  await Promise.all(
    recorded.map(async ({ transactionalId, memberId }) => {
      if (memberId !== undefined) {
        await cluster
          .group()
          .leave(config.applicationId, [memberId], 'its process has ended')
          // Evicted already, or the group is gone: both are what we want.
          .catch(() => undefined)
      }
      if (config.processingGuarantee === 'exactly_once_v2') {
        await cluster.fence(transactionalId)
      }
      await directory.forget(transactionalId)
    }),
  )
}

/** Of another process: its members leave, its transactions are aborted. `onLeft`: the group has been told, or cannot be reached. */
export async function evictMembers(cluster: KafkaCluster, groupId: string, memberIds: readonly string[], transactionalIds: readonly string[], onLeft: () => void): Promise<void> {
  const leaving = cluster.group().leave(groupId, memberIds, 'its process has died').finally(onLeft)
  await Promise.all([leaving, ...transactionalIds.map((id) => cluster.fence(id))])
}
