import t from 'tap'
import type { ChangelogPosition } from 'millrace-state-stores'
import type { KafkaCluster } from '../../kafka/contract.ts'
import { requireSameChangelogs } from '../../runtime/changelog-positions.ts'
import type { ChangelogFacts } from '../../runtime/local-copy.ts'
import { judgeCopy } from '../../runtime/local-copy.ts'
import type { TaskEntry } from '../../runtime/task-entry.ts'

const DAY = 86_400_000
const POSITION: ChangelogPosition = { offset: 100, topicId: 'a', leaderEpoch: 3, appliedAt: 10 * DAY }
const FACTS: ChangelogFacts = { topicId: 'a', logStart: 0, highWatermark: 150, epochEnd: 150, tombstonesMs: 7 * DAY, own: true, forgets: false, now: 10 * DAY + 1_000 }

t.test('which local copies may be used (A3)', async (t) => {
  const cases: [string, ReturnType<typeof judgeCopy>, Partial<ChangelogPosition> | undefined, Partial<ChangelogFacts>][] = [
    ['nothing here', 'fresh', undefined, {}],
    ['a tail to replay', 'use', {}, {}],
    ['up to date', 'use', {}, { highWatermark: 100 }],
    ['up to date but for the last marker, however old', 'use', {}, { highWatermark: 101, now: 100 * DAY }],
    ['older than the tombstones, with a tail', 'rebuild', {}, { now: 18 * DAY }],
    ['younger than the tombstones less the margin', 'use', {}, { now: 16 * DAY }],
    ['the log begins behind the copy', 'rebuild', {}, { logStart: 101 }],
    ['the log begins where the copy ends', 'use', {}, { logStart: 100 }],
    ['the log ends before the copy (unclean election)', 'rebuild', {}, { highWatermark: 90, epochEnd: undefined }],
    ['another history: the epoch ended before the copy', 'rebuild', {}, { epochEnd: 80 }],
    ['the epoch is not known to the broker', 'use', {}, { epochEnd: undefined }],
    ['the topic was made anew', 'recreated', {}, { topicId: 'b' }],
    ['the topic was made anew before anything was copied', 'rebuild', { offset: 0 }, { topicId: 'b' }],
    ['nothing is left, and nothing but the marker of the last transaction was behind the copy', 'use', {}, { logStart: 101, highWatermark: 101, epochEnd: undefined }],
    ['likewise, of a source topic: it may have been a record', 'rebuild', {}, { logStart: 101, highWatermark: 101, epochEnd: undefined, own: false }],
    ['retention, or a purge, has left nothing', 'rebuild', {}, { logStart: 150, forgets: true }],
    ['somebody has left nothing', 'emptied', {}, { logStart: 150 }],
    ['the topic is empty', 'emptied', {}, { highWatermark: 0, epochEnd: undefined }],
  ]
  for (const [name, verdict, position, facts] of cases) {
    t.equal(judgeCopy(position === undefined ? undefined : { ...POSITION, ...position }, { ...FACTS, ...facts }), verdict, name)
  }
})

t.test('a running task notices that it writes to another log (A3)', async (t) => {
  let asked = 0
  const write = (baseOffset: number, topicId: string, part: { source?: object; partition?: number } = {}) => {
    const entry = { id: '0_0', state: { position: () => POSITION }, changelogs: [{ store: 's', topic: 'log', key: 'log-0', source: part.source }] } as unknown as TaskEntry
    const metadata = async () => {
      asked++
      return new Map(topicId === '' ? [] : [['log', { topicId }]])
    }
    return requireSameChangelogs([entry], [{ topic: 'log', partition: part.partition ?? 0, baseOffset, count: 500 }], { metadata } as unknown as KafkaCluster)
  }
  await write(100, 'b')
  await write(-1, 'b')
  await write(3, 'b', { source: {} })
  await write(3, 'b', { partition: 1 })
  t.equal(asked, 0, 'behind what it has, of an offset nobody told, of a topic that is others\', of another task: nobody is asked')
  await write(99, 'a')
  t.equal(asked, 1, 'the same topic: its end was lost')
  for (const topicId of ['b', '']) {
    await t.rejects(write(0, topicId), { code: 'CHANGELOG_MISMATCH', message: /log-0 was deleted and made anew, but task 0_0 has a local copy of store s \(offset 100\)/ })
  }
})
