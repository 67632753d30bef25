/**
 * Rule A3: a copy of a store that is older than its changelog's tombstones brings deleted keys back, and finished calls. The
 * real cleaner removes them; or the changelog is made anew, or truncated, while a copy is away.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type KeyValueStore, type Processor, type ProcessorContext, type Record, Serdes, Stores, type StreamsBuilder, TimeWindows } from 'millrace'
import type { Test } from 'tap'
import type { TestCluster } from '../../../streams/test/integration/streams-support.ts'
import { eventually } from '../../connectors/integration/support.ts'
import { application, configure, COUNT, counts, logStart, runningTasks, TEXT, texts, truncate } from './application.ts'

type Assertions = Pick<Test, 'same' | 'equal' | 'ok' | 'match' | 'rejects'>

const STORE = 'shelf'
/** Tombstones go as soon as the cleaner has seen them twice, in segments of milliseconds. */
const EAGER = { 'cleanup.policy': 'compact', 'delete.retention.ms': '1', 'segment.ms': '50', 'min.cleanable.dirty.ratio': '0.001' }
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']

/** Keeps the value of a key; `delete` deletes it; `list` tells all keys but those that only fill the log. */
class Shelf implements Processor<string, string, string, string> {
  #context: ProcessorContext<string, string> | undefined
  #store: KeyValueStore<string, string> | undefined

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    this.#store = context.getStateStore(STORE)
  }

  process(record: Record<string, string>): void {
    const { key, value } = record
    if (value === 'list') {
      const keys = Array.from(this.#store!.all(), ([each]) => each).filter((each) => !each.startsWith('filler'))
      this.#context!.forward({ ...record, value: keys.join() })
    } else if (value === 'delete') {
      this.#store!.delete(key)
    } else {
      this.#store!.put(key, value)
    }
  }
}

interface Topics {
  readonly source: string
  readonly sink: string
  readonly calls: string
  readonly answers: string
}

async function topics(cluster: TestCluster, name: string, partitions: number): Promise<Topics> {
  const [source, calls] = [await cluster.topic(`${name}-source`, partitions), await cluster.topic(`${name}-calls`, partitions)]
  const [sink, answers] = [await cluster.topic(`${name}-sink`, 1), await cluster.topic(`${name}-answers`, 1)]
  return { source, sink, calls, answers }
}

/** One task a partition: a store, and an asynchronous operator. */
function shelf({ source, sink, calls, answers }: Topics, call: (value: string) => Promise<string>) {
  return (b: StreamsBuilder): void => {
    const all = b.stream([source, calls], TEXT)
    all
      .filter((_key, value) => !value.startsWith('call'))
      .process(() => new Shelf(), { name: STORE, stores: [Stores.keyValueStore(STORE, { ...TEXT, topicConfig: EAGER })], ...TEXT })
      .to(sink)
    all.filter((_key, value) => value.startsWith('call')).mapAsync(call, { name: 'ask', value: Serdes.string(), timeout: '10m' }).to(answers)
  }
}

const never = () => new Promise<string>(() => undefined)

/** Until the cleaner has removed every record of these keys; `fill` writes something behind them, or nothing would be cleaned. */
async function cleaned(cluster: TestCluster, topic: string, partition: number, keys: readonly string[], fill: (key: string) => Promise<void>): Promise<void> {
  let filler = 0
  await eventually('the cleaner removes the tombstones', async () => {
    await fill(`filler-${filler++}`)
    return !(await cluster.committed(topic)).some((record) => record.partition === partition && keys.includes(`${record.key}`))
  })
}

async function listed(cluster: TestCluster, { source, sink }: Topics, groupId: string, partition: number): Promise<string> {
  await cluster.send(source, [{ key: 'any', value: 'list', partition }])
  await cluster.consumed(groupId, source)
  return `${(await cluster.committed(sink)).at(-1)!.value}`
}

async function put(cluster: TestCluster, { source }: Topics, groupId: string, keys: readonly string[]): Promise<void> {
  await cluster.send(source, keys.map((key) => ({ key, value: 'there' })))
  await cluster.consumed(groupId, source)
}

