import t from 'tap'
import { buildTopology, Serdes, type StreamsBuilder } from '../../index.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const internalTopics = (topology: (b: StreamsBuilder) => void) =>
  buildTopology(topology, { applicationId: 'app' }).subtopologies.flatMap((subtopology) => subtopology.internalTopics)

t.test('repartition topics are deleted by the engine, never by time', async (t) => {
  t.same(
    internalTopics((b) => void b.stream('a', strings).repartition({ name: 'r', partitions: 3 }).to('out')),
    [
      {
        name: 'app-r-repartition',
        kind: 'repartition',
        partitions: 3,
        config: { 'cleanup.policy': 'delete', 'segment.bytes': '52428800', 'retention.ms': '-1', 'message.timestamp.type': 'CreateTime' },
      },
    ]
  )
})

t.test('changelogs are compacted, keep tombstones for a week, and take the user’s settings', async (t) => {
  t.same(
    internalTopics(
      (b) =>
        void b
          .stream('a', strings)
          .groupByKey()
          .count({ name: 'n', topicConfig: { 'segment.ms': '60000', 'delete.retention.ms': '1' } })
    ),
    [
      {
        name: 'app-n-changelog',
        kind: 'changelog',
        config: { 'cleanup.policy': 'compact', 'delete.retention.ms': '1', 'message.timestamp.type': 'CreateTime', 'segment.ms': '60000' },
      },
    ]
  )
})

t.test('an in-flight changelog has small segments and may be deleted up to its end', async (t) => {
  const topics = internalTopics((b) => void b.stream('a', strings).mapAsync(async (value) => value, { name: 'call' }))
  t.same(topics, [
    {
      name: 'app-call-in-flight-changelog',
      kind: 'changelog',
      config: {
        'cleanup.policy': 'compact,delete',
        'retention.ms': '-1',
        'segment.bytes': '67108864',
        'segment.ms': '600000',
        'min.cleanable.dirty.ratio': '0.1',
        'delete.retention.ms': '604800000',
        'message.timestamp.type': 'CreateTime',
      },
    },
  ])
})

t.test('a table’s own topic is its changelog, unless its timestamps come from elsewhere', async (t) => {
  t.same(
    internalTopics((b) => void b.table('rows', strings)),
    []
  )
  const [subtopology] = buildTopology((b) => void b.table('rows', strings), { applicationId: 'app' }).subtopologies
  t.match(subtopology!.stores, [{ name: 'rows', changelog: 'rows', sourceIsChangelog: true, timestamped: true }])
  t.match(
    internalTopics((b) => void b.table('rows', { ...strings, timestampExtractor: () => 1 })),
    [{ name: 'app-rows-changelog' }]
  )
})

t.test('a store that is not logged has no topic', async (t) => {
  t.same(
    internalTopics((b) => void b.stream('a', strings).groupByKey().count({ name: 'n', logged: false })),
    []
  )
})
