import { openMemoryTaskState } from 'millrace-state-stores'
import t from 'tap'
import { buildTopology, Serdes, StreamsError } from '../../index.ts'
import { KafkaError } from '../../kafka/kafka-error.ts'
import { resolveConfig } from '../../runtime/config.ts'
import { newCounters } from '../../runtime/thread-counters.ts'
import { storeSpecs } from '../../runtime/stores.ts'
import { Suspects } from '../../runtime/suspects.ts'
import { TaskManager } from '../../runtime/task-manager.ts'

const COORDINATOR_LOADING = 14
const strings = { key: Serdes.string(), value: Serdes.string() }

/** One task that begins as soon as the brokers answer: `answers` errors before that. */
function begin(answers: readonly Error[], taskTimeoutMs: number) {
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
    open: async () => openMemoryTaskState(storeSpecs(subtopology!)),
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
  manager.add([{ subtopology: subtopology!.name, fingerprint: subtopology!.fingerprint, partition: 0 }])
  return { ended: ended.promise, warnings, left }
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
