import t from 'tap'
import type { ChangelogPosition } from 'millrace-state-stores'
import type { ChangelogFacts } from '../../runtime/local-copy.ts'
import { judgeCopy } from '../../runtime/local-copy.ts'

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
