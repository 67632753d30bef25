import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { createCluster } from '../../kafka/cluster.ts'
import type { FetchedRecords, GroupIdentity, IsolationLevel, KafkaClientOptions, KafkaCluster, TopicPartition } from '../../kafka/contract.ts'
import { brokerCodeOf } from '../../kafka/kafka-error.ts'

const MEMBER_ID_REQUIRED = 79
let counter = 0

/** Address of the cluster under test: `kafka` in the JSON file that MILLRACE_STACK names. */
export function bootstrapServers(): string[] {
  const path = process.env['MILLRACE_STACK']
  if (path === undefined) {
    throw new Error('Set MILLRACE_STACK to the JSON file with the addresses of the servers: these tests need a broker.')
  }
  const { kafka } = JSON.parse(readFileSync(path, 'utf8')) as { kafka: string }
  return [kafka]
}

/** Unique per call and process: topics, groups and transactional ids of test runs never meet. */
export function unique(name: string): string {
  return `kc-${name}-${process.pid.toString(36)}-${Date.now().toString(36)}-${(counter++).toString(36)}`
}

export function cluster(t: Test, options: Partial<KafkaClientOptions> = {}): KafkaCluster {
  const made = createCluster({ bootstrapServers: bootstrapServers(), clientId: 'millrace-test', ...options })
  t.teardown(() => made.close())
  return made
}

export async function newTopic(t: Test, kafka: KafkaCluster, partitions = 1, config: { [key: string]: string } = {}): Promise<string> {
  const name = unique('topic')
  // tests write timestamps of 1970, which the broker's retention would delete at its next check
  await kafka.admin().createTopics([{ name, partitions, replicationFactor: -1, config: { 'retention.ms': '-1', ...config } }])
  t.teardown(() => kafka.admin().deleteTopics([name]))
  return name
}

/** Waits for a condition another party brings about; fails the test instead of hanging when it never comes. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 120_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`gave up after ${timeoutMs} ms waiting until ${what}`)
    }
    await delay(5)
  }
}

export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: [string, string | null][]
  readonly timestamp: number
  readonly leaderEpoch: number
}

/** Everything from the start of the topic to its end as of now, markers passed, in offset order per partition. */
export async function readAll(kafka: KafkaCluster, topic: string, isolation: IsolationLevel = 'read_committed'): Promise<ReadRecord[]> {
  const metadata = (await kafka.metadata([topic])).get(topic)!
  const partitions = metadata.partitions.map(({ partition }) => ({ topic, partition }))
  const ends = await kafka.listOffsets(partitions, 'latest', 'read_uncommitted')
  const starts = await kafka.listOffsets(partitions, 'earliest', 'read_uncommitted')
  const records: ReadRecord[] = []
  const open = new Set(partitions.filter((p) => ends.get(keyOf(p))! > starts.get(keyOf(p))!).map(keyOf))
  let failure: Error | undefined
  const fetcher = kafka.fetcher({
    isolation,
    onRecords: (answer) => {
      records.push(...drain(answer))
      if (answer.nextOffset >= ends.get(keyOf(answer))!) {
        open.delete(keyOf(answer))
      }
    },
    onError: (_, error) => {
      failure = error
    }
  })
  for (const partition of partitions) {
    fetcher.seek(partition, starts.get(keyOf(partition))!)
  }
  await until(() => open.size === 0 || failure !== undefined, `${[...open]} read to the end`)
  await fetcher.close()
  if (failure !== undefined) {
    throw failure
  }
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

export function drain(answer: FetchedRecords): ReadRecord[] {
  const records: ReadRecord[] = []
  const { cursor } = answer
  const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString())
  while (cursor.next()) {
    records.push({
      partition: answer.partition,
      offset: cursor.offset,
      key: text(cursor.key()),
      value: text(cursor.value()),
      headers: cursor.headers().map(({ key, value }) => [key, text(value)]),
      timestamp: cursor.timestamp,
      leaderEpoch: cursor.leaderEpoch
    })
  }
  return records
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** A group of one member. */
export async function joinAlone(kafka: KafkaCluster, groupId: string): Promise<GroupIdentity> {
  const group = kafka.group()
  const { memberId, generationId } = await join(kafka, groupId, '')
  const identity = { groupId, memberId, generationId }
  await group.sync(identity, 'test', [{ memberId, assignment: Buffer.from('all') }])
  return identity
}

export async function join(kafka: KafkaCluster, groupId: string, memberId: string): ReturnType<ReturnType<KafkaCluster['group']>['join']> {
  const group = kafka.group()
  const request = {
    groupId,
    memberId,
    // These members send no heartbeats: on a busy machine, too, they stay for as long as a test takes.
    sessionTimeoutMs: 300_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer' as const,
    protocols: [{ name: 'test', metadata: Buffer.alloc(0) }]
  }
  try {
    return await group.join(request)
  } catch (error) {
    if (brokerCodeOf(error) !== MEMBER_ID_REQUIRED) {
      throw error
    }
    return group.join({ ...request, memberId: (error as { memberId: string }).memberId })
  }
}

/** The committed offset once no transaction is pending on it. */
export async function committedOffset(kafka: KafkaCluster, groupId: string, partition: TopicPartition): Promise<number> {
  let offset = -2
  await until(async () => {
    try {
      offset = (await kafka.group().fetchOffsets(groupId, [partition]))[0]!.offset
      return true
    } catch (error) {
      if (brokerCodeOf(error) === 88) {
        return false
      }
      throw error
    }
  }, `the offsets of ${groupId} are stable`)
  return offset
}
