/**
 * Rule A9: offsets of an empty group expire, and those of topics that no member lists. What a running group lists must
 * stay, however quiet; where they are gone and state is there, nobody may begin anew as if nothing had been.
 */
import type { StreamsBuilder } from 'millrace'
import type { Test } from 'tap'
import type { TestCluster } from '../../../streams/test/integration/streams-support.ts'
import { eventually } from '../../connectors/integration/support.ts'
import { application, COUNT, counts, TEXT, truncate } from './application.ts'

type Assertions = Pick<Test, 'same' | 'equal' | 'rejects' | 'comment'>

function countPerKey(topics: readonly string[], sink: string) {
  return (b: StreamsBuilder): void => {
    b.stream(topics, TEXT).groupByKey().count({ name: 'per-key' }).toStream().to(sink, COUNT)
  }
}

/** Committed offsets of both partitions; -1: none. */
async function offsets(cluster: TestCluster, groupId: string, topic: string): Promise<number[]> {
  const committed = await cluster.ours.group().fetchOffsets(groupId, [0, 1].map((partition) => ({ topic, partition })), { requireStable: true })
  return committed.map(({ offset }) => offset)
}

/** As tools do it, for a group without members. */
function commit(cluster: TestCluster, groupId: string, topic: string, all: readonly number[]): Promise<unknown> {
  return cluster.ours.group().commitOffsets({ groupId, memberId: '', generationId: -1 }, all.map((offset, partition) => ({ topic, partition, offset, metadata: '' })))
}

/** To be called when the minute begins that the broker keeps offsets for. Resolves with what waits for its end. */
export async function quietPartitions(cluster: TestCluster): Promise<(t: Assertions) => Promise<void>> {
  const [busy, quiet, sink, elsewhere] = [await cluster.topic('busy', 2), await cluster.topic('quiet', 2), await cluster.topic('quiet-sink', 1), await cluster.topic('elsewhere', 1)]
  const [groupId, other] = [cluster.name('quiet'), cluster.name('other')]
  // Shows that the broker forgets offsets of this very group: of a topic nobody lists.
  await commit(cluster, groupId, elsewhere, [7])
  await cluster.send(quiet, [0, 1].flatMap((partition) => [1, 2, 3].map((i) => ({ key: `quiet-${partition}`, value: `${i}`, partition }))))
  await cluster.send(busy, [{ key: 'busy', value: '0', partition: 0 }])
  const app = application(cluster, 'quiet', countPerKey([busy, quiet], sink))
  await app.start()
  await cluster.consumed(groupId, quiet)
  // Shows when more time has passed than those of the quiet partitions would have been kept for.
  await commit(cluster, other, elsewhere, [7])
  let sent = 1
  return async (t) => {
    await eventually('offsets of what nobody lists are forgotten', async () => {
      await cluster.send(busy, [{ key: 'busy', value: `${sent++}`, partition: 0 }])
      return (await Promise.all([groupId, other].map((each) => offsets(cluster, each, elsewhere)))).every(([offset]) => offset === -1)
    })
    t.same(await offsets(cluster, groupId, quiet), [3, 3], 'those of quiet partitions are not, beside a busy one and in a task where nothing moves')
    await app.close()
    const second = application(cluster, 'quiet', countPerKey([busy, quiet], sink))
    await second.start()
    await cluster.send(quiet, [0, 1].map((partition) => ({ key: `quiet-${partition}`, value: '4', partition })))
    await cluster.consumed(groupId, quiet)
    await cluster.consumed(groupId, busy)
    await second.close()
    const found = counts(await cluster.committed(sink))
    for (const [key, total] of [['quiet-0', 4], ['quiet-1', 4], ['busy', sent]] as const) {
      t.same(found.filter((line) => line.startsWith(key)), Array.from({ length: total }, (_, i) => `${key}: ${i + 1}`), `${key}: each once`)
    }
  }
}

/** As `quietPartitions`: of a group without members. */
export async function emptyGroup(cluster: TestCluster): Promise<(t: Assertions) => Promise<void>> {
  const [source, sink] = [await cluster.topic('empty', 2), await cluster.topic('empty-sink', 1)]
  const groupId = cluster.name('empty')
  const stateDir = cluster.folder()
  const message = (value: number) => [0, 1].map((partition) => ({ key: `key-${partition}`, value: `${value}`, partition }))
  const run = (folder: string) => application(cluster, 'empty', countPerKey([source], sink), { stateDir: folder })
  await cluster.send(source, [...message(1), ...message(2), ...message(3)])
  const first = run(stateDir)
  await first.start()
  await cluster.consumed(groupId, source)
  await first.close()
  return async (t) => {
    await eventually('the offsets of the group are forgotten', async () => (await offsets(cluster, groupId, source)).every((offset) => offset === -1))
    await cluster.send(source, message(4))
    const before = counts(await cluster.committed(sink))
    await t.rejects(run(stateDir).start(), { code: 'OFFSETS_MISSING', message: /expired .* or were deleted/ }, 'the local copies know that it is no new application')
    await t.rejects(run(cluster.folder()).start(), { code: 'OFFSETS_MISSING' }, 'the changelog knows')
    t.same(counts(await cluster.committed(sink)), before, 'nothing was processed again')
    t.same(await offsets(cluster, groupId, source), [-1, -1], 'nor skipped')
    // What the error says is to be done.
    await commit(cluster, groupId, source, [3, 3])
    const second = run(stateDir)
    await second.start()
    await cluster.consumed(groupId, source)
    await second.close()
    const found = counts(await cluster.committed(sink))
    for (const key of ['key-0', 'key-1']) {
      t.same(found.filter((line) => line.startsWith(key)), [1, 2, 3, 4].map((count) => `${key}: ${count}`), `${key}: it counts on`)
    }
  }
}

/** Nothing is pending, and the engine has purged the changelog that says what was: its beginning tells that there was something. */
export async function purgedTable(t: Assertions, cluster: TestCluster): Promise<void> {
  const [source, sink] = [await cluster.topic('purged', 1), await cluster.topic('purged-sink', 1)]
  const groupId = cluster.name('purged')
  const gate = Promise.withResolvers<void>()
  let calls = 0
  const run = () =>
    application(cluster, 'purged', (b) =>
      b
        .stream(source, TEXT)
        .mapAsync(async (value) => {
          calls++
          await gate.promise
          return `answer to ${value}`
        }, { name: 'ask', value: TEXT.value, timeout: '10m' })
        .to(sink, TEXT))
  await cluster.send(source, [{ key: 'k', value: 'v' }])
  const app = run()
  await app.start()
  await cluster.consumed(groupId, source)
  gate.resolve()
  await eventually('the answer is there', async () => (await cluster.committed(sink)).length === 1)
  await app.close()
  await truncate(cluster, `${groupId}-ask-in-flight-changelog`, -1)
  await cluster.admin.deleteGroups([groupId])
  await t.rejects(run().start(), { code: 'OFFSETS_MISSING' }, 'on an empty disk')
  t.equal(calls, 1, 'nobody is asked again')
}
