import type { ConnectionGroup } from './brokers.ts'
import type { IsolationLevel, TopicPartition, TopicPartitionKey } from './contract.ts'
import { keyOf } from './fetcher.ts'
import { isRetriable, KafkaError } from './kafka-error.ts'
import type { Leader, MetadataCache } from './metadata-cache.ts'
import { LIST_OFFSETS, OFFSET_FOR_LEADER_EPOCH } from './protocol/offsets.ts'
import { withRetries } from './retry.ts'

const LEADER_NOT_AVAILABLE = 5
const EARLIEST = -2
const LATEST = -1
/** A partition without leader for so long is an error for whoever asked. */
const LOOKUP_TIMEOUT_MS = 60_000

interface WithCode extends TopicPartition {
  readonly errorCode: number
}

/** Questions to partition leaders about offsets, asked of all leaders at once and again where one had moved. */
export class OffsetLookup {
  readonly #connections: ConnectionGroup
  readonly #metadata: MetadataCache

  constructor(connections: ConnectionGroup, metadata: MetadataCache) {
    this.#connections = connections
    this.#metadata = metadata
  }

  /** By timestamp: the first offset at or after it, -1 when there is none. */
  async list(partitions: readonly TopicPartition[], at: 'earliest' | 'latest' | number, isolation: IsolationLevel): Promise<Map<TopicPartitionKey, number>> {
    const timestamp = at === 'earliest' ? EARLIEST : at === 'latest' ? LATEST : at
    const found = new Map<TopicPartitionKey, number>()
    await this.#ask(partitions, async (nodeId, items) => {
      const request = { isolation, timestamp, partitions: items.map(({ item, leader }) => ({ ...partitionOf(item), leaderEpoch: leader.epoch })) }
      const answers = await this.#connections.to(nodeId).request(LIST_OFFSETS, request)
      for (const answer of answers) {
        if (answer.errorCode === 0) {
          found.set(keyOf(answer), answer.offset)
        }
      }
      return answers
    })
    return found
  }

  async endOfEpoch(
    partitions: readonly (TopicPartition & { readonly leaderEpoch: number })[]
  ): Promise<Map<TopicPartitionKey, { leaderEpoch: number; endOffset: number }>> {
    const found = new Map<TopicPartitionKey, { leaderEpoch: number; endOffset: number }>()
    await this.#ask(partitions, async (nodeId, items) => {
      const request = { partitions: items.map(({ item, leader }) => ({ ...partitionOf(item), currentLeaderEpoch: leader.epoch, leaderEpoch: item.leaderEpoch })) }
      const answers = await this.#connections.to(nodeId).request(OFFSET_FOR_LEADER_EPOCH, request)
      for (const { topic, partition, errorCode, leaderEpoch, endOffset } of answers) {
        if (errorCode === 0) {
          found.set(keyOf({ topic, partition }), { leaderEpoch, endOffset })
        }
      }
      return answers
    })
    return found
  }

  async #ask<T extends TopicPartition>(
    partitions: readonly T[],
    request: (nodeId: number, items: readonly { item: T; leader: Leader }[]) => Promise<readonly WithCode[]>
  ): Promise<void> {
    let open = new Map(partitions.map((item) => [keyOf(item), item]))
    await withRetries(
      async () => {
        await this.#metadata.leaders([...open.values()])
        const byLeader = new Map<number, { item: T; leader: Leader }[]>()
        let failure: unknown
        for (const item of open.values()) {
          const leader = this.#metadata.leader(item)
          if (leader === undefined) {
            failure = new KafkaError(LEADER_NOT_AVAILABLE, `Offsets of ${keyOf(item)}`)
            continue
          }
          const list = byLeader.get(leader.nodeId) ?? []
          list.push({ item, leader })
          byLeader.set(leader.nodeId, list)
        }
        const left = new Map(open)
        const outcomes = await Promise.allSettled([...byLeader].map(([nodeId, items]) => request(nodeId, items)))
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') {
            failure = worse(failure, outcome.reason)
            continue
          }
          for (const answer of outcome.value) {
            if (answer.errorCode === 0) {
              left.delete(keyOf(answer))
            } else {
              failure = worse(failure, new KafkaError(answer.errorCode, `Offsets of ${keyOf(answer)}`))
            }
          }
        }
        open = left
        if (failure !== undefined) {
          throw failure
        }
      },
      {
        timeoutMs: LOOKUP_TIMEOUT_MS,
        prepare: () => this.#metadata.refresh([...open.values()].map((item) => item.topic))
      }
    )
  }
}

function partitionOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}

/** One final error outweighs any number of retriable ones. */
function worse(known: unknown, next: unknown): unknown {
  return known !== undefined && !isRetriable(known) ? known : next
}
