import type { ConnectionGroup } from './brokers.ts'
import type { AdminClient, CommittedOffset, GroupDescription, ListedGroup, NewTopic, TopicPartition } from './contract.ts'
import type { GroupAdmin } from './group-admin.ts'
import { isDisconnect, KafkaError } from './kafka-error.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { OffsetLookup } from './offset-lookup.ts'
import type { Api } from './protocol/api.ts'
import { CREATE_TOPICS, DELETE_RECORDS, DELETE_TOPICS, DESCRIBE_TOPIC_CONFIG } from './protocol/topics.ts'
import { withRetries } from './retry.ts'
import { keyOf } from './fetcher.ts'

const UNKNOWN_TOPIC_OR_PARTITION = 3
const TOPIC_ALREADY_EXISTS = 36
const LEADER_NOT_AVAILABLE = 5
/** How long the broker may take for one change before it answers 7. */
const CHANGE_TIMEOUT_MS = 30_000
const RETRY_MS = 60_000

export class KafkaAdminClient implements AdminClient {
  readonly #connections: ConnectionGroup
  readonly #metadata: MetadataCache
  readonly #offsets: OffsetLookup
  readonly #groups: GroupAdmin

  constructor(connections: ConnectionGroup, metadata: MetadataCache, offsets: OffsetLookup, groups: GroupAdmin) {
    this.#connections = connections
    this.#metadata = metadata
    this.#offsets = offsets
    this.#groups = groups
  }

  async createTopics(topics: readonly NewTopic[]): Promise<void> {
    if (topics.length === 0) {
      return
    }
    let open = topics
    await this.#change(async () => {
      const outcomes = await this.#connections.any(CREATE_TOPICS, { topics: open, timeoutMs: CHANGE_TIMEOUT_MS })
      const failed = outcomes.filter(({ errorCode }) => errorCode !== 0 && errorCode !== TOPIC_ALREADY_EXISTS)
      const names = new Set(failed.map(({ topic }) => topic))
      open = open.filter(({ name }) => names.has(name))
      this.#throwFirst('CreateTopics', failed)
    })
    await this.#awaitLeaders(topics)
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) {
      return
    }
    let open = names
    await this.#change(async () => {
      const outcomes = await this.#connections.any(DELETE_TOPICS, { names: open, timeoutMs: CHANGE_TIMEOUT_MS })
      const failed = outcomes.filter(({ errorCode }) => errorCode !== 0 && errorCode !== UNKNOWN_TOPIC_OR_PARTITION)
      open = failed.map(({ topic }) => topic)
      this.#throwFirst('DeleteTopics', failed)
    })
    for (const name of names) {
      this.#metadata.forget(name)
    }
  }

  async deleteRecords(offsets: readonly (TopicPartition & { readonly offset: number })[]): Promise<void> {
    let open = offsets
    await withRetries(
      async () => {
        await this.#metadata.leaders(open)
        for (const [nodeId, items] of Map.groupBy(open, (item) => this.#metadata.leader(item)?.nodeId)) {
          if (nodeId === undefined) {
            throw new KafkaError(LEADER_NOT_AVAILABLE, `DeleteRecords of ${items.map(keyOf).join(', ')}`)
          }
          const answers = await this.#connections.to(nodeId).request(DELETE_RECORDS, { offsets: items, timeoutMs: CHANGE_TIMEOUT_MS })
          const done = new Set(answers.filter(({ errorCode }) => errorCode === 0).map(keyOf))
          open = open.filter((item) => !done.has(keyOf(item)))
          const failed = answers.find(({ errorCode }) => errorCode !== 0)
          if (failed !== undefined) {
            throw new KafkaError(failed.errorCode, `DeleteRecords of ${keyOf(failed)}`)
          }
        }
      },
      { timeoutMs: RETRY_MS, prepare: () => this.#metadata.refresh(open.map((item) => item.topic)) }
    )
  }

  /** Every setting in force, defaults included. A topic without such settings does not exist: error 3. */
  async topicConfig(topic: string): Promise<{ readonly [key: string]: string }> {
    const { entries } = await withRetries(
      async () => {
        const answer = await this.#connections.any(DESCRIBE_TOPIC_CONFIG, { topic })
        if (answer.errorCode !== 0) {
          throw new KafkaError(answer.errorCode, `DescribeConfigs of topic ${topic}`)
        }
        return answer
      },
      { timeoutMs: RETRY_MS, retriable: (error) => isDisconnect(error) }
    )
    return Object.fromEntries(entries.filter((entry): entry is readonly [string, string] => entry[1] !== null))
  }

  listTopics(): Promise<readonly string[]> {
    return this.#metadata.list()
  }

  listGroups(): Promise<readonly ListedGroup[]> {
    return this.#groups.list()
  }

  describeGroup(groupId: string): Promise<GroupDescription> {
    return this.#groups.describe(groupId)
  }

  groupOffsets(groupId: string): Promise<readonly CommittedOffset[]> {
    return this.#groups.offsets(groupId)
  }

  deleteGroup(groupId: string): Promise<void> {
    return this.#groups.delete(groupId)
  }

  /** Metadata shows a topic before its leaders take requests: ask each for an offset, as whoever comes next would. */
  async #awaitLeaders(topics: readonly NewTopic[]): Promise<void> {
    const names = topics.map(({ name }) => name)
    const partitions: TopicPartition[] = await withRetries(
      async () => {
        const found = await this.#metadata.topics(names, true)
        const missing = names.find((name) => (found.get(name)?.partitions.length ?? 0) === 0)
        if (missing !== undefined) {
          throw new KafkaError(UNKNOWN_TOPIC_OR_PARTITION, `Topic ${missing} after its creation`)
        }
        return [...found.values()].flatMap(({ topic, partitions: list }) => list.map(({ partition }) => ({ topic, partition })))
      },
      { timeoutMs: RETRY_MS }
    )
    await this.#offsets.list(partitions, 'latest', 'read_uncommitted')
  }

  #change(attempt: () => Promise<void>): Promise<void> {
    return withRetries(attempt, { timeoutMs: RETRY_MS })
  }

  #throwFirst(name: Api<never, never>['name'], failed: readonly { topic: string; errorCode: number; errorMessage: string | null }[]): void {
    const [first] = failed
    if (first !== undefined) {
      const reason = first.errorMessage === null ? '' : ` (${first.errorMessage})`
      throw new KafkaError(first.errorCode, `${name} of ${first.topic}${reason}`)
    }
  }
}