/** A task moves to another process, is changed there, and comes back to the copy it left. */
export async function movedAway(t: Assertions, cluster: TestCluster): Promise<void> {
  const all = await topics(cluster, 'moved', 2)
  const groupId = cluster.name('moved')
  const called: string[] = []
  const run = (name: string, answer: (value: string) => Promise<string>) =>
    application(cluster, 'moved', shelf(all, (value) => {
      called.push(`${name} ${value}`)
      return answer(value)
    }))
  const first = run('first', never)
  await first.start()
  await cluster.send(all.source, [0, 1].flatMap((partition) => KEYS.map((key) => ({ key, value: 'there', partition }))))
  await cluster.send(all.calls, [0, 1].map((partition) => ({ key: 'k', value: `call ${partition}`, partition })))
  await cluster.consumed(groupId, all.source)
  await cluster.consumed(groupId, all.calls)

  const second = run('second', async (value) => `answer to ${value}`)
  await second.start()
  const [moved] = await eventually('a task has moved', async () => {
    const tasks = await runningTasks(second)
    return tasks.length === 1 && tasks
  })
  const partition = Number(moved!.at(-1))
  t.equal((await runningTasks(first)).length, 1, 'the other one stays')
  const deleted = KEYS.slice(0, 4)
  await cluster.send(all.source, deleted.map((key) => ({ key, value: 'delete', partition })))
  await eventually('the call is answered', async () => (await cluster.committed(all.answers)).length === 1)
  await cleaned(cluster, `${groupId}-${STORE}-changelog`, partition, deleted, async (key) => {
    await cluster.send(all.source, [{ key, value: 'x', partition }])
    await cluster.consumed(groupId, all.source)
  })
  // As the engine does twice a minute: nothing is pending there.
  await truncate(cluster, `${groupId}-ask-in-flight-changelog`, -1, partition)
  await second.close()
  await eventually('the task is back', async () => (await runningTasks(first)).length === 2)
  t.equal(await listed(cluster, all, groupId, partition), 'e,f', 'what was deleted stays deleted')
  t.equal(await listed(cluster, all, groupId, 1 - partition), KEYS.join(), 'the task that stayed')
  t.same(called.toSorted(), ['first call 0', 'first call 1', `second call ${partition}`], 'the finished call is not made again')
  t.same(texts(await cluster.committed(all.answers)), [`k: answer to call ${partition}`], 'it has one answer')
  await first.close()
}

/** Tables whose topics are their changelogs: rows are deleted while nobody reads. */
export async function tables(t: Assertions, cluster: TestCluster): Promise<void> {
  const [orders, sink] = [await cluster.topic('orders', 1), await cluster.topic('orders-sink', 1)]
  const rows = [await cluster.topic('rows', 1, EAGER), await cluster.topic('global-rows', 1, EAGER)] as const
  const groupId = cluster.name('tables')
  const stateDir = cluster.folder()
  const session = async () => {
    const app = application(cluster, 'tables', (b) => {
      const [table, everywhere] = [b.table(rows[0], { ...TEXT, name: 'rows' }), b.globalTable(rows[1], { ...TEXT, name: 'global-rows' })]
      b.stream(orders, TEXT)
        .leftJoin(table, (_order, row) => row ?? 'none', TEXT)
        .leftJoin(everywhere, (key) => key, (row, other) => `${row}, ${other ?? 'none'}`)
        .to(sink, TEXT)
    }, { stateDir })
    await app.start()
    await cluster.consumed(groupId, rows[0])
    await cluster.send(orders, KEYS.map((key) => ({ key, value: 'order' })))
    await cluster.consumed(groupId, orders)
    await app.close()
    return texts((await cluster.committed(sink)).slice(-KEYS.length))
  }
  const deleted = KEYS.slice(0, 4)
  await Promise.all(rows.map((topic) => cluster.send(topic, KEYS.map((key) => ({ key, value: 'there' })))))
  t.same(await session(), KEYS.map((key) => `${key}: there, there`), 'every order finds its rows')
  for (const topic of rows) {
    await cluster.send(topic, deleted.map((key) => ({ key, value: null })))
    await cleaned(cluster, topic, 0, deleted, (key) => cluster.send(topic, [{ key, value: 'x' }]))
  }
  t.same(await session(), KEYS.map((key) => `${key}: ${deleted.includes(key) ? 'none, none' : 'there, there'}`), 'and those only that are there')
}

/** The changelog of a store is deleted and made anew under a running task: its next write is not committed. */
export async function madeAnew(t: Assertions, cluster: TestCluster): Promise<void> {
  const all = await topics(cluster, 'anew', 1)
  const groupId = cluster.name('anew')
  const changelog = `${groupId}-${STORE}-changelog`
  const stateDir = cluster.folder()
  const run = () => application(cluster, 'anew', shelf(all, never), { stateDir })
  const app = run()
  const failed = new Promise<Error>((resolve) => app.onError(resolve))
  await app.start()
  const [task] = await runningTasks(app)
  await put(cluster, all, groupId, KEYS)
  await cluster.ours.admin().deleteTopics([changelog])
  await cluster.ours.admin().createTopics([{ name: changelog, partitions: 1, replicationFactor: 1, config: { 'cleanup.policy': 'compact' } }])
  const told = { code: 'CHANGELOG_MISMATCH', message: /was deleted and made anew, .* may be the last one/ }
  await cluster.send(all.source, [{ key: 'late', value: 'there' }])
  t.match(await failed, told, 'who writes to it notices')
  await app.close()
  t.same(await cluster.committed(changelog), [], 'and does not go on in the new topic')
  await t.rejects(run().start(), told, 'nor does who begins')
  await t.rejects(run().start(), told, 'the copy is kept, whoever tries again')
  t.ok(existsSync(join(stateDir, task!)), 'it is there')
  // As the error says: to start with what the topic has.
  rmSync(join(stateDir, task!), { recursive: true })
  const last = run()
  await last.start()
  t.equal(await listed(cluster, all, groupId, 0), 'late', 'without the copy: what the topic has, and what comes')
  await last.close()
}

