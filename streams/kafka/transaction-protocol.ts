import { StreamsError } from '../errors.ts'
import type { BrokerConnection } from './connection.ts'
import type { GroupIdentity, OffsetToCommit, TopicPartition } from './contract.ts'
import { keyOf } from './fetcher.ts'
import { isRetriable, KafkaError } from './kafka-error.ts'
import type { PartitionError } from './protocol/api.ts'
import type { ProducerIdentity } from './protocol/transactions.ts'
import {
  ADD_OFFSETS_TO_TXN,
  ADD_PARTITIONS_TO_TXN,
  END_TXN_V3,
  END_TXN_V5,
  TXN_OFFSET_COMMIT_V3,
  TXN_OFFSET_COMMIT_V5
} from './protocol/transactions.ts'
import type { CoordinatorCall, CoordinatorClient } from './transaction-coordinator.ts'

const UNKNOWN_SERVER_ERROR = -1
const INVALID_TXN_STATE = 48
const OPERATION_NOT_ATTEMPTED = 55

export interface ProtocolOptions {
  readonly transactionalId: string
  readonly coordinator: CoordinatorClient
  readonly transactionTimeoutMs: number
  readonly timeoutMs: number
}

/** What differs between the two ways of speaking transactions to the coordinator. */
export interface TransactionProtocol {
  readonly version: 1 | 2
  /** Before records are produced to them. */
  addPartitions(identity: ProducerIdentity, partitions: readonly TopicPartition[], call: CoordinatorCall): Promise<void>
  commitOffsets(identity: ProducerIdentity, offsets: readonly OffsetToCommit[], group: GroupIdentity, call: CoordinatorCall): Promise<void>
  /** EndTxn. Resolves with the identity of the next transaction. */
  end(identity: ProducerIdentity, commit: boolean, call: CoordinatorCall): Promise<ProducerIdentity>
  /** Forgets what was added: the transactional id has been initialised anew. */
  reset(): void
}

/**
 * transaction.version 2 (KIP-890): brokers add partitions and groups to the transaction by themselves, and every end of
 * a transaction raises the epoch, so that nothing late can reach into the next one. Three requests a commit.
 */
export class TransactionsV2 implements TransactionProtocol {
  readonly version = 2
  readonly #options: ProtocolOptions

  constructor(options: ProtocolOptions) {
    this.#options = options
  }

  async addPartitions(): Promise<void> {}

  commitOffsets(identity: ProducerIdentity, offsets: readonly OffsetToCommit[], group: GroupIdentity, call: CoordinatorCall): Promise<void> {
    const { transactionalId, coordinator } = this.#options
    return coordinator.call(
      'group',
      group.groupId,
      async (connection) => {
        const errors = await connection.request(TXN_OFFSET_COMMIT_V5, { transactionalId, ...identity, offsets, group })
        throwFirst(errors, `TxnOffsetCommit for group ${group.groupId}`)
      },
      call
    )
  }

  async end(identity: ProducerIdentity, commit: boolean, call: CoordinatorCall): Promise<ProducerIdentity> {
    const { transactionalId, coordinator } = this.#options
    const answer = await coordinator.call(
      'transaction',
      transactionalId,
      async (connection) => {
        const response = await connection.request(END_TXN_V5, { transactionalId, ...identity, commit })
        throwCode(response.errorCode, `EndTxn of ${transactionalId}`)
        return response
      },
      { retriable: endRetriable, ...call }
    )
    return answer.producerId < 0n ? identity : { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  }

  reset(): void {}
}

/**
 * The protocol of brokers before 4.0: five requests a commit, and an epoch that does not change by itself. A request
 * left in a dead connection's queue could reach into the next transaction, so the epoch is raised whenever an answer was
 * lost, and after every abort (rule B8).
 */
export class TransactionsV1 implements TransactionProtocol {
  readonly version = 1
  readonly #options: ProtocolOptions
  readonly #partitions = new Set<string>()
  readonly #groups = new Set<string>()
  /** The coordinator carries out one change of a transaction at a time and answers 51 to others. */
  #tail: Promise<unknown> = Promise.resolve()
  #answerLost = false

  constructor(options: ProtocolOptions) {
    this.#options = options
  }

  async addPartitions(identity: ProducerIdentity, partitions: readonly TopicPartition[], call: CoordinatorCall): Promise<void> {
    const added = partitions.filter((partition) => !this.#partitions.has(keyOf(partition)))
    if (added.length === 0) {
      return
    }
    const { transactionalId } = this.#options
    await this.#inTurn(async (connection) => {
      const errors = await connection.request(ADD_PARTITIONS_TO_TXN, { transactionalId, ...identity, partitions: added })
      throwFirst(errors, `AddPartitionsToTxn of ${transactionalId}`)
    }, call)
    for (const partition of added) {
      this.#partitions.add(keyOf(partition))
    }
  }

