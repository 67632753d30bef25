import type { Brokers, ConnectionGroup } from './brokers.ts'
import type { CommittedOffset, GroupDescription, ListedGroup } from './contract.ts'
import type { Coordinators } from './coordinators.ts'
import { KafkaError } from './kafka-error.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { Api } from './protocol/api.ts'
import { DELETE_GROUP, DESCRIBE_GROUP, LIST_GROUPS, OFFSET_FETCH_ALL } from './protocol/group-admin.ts'
import { withRetries } from './retry.ts'
import { CoordinatorClient } from './transaction-coordinator.ts'

/** A coordinator that moves is back within seconds; longer than this an operator wants to know. */
const RETRY_MS = 30_000
const GROUP_ID_NOT_FOUND = 69

/** Questions about groups and their end, for whoever is no member. */
export class GroupAdmin {
  readonly #brokers: Brokers
  readonly #connections: ConnectionGroup
  readonly #metadata: MetadataCache
  readonly #client: CoordinatorClient

  constructor(brokers: Brokers, connections: ConnectionGroup, metadata: MetadataCache, coordinators: Coordinators) {
    this.#brokers = brokers
    this.#connections = connections
    this.#metadata = metadata
    this.#client = new CoordinatorClient(connections, coordinators)
  }

  /** Every broker knows the groups it coordinates; the answer is of all. */
  async list(): Promise<readonly ListedGroup[]> {
    await this.#metadata.list()
    const answers = await Promise.all(
      this.#brokers.known().map((nodeId) =>
        withRetries(
          async () => {
            const { errorCode, groups } = await this.#connections.to(nodeId).request(LIST_GROUPS, {})
            if (errorCode !== 0) {
              throw new KafkaError(errorCode, `ListGroups of broker ${nodeId}`)
            }
            return groups
          },
          { timeoutMs: RETRY_MS }
        )
      )
    )
    return answers.flat().sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
  }

  async describe(groupId: string): Promise<GroupDescription> {
    const { errorCode: _, ...group } = await this.#ask(DESCRIBE_GROUP, groupId)
    return group
  }

  async offsets(groupId: string): Promise<readonly CommittedOffset[]> {
    const { partitions } = await this.#ask(OFFSET_FETCH_ALL, groupId)
    const failed = partitions.find(({ errorCode }) => errorCode !== 0)
    if (failed !== undefined) {
      throw new KafkaError(failed.errorCode, `OffsetFetch of group ${groupId} for ${failed.topic}-${failed.partition}`)
    }
    return partitions.map(({ topic, partition, offset, metadata, leaderEpoch }) => ({ topic, partition, offset, metadata, leaderEpoch }))
  }

  async delete(groupId: string): Promise<void> {
    try {
      await this.#ask(DELETE_GROUP, groupId)
    } catch (error) {
      if (!(error instanceof KafkaError && error.brokerCode === GROUP_ID_NOT_FOUND)) {
        throw error
      }
    }
  }

  #ask<Response extends { readonly errorCode: number }>(api: Api<{ groupId: string }, Response>, groupId: string): Promise<Response> {
    return this.#client.call(
      'group',
      groupId,
      async (connection) => {
        const answer = await connection.request(api, { groupId })
        if (answer.errorCode !== 0) {
          throw new KafkaError(answer.errorCode, `${api.name} of group ${groupId}`)
        }
        return answer
      },
      { timeoutMs: RETRY_MS }
    )
  }
}
