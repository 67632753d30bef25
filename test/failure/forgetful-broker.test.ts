/**
 * What a broker forgets by itself, and the engine must not rely on: offsets of who is away (A9), tombstones and the beginnings of
 * changelogs (A3), records by their age (A8), records behind a purge (A13). On a broker that forgets within seconds; only
 * offsets take a minute, and the engine's own purge half of one: both pass beside the other tests.
 */
import t, { type Test } from 'tap'
import { TestCluster } from '../../streams/test/integration/streams-support.ts'
import { Brokers } from '../brokers/brokers.ts'
import { emptyGroup, purgedTable, quietPartitions } from './forgetful/offsets.ts'
import { yearReplayed } from './forgetful/old-records.ts'
import { pendingEntries } from './forgetful/references.ts'
import { emptiedByRetention, madeAnew, movedAway, overtaken, tables, truncated } from './forgetful/tombstones.ts'

t.setTimeout(400_000)

const SETTINGS = `
offsets.retention.minutes=1
offsets.retention.check.interval.ms=500
log.initial.task.delay.ms=500
log.retention.check.interval.ms=1000
log.cleaner.backoff.ms=100
log.cleaner.dedupe.buffer.size=4194304
`

let brokers: Brokers | undefined
let cluster: TestCluster
/** What goes on when the broker, or the engine, has forgotten. */
let later: { readonly [What in 'quiet' | 'empty' | 'pending']: (t: Test) => Promise<void> }

t.before(async () => {
  brokers = await Brokers.start({ settings: SETTINGS })
  cluster = new TestCluster(brokers.address(1), { retries: 30, initialRetryTime: 200, maxRetryTime: 1_000 })
  await cluster.connect()
  const [quiet, empty, pending] = await Promise.all([quietPartitions(cluster), emptyGroup(cluster), pendingEntries(cluster)])
  later = { quiet, empty, pending }
})
t.teardown(async () => {
  await cluster?.close()
  await brokers?.stop()
})

t.test('a task comes back to a copy whose tombstones the cleaner has removed: no deleted key is there, no finished call is made again (A3)', (t) => movedAway(t, cluster))

t.test('rows of tables and global tables that were deleted, and cleaned away, while nobody read (A3)', (t) => tables(t, cluster))

t.test('a changelog that was made anew under a running task (A3)', (t) => madeAnew(t, cluster))

t.test('a changelog that was truncated (A3)', (t) => truncated(t, cluster))

t.test('retention overtakes who reads a changelog (A3)', (t) => overtaken(t, cluster))

t.test('retention empties a changelog, and the copy is whole (A3, A8)', (t) => emptiedByRetention(t, cluster))

t.test('records of a year ago through repartition topic and windows, killed and without a disk, while the broker deletes by age (A8)', (t) => yearReplayed(t, cluster))

t.test('an in-flight table that was purged tells that its application is not new (A9)', (t) => purgedTable(t, cluster))

t.test('what is pending is whole though its records are purged and deleted by age, after a kill without a disk (A13)', (t) => later.pending(t))

t.test('the position in a partition that is quiet for longer than offsets are kept is not lost (A9)', (t) => later.quiet(t))

t.test('a group that was empty for longer than offsets are kept does not begin anew on top of its state (A9)', (t) => later.empty(t))