/** The beginning of a changelog is deleted, and with it what a copy has not seen. */
export async function truncated(t: Assertions, cluster: TestCluster): Promise<void> {
  const all = await topics(cluster, 'truncated', 1)
  const groupId = cluster.name('truncated')
  const changelog = `${groupId}-${STORE}-changelog`
  await cluster.ours.admin().createTopics([{ name: changelog, partitions: 1, replicationFactor: 1, config: { 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' } }])
  const [older, newer] = [cluster.folder(), cluster.folder()]
  const session = async (stateDir: string, keys: readonly string[]): Promise<string> => {
    const app = application(cluster, 'truncated', shelf(all, never), { stateDir })
    await app.start()
    await put(cluster, all, groupId, keys)
    const list = await listed(cluster, all, groupId, 0)
    await app.close()
    return list
  }
  await session(older, ['a', 'b'])
  t.equal(await session(newer, ['c']), 'a,b,c', 'from the changelog')
  await session(newer, ['d'])
  const d = (await cluster.committed(changelog)).find(({ key }) => `${key}` === 'd')!
  await truncate(cluster, changelog, d.offset)
  t.equal(await session(newer, []), 'a,b,c,d', 'a copy that ends behind the new beginning lacks nothing')
  t.equal(await session(older, []), 'd', 'one that ends before it is made anew of what the topic has')

  await session(newer, ['e'])
  await truncate(cluster, changelog, -1)
  await configure(cluster, changelog, { 'cleanup.policy': 'compact' })
  await t.rejects(session(older, []), { code: 'CHANGELOG_MISMATCH', message: /was emptied, .* may be the last one/ }, 'of nothing it is not, where nothing is deleted by itself')
  t.equal(await session(newer, []), 'a,b,c,d,e', 'the last one, and whole')
}

/** Retention overtakes who reads a changelog: between the question where it begins and the first record. */
export async function overtaken(t: Assertions, cluster: TestCluster): Promise<void> {
  const all = await topics(cluster, 'overtaken', 1)
  const groupId = cluster.name('overtaken')
  const changelog = `${groupId}-${STORE}-changelog`
  await cluster.ours.admin().createTopics([{ name: changelog, partitions: 1, replicationFactor: 1, config: { 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' } }])
  const first = application(cluster, 'overtaken', shelf(all, never))
  await first.start()
  await put(cluster, all, groupId, KEYS)
  await first.close()
  const e = (await cluster.committed(changelog)).find(({ key }) => `${key}` === 'e')!
  const warnings: string[] = []
  const second = application(cluster, 'overtaken', shelf(all, never), { onWarning: (warning) => warnings.push(warning) })
  const froms: number[] = []
  second.onRestore(({ type, topic, from }) => {
    if (type === 'start' && topic === changelog && froms.push(from) === 1) {
      // The engine stands still meanwhile: it has asked, and not read yet.
      execFileSync(process.execPath, [fileURLToPath(new URL('./delete-records.ts', import.meta.url)), cluster.bootstrapServers, changelog, `${e.offset}`])
    }
  })
  await second.start()
  t.same(froms, [0, e.offset], 'the task begins again')
  t.equal(await listed(cluster, all, groupId, 0), 'e,f', 'with what is left')
  t.match(warnings.find((warning) => warning.includes('cannot begin yet')), /OFFSET_OUT_OF_RANGE/, 'it is said why')
  await second.close()
}

/** An application is away for longer than its windows are kept, and its windows are open all the same: time stands still with its input. */
export async function emptiedByRetention(t: Assertions, cluster: TestCluster): Promise<void> {
  const [source, sink] = [await cluster.topic('away', 1), await cluster.topic('away-sink', 1)]
  const groupId = cluster.name('away')
  const changelog = `${groupId}-windows-changelog`
  const stateDir = cluster.folder()
  const timestamp = Date.now()
  const session = async () => {
    const app = application(
      cluster,
      'away',
      (b) => b.stream(source, TEXT).groupByKey().windowedBy(TimeWindows.ofSizeAndGrace('1d', 0)).count({ name: 'windows' }).toStream().selectKey(({ key }) => key).to(sink, COUNT),
      { stateDir },
    )
    await app.start()
    await cluster.send(source, [1, 2].map((value) => ({ key: 'k', value: `${value}`, timestamp })))
    await cluster.consumed(groupId, source)
    await app.close()
  }
  await session()
  await configure(cluster, changelog, { 'cleanup.policy': 'compact,delete', 'retention.ms': '1' })
  const [end] = (await cluster.highWatermarks(changelog)).values()
  await eventually('retention empties the changelog', async () => (await logStart(cluster, changelog)) === end)
  await session()
  t.same(counts(await cluster.committed(sink)), ['k: 1', 'k: 2', 'k: 3', 'k: 4'], 'the local copy is whole, and all there is')
}