  async commitOffsets(identity: ProducerIdentity, offsets: readonly OffsetToCommit[], group: GroupIdentity, call: CoordinatorCall): Promise<void> {
    const { transactionalId, coordinator } = this.#options
    if (!this.#groups.has(group.groupId)) {
      await this.#inTurn(async (connection) => {
        const { errorCode } = await connection.request(ADD_OFFSETS_TO_TXN, { transactionalId, ...identity, groupId: group.groupId })
        throwCode(errorCode, `AddOffsetsToTxn of ${transactionalId}`)
      }, call)
      this.#groups.add(group.groupId)
    }
    await coordinator.call(
      'group',
      group.groupId,
      async (connection) => {
        const errors = await connection.request(TXN_OFFSET_COMMIT_V3, { transactionalId, ...identity, offsets, group })
        throwFirst(errors, `TxnOffsetCommit for group ${group.groupId}`)
      },
      call
    )
  }

  async end(identity: ProducerIdentity, commit: boolean, call: CoordinatorCall): Promise<ProducerIdentity> {
    const { transactionalId } = this.#options
    try {
      await this.#inTurn(
        async (connection) => {
          const { errorCode } = await connection.request(END_TXN_V3, { transactionalId, ...identity, commit })
          throwCode(errorCode, `EndTxn of ${transactionalId}`)
        },
        { retriable: endRetriable, ...call }
      )
    } catch (error) {
      // Nothing was added to the transaction yet: there is nothing to abort, and the new epoch below settles the rest.
      if (commit || !(error instanceof KafkaError && error.brokerCode === INVALID_TXN_STATE)) {
        throw error
      }
    }
    const next = !commit || this.#answerLost ? await this.#raiseEpoch(identity) : identity
    this.reset()
    return next
  }

  reset(): void {
    this.#partitions.clear()
    this.#groups.clear()
    this.#answerLost = false
  }

  #raiseEpoch(identity: ProducerIdentity): Promise<ProducerIdentity> {
    const { transactionalId, coordinator, transactionTimeoutMs, timeoutMs } = this.#options
    return coordinator.initProducerId(transactionalId, identity, transactionTimeoutMs, timeoutMs)
  }

  #inTurn<T>(request: (connection: BrokerConnection) => Promise<T>, call: CoordinatorCall): Promise<T> {
    const { transactionalId, coordinator } = this.#options
    const turn = this.#tail.then(() =>
      coordinator.call('transaction', transactionalId, request, {
        ...call,
        onDisconnect: () => {
          this.#answerLost = true
        }
      })
    )
    this.#tail = turn.catch(() => {})
    return turn
  }
}

export interface ProtocolChoice {
  readonly transactionalId: string
  readonly coordinator: CoordinatorClient
  readonly forced: 1 | undefined
  readonly transactionTimeoutMs: number
  readonly timeoutMs: number
}

/** Version 2 when the cluster has finalized it and the coordinator speaks all three requests it needs. */
export async function chooseProtocol(choice: ProtocolChoice): Promise<TransactionProtocol> {
  const { forced, ...options } = choice
  if (forced === 1) {
    return new TransactionsV1(options)
  }
  const broker = await choice.coordinator.call('transaction', choice.transactionalId, (connection) => connection.versions(), {
    timeoutMs: choice.timeoutMs
  })
  const speaks = (key: number, version: number): boolean => (broker.versions.get(key)?.max ?? -1) >= version
  const v2 = (broker.features.get('transaction.version') ?? 0) >= 2 && speaks(0, 12) && speaks(28, 5) && speaks(26, 5)
  return v2 ? new TransactionsV2(options) : new TransactionsV1(options)
}

/** -1 leaves open whether the transaction has ended: ask again. */
function endRetriable(error: unknown): boolean {
  return isRetriable(error) || (error instanceof KafkaError && error.brokerCode === UNKNOWN_SERVER_ERROR)
}

function throwCode(errorCode: number, what: string): void {
  if (errorCode !== 0) {
    throw new KafkaError(errorCode, what)
  }
}

/** The error that says most: 55 only means that another partition's error stopped the request. */
function throwFirst(errors: readonly PartitionError[], what: string): void {
  const failed = errors.filter(({ errorCode }) => errorCode !== 0)
  const telling = failed.find(({ errorCode }) => errorCode !== OPERATION_NOT_ATTEMPTED) ?? failed[0]
  if (telling !== undefined) {
    throw new KafkaError(telling.errorCode, `${what}, ${keyOf(telling)}`)
  }
  if (errors.length === 0) {
    throw new StreamsError('RESPONSE_INVALID', `${what} was answered without a single partition.`)
  }
}
