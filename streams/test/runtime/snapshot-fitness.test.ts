import t from 'tap'
import type { ChangelogPosition } from 'millrace-state-stores'
import { plainFormat } from 'millrace-state-stores'
import type { TopicMetadata } from '../../kafka/contract.ts'
import { type RebuildOptions, whyRebuild, whyUnfit } from '../../runtime/snapshot-fitness.ts'
import type { StoreChangelog } from '../../runtime/task-entry.ts'

const NOW = 1_700_000_000_000
const POSITION: ChangelogPosition = { offset: 100, topicId: 'id of a', leaderEpoch: 3, appliedAt: NOW - 1_000 }

interface Broker {
  readonly logStart: number
  readonly highWatermark: number
  readonly epochEnd: number
  readonly topicId: string
}

interface Case {
  readonly a?: Partial<ChangelogPosition>
  readonly b?: Partial<ChangelogPosition>
}

interface Brokers {
  readonly a?: Partial<Broker> | null
  readonly b?: Partial<Broker>
}

/** The stores a and b, whose brokers differ from fit ones in what is given; without positions: there is none of b. */
function copy(positions: Case | undefined, brokers: Brokers = {}, committed?: number): Parameters<typeof whyRebuild> {
  const names = ['a', 'b'] as const
  const broker = (name: 'a' | 'b'): Broker => ({ logStart: 0, highWatermark: 150, epochEnd: 150, topicId: `id of ${name}`, ...brokers[name] })
  const changelog = (store: 'a' | 'b'): StoreChangelog => ({
    store,
    topic: store,
    key: `${store}-0`,
    format: plainFormat,
    source: store === 'b' && committed !== undefined ? ({} as StoreChangelog['source']) : undefined,
  })
  const all = new Map(names.map((name) => [`${name}-0`, { ...POSITION, topicId: `id of ${name}`, ...positions?.[name] }]))
  if (positions === undefined) {
    all.delete('b-0')
  }
  const options: RebuildOptions = {
    now: () => NOW,
    acceptableLag: 100,
    topics: { config: async () => ({}) },
    offsets: { committed: async () => [{ topic: 'b', partition: 0, offset: committed ?? 0, leaderEpoch: -1, metadata: '' }] },
    cluster: {
      metadata: async () => new Map(names.filter((name) => brokers[name] !== null).map((name) => [name, { topic: name, topicId: broker(name).topicId, partitions: [] } as unknown as TopicMetadata])),
      listOffsets: async (_, at) => new Map(names.map((name) => [`${name}-0`, at === 'earliest' ? broker(name).logStart : broker(name).highWatermark] as const)),
      endOffsetForEpoch: async ([asked]) => new Map([[`${asked!.topic}-0`, { leaderEpoch: 3, endOffset: broker(asked!.topic as 'a' | 'b').epochEnd }] as const]),
    },
  }
  return [{ changelogs: names.map(changelog), partition: 0 }, all, options]
}

const judge = (...about: Parameters<typeof copy>) => whyUnfit(...copy(...about))

t.test('which snapshots can be gone on from', async (t) => {
  t.equal(await judge({}), undefined, 'a tail to read')
  t.equal(await judge({}, {}, 100), undefined, 'at the committed offset of a source topic')
  t.match(await judge(undefined), /b-0: it has none of the store/)
  t.match(await judge({}, { a: null }), /a-0: the topic does not exist/)
  t.match(await judge({}, { a: { topicId: 'another' } }), /a-0: the topic was deleted and made anew/)
  t.match(await judge({ a: { offset: 0 } }, { a: { topicId: 'another' } }), /made anew/, 'also when it had nothing')
  t.match(await judge({}, { a: { highWatermark: 0, epochEnd: -1 } }), /a-0: the topic was emptied/)
  t.match(await judge({}, { a: { highWatermark: 90, epochEnd: -1 } }), /a-0: the topic has lost records/, 'an unclean election')
  t.match(await judge({}, { a: { epochEnd: 80 } }), /a-0: the topic has lost records/, 'another history')
  t.match(await judge({ a: { appliedAt: NOW - 2 * 86_400_000 } }), /a-0: .*deletions/, 'older than the tombstones')
  t.match(await judge({}, {}, 99), /b-0: the group's committed offset lies before/)
})

t.test('the log of one store may have gone past it, not those of all', async (t) => {
  t.equal(await judge({}, { a: { logStart: 101 } }), undefined, 'that store is rebuilt')
  t.equal(await judge({}, { a: { logStart: 120 }, b: { logStart: 101, highWatermark: 101 } }), undefined, 'retention has left nothing of the other, and the snapshot is whole')
  t.match(await judge({}, { a: { logStart: 101 }, b: { logStart: 120 } }), /b-0 begins at offset 120 now, and the snapshot is from offset 100/)
  t.match(await judge({}, { a: { logStart: 101 }, b: { topicId: 'another' } }), /b-0: .*made anew/)
})

t.test('which local copies had better give way to a snapshot', async (t) => {
  const give = (...about: Parameters<typeof copy>) => whyRebuild(...copy(...about))
  t.equal(await give({}), undefined, 'a tail to read')
  t.equal(await give(undefined), undefined, 'a store that is new')
  t.match(await give({ a: { appliedAt: NOW - 2 * 86_400_000 } }), /^a-0: the topic has lost records that are in it, or deletions/)
  t.match(await give({}, { a: { logStart: 110, highWatermark: 300, epochEnd: -1 } }), /^a-0: /, 'overtaken by retention')
  t.equal(await give({}, { a: { logStart: 150 } }), undefined, 'little or nothing to read: that of an in-flight table that was emptied')
  t.equal(await give({ a: { appliedAt: NOW - 2 * 86_400_000 } }, { b: { topicId: 'another' } }), undefined, 'it may be the last there is')
  t.equal(await give({ a: { appliedAt: NOW - 2 * 86_400_000 } }, { b: { highWatermark: 0, epochEnd: -1 } }), undefined, 'likewise')
})
