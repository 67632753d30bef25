/** The smoke topology on a cluster: its topics, its input, and what it must have written at the end. */
import type { OutputRecord, TestCluster } from '../integration/streams-support.ts'
import { SmokeCheck } from './check.ts'
import type { SmokeLoad, SmokeRecord } from './load.ts'
import { SMOKE_TOPICS, type SmokeSettings, type SmokeTopic } from './topology.ts'

/** Path of the topology as `Child` (`../failure/child.ts`) wants it. */
export const SMOKE_TOPOLOGY = new URL('./topology.ts', import.meta.url).href

/** Creates the topics. Records are of some hours ago and stay. */
export async function smokeSettings(cluster: TestCluster, name: string, partitions: number, windowMs: number): Promise<SmokeSettings> {
  const created = await Promise.all(SMOKE_TOPICS.map(async (topic) => [topic, await cluster.topic(`${name}-${topic}`, partitions, { 'retention.ms': '-1' })] as const))
  return { topics: Object.fromEntries(created) as Record<SmokeTopic, string>, windowMs }
}

/** Sends records; `partition` for those of every partition, otherwise their keys decide. */
export async function sendSmoke(cluster: TestCluster, settings: SmokeSettings, records: readonly SmokeRecord[], partition?: number): Promise<void> {
  const messages = records.map(({ key, value, timestamp }) => ({ key, value: int(value), timestamp, ...(partition === undefined ? {} : { partition }) }))
  await cluster.send(settings.topics.data, messages)
}

/** Closes every window, and waits until everything has gone through every step. */
export async function finishSmoke(cluster: TestCluster, applicationId: string, settings: SmokeSettings, load: SmokeLoad, partitions: number, timeoutMs = 600_000): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    await sendSmoke(cluster, settings, [load.flush], partition)
  }
  const { data, min, max, sum, cnt } = settings.topics
  for (const topic of [data, min, max, sum, cnt, `${applicationId}-by-cnt-repartition`]) {
    await cluster.consumed(applicationId, topic, timeoutMs)
  }
}

/** Compares everything that was written with what the input topic, as it lies there, must lead to. */
export async function smokeProblems(cluster: TestCluster, { topics, windowMs }: SmokeSettings): Promise<{ readonly problems: string[]; readonly counts: ReadonlyMap<SmokeTopic, number> }> {
  const check = new SmokeCheck(windowMs)
  await cluster.eachCommitted(topics.data, ({ key, value, timestamp }) => check.input(key!.toString(), value!.readInt32BE(), timestamp))
  for (const topic of SMOKE_TOPICS) {
    if (topic !== 'data') {
      await cluster.eachCommitted(topics[topic], (record) => check.output(topic, record.key!.toString(), numberIn(topic, record), record.timestamp))
    }
  }
  return { problems: check.problems(), counts: check.counts }
}

function int(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

function numberIn(topic: SmokeTopic, { value }: OutputRecord): number {
  if (topic === 'avg') {
    return value!.readDoubleBE()
  }
  return topic === 'sum' || topic === 'cnt' || topic === 'tagg' ? Number(value!.readBigInt64BE()) : value!.readInt32BE()
}
