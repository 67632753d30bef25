/** What a process and its threads see to beside records: old input, old state, brokers that do not answer. */
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openMemoryTaskState, StateFolder, StateStoreError } from 'millrace-state-stores'
import t from 'tap'
import { buildTopology, KafkaStreams, Serdes, type StreamsBuilder, StreamsError, TimeWindows } from '../../index.ts'
import type { TopicPartition } from '../../kafka/contract.ts'
import { KafkaError } from '../../kafka/kafka-error.ts'
import { resolveConfig } from '../../runtime/config.ts'
import { InputAge, retentionWarnings } from '../../runtime/input-age.ts'
import { StateCleaner } from '../../runtime/state-cleaner.ts'
import { storeSpecs } from '../../runtime/stores.ts'
import { Suspects } from '../../runtime/suspects.ts'
import { TaskManager } from '../../runtime/task-manager.ts'
import { newCounters } from '../../runtime/thread-counters.ts'

const DAY = 86_400_000
const NOW = 1_000 * DAY
const strings = { key: Serdes.string(), value: Serdes.string() }

// records older than what is made of them may be (A8)

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

// state nobody has any more

/** Folders of tasks by the days since something was written in them: in the folder, in a file. */
function folderOf(path: string, tasks: { readonly [id: string]: readonly [folder: number, file: number] }): StateFolder {
  for (const [id, [folder, file]] of Object.entries(tasks)) {
    mkdirSync(join(path, id))
    writeFileSync(join(path, id, 'data'), '')
    utimesSync(join(path, id, 'data'), new Date(NOW - file * DAY), new Date(NOW - file * DAY))
    utimesSync(join(path, id), new Date(NOW - folder * DAY), new Date(NOW - folder * DAY))
  }
  return new StateFolder(path)
}

const cleaner = (folder: StateFolder, inUse: () => Promise<ReadonlySet<string> | undefined>) => new StateCleaner({ folder, delayMs: 7 * DAY, inUse, onWarning: () => undefined })

t.test('state is deleted that nobody has and nobody has written for long; a folder of global tables stays', async (t) => {
  const path = t.testdir()
  const folder = folderOf(path, { orders_0: [8, 8], orders_1: [8, 6], orders_2: [6, 8], orders_3: [9, 9], 'global-0': [9, 9] })
  t.same(await cleaner(folder, async () => new Set(['orders_3'])).clean(NOW), ['orders_0'])
  t.same(readdirSync(path).sort(), ['global-0', 'orders_1', 'orders_2', 'orders_3'])
})

t.test('a thread that does not say what it has may have anything; what is opened meanwhile is not deleted', async (t) => {
  const path = t.testdir()
  const folder = folderOf(path, { orders_0: [8, 8] })
  t.same(await cleaner(folder, async () => undefined).clean(NOW), [])
  const opened = async () => {
    utimesSync(join(path, 'orders_0', 'data'), new Date(NOW), new Date(NOW))
    return new Set<string>()
  }
  t.same(await cleaner(folder, opened).clean(NOW), [])
  t.same(readdirSync(path), ['orders_0'])
  t.equal(await folder.lastUsed('orders_9'), 0)
})

t.test('cleanUp deletes the local state of an application that does not run', async (t) => {
  const path = t.testdir()
  folderOf(path, { orders_0: [0, 0], 'global-0': [0, 0] })
  const app = new KafkaStreams({ topology: (b) => void b, applicationId: 'app', bootstrapServers: 'localhost:9', stateDir: path, threads: 'in-process' })
  await app.cleanUp()
  t.same(readdirSync(path).filter((name) => !name.startsWith('.')), [])
})

// tasks that cannot begin

const COORDINATOR_LOADING = 14

/** One task that begins as soon as the brokers answer: `answers` errors before that. */
function begin(answers: readonly Error[], taskTimeoutMs: number, open?: () => Promise<never>) {
  const topology = buildTopology((b) => b.stream('in', strings).to('out', strings), { applicationId: 'app' })
  const [subtopology] = topology.subtopologies
  const left = [...answers]
  const warnings: string[] = []
  const ended = Promise.withResolvers<Error | 'running'>()
  const manager = new TaskManager({
    topology: () => topology,
    config: resolveConfig({ applicationId: 'app', bootstrapServers: 'localhost:9', taskTimeoutMs }),
    collector: undefined as never,
    globalStores: new Map(),
    createTask: () => ({ initialize: () => undefined, close: async () => undefined, measure: () => undefined }) as never,
    activation: {
      offsets: {
        starting: async () => {
          const error = left.shift()
          if (error !== undefined) {
            throw error
          }
          return [{ topic: 'in', partition: 0, offset: 0, metadata: '', leaderEpoch: -1 }]
        },
        fenceIfStuck: async () => undefined,
      },
    } as never,
    open: open ?? (async () => openMemoryTaskState(storeSpecs(subtopology!))),
    partitionsOf: () => 1,
    cameLater: () => false,
    committer: () => undefined,
    fence: () => 0,
    fetcher: { seek: () => 1, remove: () => undefined } as never,
    suspects: new Suspects(),
    counters: newCounters(),
    tracing: undefined,
    onLeft: () => undefined,
    onWake: () => ended.resolve('running'),
    onFailed: (error) => ended.resolve(error),
    onCopy: () => undefined,
    onWarning: (warning) => warnings.push(warning),
  })
  const version = { subtopology: subtopology!.name, fingerprint: subtopology!.fingerprint, partition: 0 }
  manager.add([version])
  return { ended: ended.promise, warnings, left, manager, version }
}

t.test('a task for which brokers do not answer begins as soon as they do, and says once that it waits', async (t) => {
  const { ended, warnings, left } = begin([new KafkaError(COORDINATOR_LOADING, 'OffsetFetch'), new StreamsError('TIMEOUT', 'Nobody answers.')], 60_000)
  t.equal(await ended, 'running')
  t.equal(left.length, 0)
  t.equal(warnings.length, 1)
  t.match(warnings[0], /Task in_0 cannot begin yet and is tried again for 60000 ms/)
})

t.test('after taskTimeoutMs its thread fails; of what will not pass at once', async (t) => {
  t.match(await begin([new KafkaError(COORDINATOR_LOADING, 'OffsetFetch')], 0).ended, { code: 'TIMEOUT', message: /Task in_0 could not begin for 0 ms \(taskTimeoutMs\)/ })
  const { ended, warnings } = begin([new StreamsError('OFFSETS_MISSING', 'They are gone.')], 60_000)
  t.match(await ended, { code: 'OFFSETS_MISSING' })
  t.same(warnings, [])
})

t.test('a task that is taken away while its database is being opened is not waited for until somebody else closes it', async (t) => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  let tries = 0
  const { manager, version } = begin([], 60_000, async () => {
    tries++
    asked.resolve()
    await answer.promise
    throw new StateStoreError('STATE_OPEN_FAILED', 'Another thread has it open.')
  })
  await asked.promise
  const closed = manager.close(manager.suspend([version]))
  answer.resolve()
  await closed
  t.equal(tries, 1)
})
