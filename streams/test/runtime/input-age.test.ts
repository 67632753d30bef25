import t from 'tap'
import { buildTopology, Serdes, type StreamsBuilder, TimeWindows } from '../../index.ts'
import { InputAge, retentionWarnings } from '../../runtime/input-age.ts'
import type { TopicPartition } from '../../kafka/contract.ts'

const DAY = 86_400_000
const NOW = 1_000 * DAY
const strings = { key: Serdes.string(), value: Serdes.string() }

/** One partition a topic; its records by offset, as days ago. */
function age(topology: (b: StreamsBuilder) => void, days: { [topic: string]: readonly number[] }, committed: { [topic: string]: number } = {}) {
  const built = buildTopology(topology, { applicationId: 'app' })
  const input = new InputAge({
    cluster: {
      group: () => ({ fetchOffsets: async (_group: string, partitions: readonly TopicPartition[]) => partitions.map(({ topic, partition }) => ({ topic, partition, offset: committed[topic] ?? -1, metadata: '', leaderEpoch: -1 })) }) as never,
      listOffsets: async (partitions, at) => {
        return new Map(partitions.map(({ topic }) => {
          const records = days[topic]!
          return [`${topic}-0`, at === 'earliest' ? 0 : at === 'latest' ? records.length : records.findIndex((ago) => NOW - ago * DAY >= at)]
        }))
      },
    },
    groupId: 'app',
    topology: built,
    counts: new Map(Object.keys(days).map((topic) => [topic, 1])),
    now: NOW,
  })
  return { input, built, last: built.subtopologies.at(-1)! }
}

const windowed = (b: StreamsBuilder) =>
  void b.stream('in', strings).selectKey((_key, value) => value, strings).groupByKey(strings).windowedBy(TimeWindows.ofSizeAndGrace(DAY, 0)).count({ name: 'n' }).toStream().selectKey(({ key }) => key).to('out', { key: Serdes.string(), value: Serdes.long() })

t.test('the sources before a repartition topic decide; what has been read already does not', async (t) => {
  const { input, built, last } = age(windowed, { in: [30, 20, 1] })
  t.equal(built.subtopologies.length, 2)
  for (const subtopology of built.subtopologies) {
    t.same(await input.olderThan(subtopology, 25 * DAY), ['in'])
  }
  t.same(await input.olderThan(last, 31 * DAY), [])
  t.same(await input.olderThan(last, -1), [], 'kept for ever')
  const begun = age(windowed, { in: [30, 20, 1] }, { in: 1 })
  t.same(await begun.input.olderThan(begun.last, 25 * DAY), [])
  t.same(await begun.input.olderThan(begun.last, 15 * DAY), ['in'])
  const all = age(windowed, { in: [30, 30] })
  t.same(await all.input.olderThan(all.last, 25 * DAY), ['in'], 'also when no record is younger')
})

t.test("nothing is read that is old with offsetReset 'latest'; an extractor's timestamps are its own", async (t) => {
  const latest = age((b) => b.stream('in', { ...strings, offsetReset: 'latest' }).to('out', strings), { in: [30] })
  t.same(await latest.input.olderThan(latest.last, DAY), [])
  const extracted = age((b) => b.stream('in', { ...strings, timestampExtractor: () => 1 }).to('out', strings), { in: [30] })
  t.same(await extracted.input.olderThan(extracted.last, DAY), [])
})

t.test('the retention that is enough, at most twice as much as it takes', async (t) => {
  const { input, last } = age(windowed, { in: [30, 20, 1] })
  t.equal(await input.retention(last, 40 * DAY), 40 * DAY, 'it is')
  t.equal(await input.retention(last, 2 * DAY), 32 * DAY)
  t.equal(await input.retention(last, 1), 32 * DAY)
  const ancient = age(windowed, { in: [999] })
  t.equal(await ancient.input.retention(ancient.last, 2 * DAY), -1)
})

t.test('topics that would lose something are named with the command that helps: those that delete, by the records’ time', async (t) => {
  const { input, built } = age(windowed, { in: [30] })
  const settings = (out: { [key: string]: string }) => ({
    config: async (topic: string) => (topic === 'out' ? out : { 'cleanup.policy': topic.endsWith('-repartition') ? 'delete' : 'compact,delete', 'retention.ms': topic.endsWith('-repartition') ? '-1' : String(2 * DAY) }),
  })
  const finite = { 'cleanup.policy': 'delete', 'retention.ms': String(7 * DAY) }
  const warnings = await retentionWarnings(input, built, settings(finite))
  t.equal(warnings.length, 2)
  t.match(warnings[0], /^'in' holds unread records older than the retention of 'out' \(604800000 ms\).*--topic out --add-config retention\.ms=4838400000$/)
  t.match(warnings[1], /'app-n-changelog' \(172800000 ms\).*lose state.*retention\.ms=2764800000$/)
  for (const safe of [{ ...finite, 'cleanup.policy': 'compact' }, { ...finite, 'message.timestamp.type': 'LogAppendTime' }, { ...finite, 'retention.ms': '-1' }]) {
    t.equal((await retentionWarnings(input, built, settings(safe))).length, 1)
  }
})
