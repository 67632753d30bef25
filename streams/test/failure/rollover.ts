/**
 * Commits across the end of a producer's epochs (rule C16): with transaction.version 2 every commit raises the epoch, and the
 * broker answers the last one it has room for with another producer id.
 */
import { loseAnswers } from '../integration/kafka-cut.ts'
import type { TestCluster } from '../integration/streams-support.ts'
import { KafkaStreams, Serdes, type StreamsBuilder } from '../../index.ts'
import { INIT_PRODUCER_ID, type ProducerIdentity } from '../../kafka/protocol/transactions.ts'
import { CoordinatorClient, NO_PRODUCER } from '../../kafka/transaction-coordinator.ts'
import { TransactionsV2 } from '../../kafka/transaction-protocol.ts'
import { countProblems, tally } from './word-load.ts'

/** Short.MAX_VALUE - 1: the coordinator keeps the one above it for fencing. */
export const LAST_EPOCH = 32_766
/** Written to by every commit. */
export const PARTITIONS = 40
const END_TXN = 26
/** Requests for epochs under way at once; they are answered one after the other. */
const PIPELINED = 20

export interface RolloverOptions {
  /** The epoch of the producer's first transaction. */
  readonly firstEpoch: number
  /** At least so many, but for a few. */
  readonly commits: number
  /** The answer to the end of the last transaction of a producer id is lost. */
  readonly loseLast: boolean
}

export interface Rollover {
  /** What each commit was answered with, for the next transaction; none by transaction.version 1. */
  readonly identities: readonly ProducerIdentity[]
  readonly problems: readonly string[]
  readonly records: number
  readonly answersLost: number
  readonly commitsDropped: number
  readonly producersReplaced: number
  readonly errors: readonly Error[]
}

/** Raises the epoch of the first transactional id that is used from now on, as so many transactions would. */
function age(firstEpoch: number): void {
  const { initProducerId } = CoordinatorClient.prototype
  CoordinatorClient.prototype.initProducerId = async function (transactionalId, identity, transactionTimeoutMs, timeoutMs) {
    CoordinatorClient.prototype.initProducerId = initProducerId
    for (let epoch = 0; epoch < firstEpoch; epoch += PIPELINED) {
      const raise = () => this.call('transaction', transactionalId, (connection) => connection.request(INIT_PRODUCER_ID, { transactionalId, transactionTimeoutMs, ...NO_PRODUCER }), { timeoutMs })
      await Promise.all(Array.from({ length: Math.min(PIPELINED, firstEpoch - epoch) }, raise))
    }
    return initProducerId.call(this, transactionalId, identity, transactionTimeoutMs, timeoutMs)
  }
}

interface Ends {
  readonly identities: ProducerIdentity[]
  lost: { readonly count: number }
  stop(): void
}

function watchEnds(loseLast: boolean): Ends {
  const { end } = TransactionsV2.prototype
  const ends: Ends = {
    identities: [],
    lost: { count: 0 },
    stop: () => {
      TransactionsV2.prototype.end = end
    },
  }
  TransactionsV2.prototype.end = async function (identity, commit, call) {
    if (loseLast && identity.producerEpoch === LAST_EPOCH) {
      ends.lost = loseAnswers(END_TXN, 1)
    }
    const next = await end.call(this, identity, commit, call)
    ends.identities.push(next)
    return next
  }
  return ends
}

/** One application, one thread: a record a commit, counted by its key, and its count written to every partition of the sink. */
export async function commitAcross(cluster: TestCluster, name: string, { firstEpoch, commits, loseLast }: RolloverOptions): Promise<Rollover> {
  const [source, sink] = [await cluster.topic(`${name}-source`, 4), await cluster.topic(`${name}-sink`, PARTITIONS)]
  const errors: Error[] = []
  const app = new KafkaStreams({
    topology: (b: StreamsBuilder) => {
      b.stream(source, { key: Serdes.string(), value: Serdes.string() })
        .groupByKey()
        .count({ name: 'per-key' })
        .toStream()
        .flatMap((key, count) => Array.from({ length: PARTITIONS }, (_, partition) => [`${key}/${partition}` as string, count] as const))
        .to(sink, { key: Serdes.string(), value: Serdes.long(), partitioner: (_topic, { key }) => Number(key.slice(key.indexOf('/') + 1)) })
    },
    applicationId: cluster.name(name),
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads: 'in-process',
    // Nobody dies here: no time-out is to be what happens, however busy the machine is.
    sessionTimeoutMs: 120_000,
    transactionTimeoutMs: 120_000,
    replicationFactor: 1,
    onWarning: () => undefined,
  })
  app.onError((error) => errors.push(error))
  if (firstEpoch > 0) {
    age(firstEpoch)
  }
  const ends = watchEnds(loseLast)
  const keys: string[] = []
  try {
    await app.start()
    const committed = async () => (await app.metrics())[0]!.counters.commits
    for (let done = await committed(); keys.length < commits && errors.length === 0; ) {
      const key = `key-${(keys.length * 7) % 97}`
      keys.push(key)
      await cluster.send(source, [{ key, value: '' }])
      for (const before = done; done === before && errors.length === 0; done = await committed()) {
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    if (errors.length === 0) {
      await cluster.consumed(cluster.name(name), source)
    }
    const { commitsDropped, producersReplaced } = (await app.metrics())[0]!.counters
    await app.close()
    const expected = tally(keys.flatMap((key) => Array.from({ length: PARTITIONS }, (_, partition) => `${key}/${partition}`)))
    const written = await cluster.committed(sink)
    return { identities: ends.identities, problems: countProblems(written, expected), records: written.length, answersLost: ends.lost.count, commitsDropped, producersReplaced, errors }
  } finally {
    ends.stop()
  }
}
