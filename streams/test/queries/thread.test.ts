/** Queries as a stream thread answers them: by the status of the task, behind a position, of a copy within its lag. */
import { openMemoryTaskState } from 'millrace-state-stores'
import t from 'tap'
import { buildTopology, type Processor, Serdes, Stores } from '../../index.ts'
import type { PageRequest } from '../../queries/page.ts'
import { decodeRows } from '../../queries/rows-codec.ts'
import { ThreadQueries } from '../../queries/thread-queries.ts'
import { storeSpecs } from '../../runtime/stores.ts'
import { TaskEntry } from '../../runtime/task-entry.ts'
import type { Task } from '../../runtime/task.ts'
import { newCounters } from '../../runtime/thread-counters.ts'
import { storeClock } from 'millrace-state-stores'

class Nothing implements Processor<string, string> {
  process(): void {}
}

const topology = buildTopology((b) => {
  b.stream('in', { key: Serdes.string(), value: Serdes.string() }).process(() => new Nothing(), { name: 'keep', stores: [Stores.keyValueStore('kept', { key: Serdes.string(), value: Serdes.string() })] })
}, { applicationId: 'asked' })
const subtopology = topology.subtopologies[0]!
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const CHANGELOG = 'asked-kept-changelog-0'
const request: PageRequest = { store: 'kept', partition: 0, query: { kind: 'key', key: Buffer.from('a') }, maxRows: 1, waitMs: 0 }

function entryOf(): TaskEntry {
  const entry = new TaskEntry('asked', { subtopology: subtopology.name, fingerprint: subtopology.fingerprint, partition: 0 }, subtopology, { partitionsOf: () => 1, cameLater: () => false })
  entry.state = openMemoryTaskState(storeSpecs(subtopology))
  return entry
}

function running(): TaskEntry {
  const entry = entryOf()
  entry.move('restore')
  entry.move('restored')
  entry.task = { timeOf: () => storeClock() } as unknown as Task
  entry.committed.set('in-0', 5)
  return entry
}

t.test('by the status of its task', async (t) => {
  const entry = entryOf()
  const queries = new ThreadQueries({ entries: () => [entry], globals: () => ({ state: undefined, tables: [] }), counters: newCounters() })
  t.match(await queries.page({ ...request, partition: 1 }), { kind: 'absent' })
  t.match(await queries.page({ ...request, store: 'none' }), { kind: 'absent' })
  t.match(await queries.page(request), { kind: 'failure', code: 'QUERY_REBALANCING' })
  entry.move('restore')
  t.match(await queries.page(request), { kind: 'failure', code: 'QUERY_REBALANCING', message: /restoring/ })
  entry.move('close')
  t.match(await queries.page(request), { kind: 'absent' })
})

t.test('a position is waited for, and said to be missed in time', async (t) => {
  const entry = running()
  const queries = new ThreadQueries({ entries: () => [entry], globals: () => ({ state: undefined, tables: [] }), counters: newCounters() })
  t.match(await queries.page({ ...request, bound: { 'in-0': 4, 'in-1': 99 } }), { kind: 'page', position: { 'in-0': 5 }, active: true }, 'other partitions are not its business')
  t.match(await queries.page({ ...request, bound: { 'in-0': 5 } }), { kind: 'failure', code: 'QUERY_NOT_UP_TO_BOUND' })
  t.match(await queries.page({ ...request, bound: { 'in-0': 5 }, waitMs: 5 }), { kind: 'failure', code: 'QUERY_NOT_UP_TO_BOUND', message: /committed in-0 up to 5; asked for was offset 5/ })

  let answered = false
  const waiting = queries.page({ ...request, bound: { 'in-0': 6 }, waitMs: 60_000 }).then((answer) => {
    answered = true
    return answer
  })
  entry.committed.set('in-0', 6)
  await turn()
  queries.committed()
  await turn()
  t.notOk(answered, 'offset 6 is not in it yet')
  entry.state!.store('kept').put(Buffer.from('a'), Buffer.from('seen'), 0)
  entry.state!.freeze()
  await entry.state!.applyFrozen(new Map())
  entry.committed.set('in-0', 7)
  queries.committed()
  const answer = await waiting
  t.equal(answer.kind === 'page' && Buffer.from(decodeRows(answer.rows)[0]!.value).toString(), 'seen')

  const left = queries.page({ ...request, bound: { 'in-0': 100 }, waitMs: 60_000 })
  await turn()
  const untaken = queries.page(request)
  queries.close()
  t.match(await left, { kind: 'absent' }, 'a thread that stops keeps nobody waiting')
  t.match(await untaken, { kind: 'absent' })
})

t.test('many that ask at once have a slice, then records have a turn', async (t) => {
  const entry = running()
  const slow = () => {
    const until = performance.now() + 4
    while (performance.now() < until) {
      // A page that takes its time.
    }
    return storeClock()
  }
  entry.task = { timeOf: slow } as unknown as Task
  const queries = new ThreadQueries({ entries: () => [entry], globals: () => ({ state: undefined, tables: [] }), counters: newCounters() })
  let turns = 0
  let all = false
  const count = () => {
    turns++
    if (!all) {
      setImmediate(count)
    }
  }
  setImmediate(count)
  const answers = await Promise.all(Array.from({ length: 12 }, () => queries.page(request)))
  all = true
  t.ok(answers.every(({ kind }) => kind === 'page'))
  t.ok(turns >= 4, `${turns} turns for 12 pages of 4 ms`)
})

t.test('a copy answers within the lag that is allowed, and knows no position', async (t) => {
  const entry = entryOf()
  entry.move('feed')
  const queries = new ThreadQueries({ entries: () => [entry], globals: () => ({ state: undefined, tables: [] }), counters: newCounters() })
  t.match(await queries.page(request), { code: 'QUERY_NOT_ACTIVE', message: /allow it with maxLag/ })
  t.match(await queries.page({ ...request, maxLag: Number.MAX_SAFE_INTEGER - 1 }), { code: 'QUERY_NOT_ACTIVE', message: /an unknown number of records behind/ })
  entry.highWatermarks.set(CHANGELOG, 10)
  await entry.state!.restore('kept', [{ key: Buffer.from('a'), value: Buffer.from('old') }], CHANGELOG, { offset: 7, topicId: 'x', leaderEpoch: 0, appliedAt: 0 })
  t.match(await queries.page({ ...request, maxLag: 2 }), { code: 'QUERY_NOT_ACTIVE', message: /3 records behind its changelogs, 2 are allowed/ })
  t.match(await queries.page({ ...request, maxLag: 3 }), { kind: 'page', active: false, lag: 3, position: {} })
  t.match(await queries.page({ ...request, maxLag: 3, bound: { 'in-0': 0 } }), { code: 'QUERY_NOT_ACTIVE', message: /knows no positions/ })
  entry.rebuilding.add('kept')
  t.match(await queries.page({ ...request, maxLag: 3 }), { code: 'QUERY_NOT_ACTIVE' })
})

t.test('a store that cannot be read says so, without the key', async (t) => {
  const entry = running()
  await entry.state!.close()
  const queries = new ThreadQueries({ entries: () => [entry], globals: () => ({ state: undefined, tables: [] }), counters: newCounters() })
  const answer = await queries.page({ ...request, query: { kind: 'key', key: Buffer.from('secret') } })
  t.match(answer, { kind: 'failure', code: 'QUERY_FAILED' })
  t.notMatch(JSON.stringify(answer), /secret/)
})
