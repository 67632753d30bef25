import { StreamsError } from '../errors.ts'
import { PartitionWriter } from './batch-writer.ts'
import type { Brokers, ConnectionGroup } from './brokers.ts'
import type { BatchWriter, GroupIdentity, OffsetToCommit, ProduceAck, ProducerOptions, TransactionalProducer } from './contract.ts'
import type { Coordinators } from './coordinators.ts'
import { Delivery } from './delivery.ts'
import { keyOf } from './fetcher.ts'
import { KafkaError } from './kafka-error.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { ProducerEvent, ProducerState } from './producer-state.ts'
import { transition } from './producer-state.ts'
import { PRODUCE_V12, PRODUCE_V9 } from './protocol/produce.ts'
import type { ProducerIdentity } from './protocol/transactions.ts'
import { INIT_PRODUCER_ID } from './protocol/transactions.ts'
import { withRetries } from './retry.ts'
import { CoordinatorClient, NO_PRODUCER } from './transaction-coordinator.ts'
import type { TransactionProtocol } from './transaction-protocol.ts'
import { chooseProtocol } from './transaction-protocol.ts'

/** Streams' default for exactly-once: a producer that died must not hold up readers longer. */
const DEFAULT_TRANSACTION_TIMEOUT_MS = 10_000
/** Java's delivery.timeout.ms: a partition without leader for so long is an error. */
const DELIVERY_TIMEOUT_MS = 120_000
const UNDECIDED_FOREVER_MS = Number.POSITIVE_INFINITY
const INVALID_PRODUCER_ID_MAPPING = 49

export class KafkaProducer implements TransactionalProducer {
  readonly transactionalId: string | undefined
  readonly #options: ProducerOptions
  readonly #metadata: MetadataCache
  readonly #onClose: () => void
  readonly #connections: ConnectionGroup
  readonly #coordinator: CoordinatorClient
  readonly #transactionTimeoutMs: number
  #state: ProducerState = 'new'
  #failure: unknown
  #identity: ProducerIdentity = NO_PRODUCER
  #protocol: TransactionProtocol | undefined
  readonly #sequences = new Map<string, number>()
  /** Produce calls run one after the other: sequence numbers are given out in their order. */
  #produceTail: Promise<unknown> = Promise.resolve()
  readonly #outstanding = new Set<Promise<unknown>>()
  /** Ends the retries of this transaction's requests when it is aborted. */
  #transaction = new AbortController()
  /** The group refused the offsets: without them the transaction has no fence and is never committed (rule A2). */
  #offsetsRefused = false
  /** The producer id is unknown to the broker, or a batch of an idempotent producer was given up. */
  #identityLost = false

  constructor(brokers: Brokers, metadata: MetadataCache, coordinators: Coordinators, options: ProducerOptions, onClose: () => void) {
    this.transactionalId = options.transactionalId
    this.#options = options
    this.#metadata = metadata
    this.#onClose = onClose
    this.#connections = brokers.connections()
    this.#coordinator = new CoordinatorClient(this.#connections, coordinators)
    this.#transactionTimeoutMs = options.transactionTimeoutMs ?? DEFAULT_TRANSACTION_TIMEOUT_MS
  }

  get state(): ProducerState {
    return this.#state
  }

  async init(): Promise<void> {
    this.#move('init')
    try {
      await this.#takeIdentity()
      if (this.transactionalId !== undefined) {
        this.#protocol = await chooseProtocol({
          transactionalId: this.transactionalId,
          coordinator: this.#coordinator,
          forced: this.#options.transactionVersion,
          transactionTimeoutMs: this.#transactionTimeoutMs,
          timeoutMs: DELIVERY_TIMEOUT_MS
        })
      }
      this.#move('initialized')
    } catch (error) {
      if (error instanceof KafkaError && error.kind === 'fenced') {
        this.#move('fence')
      } else {
        this.#move('init-failed')
      }
      throw error
    }
  }

  produce(writers: readonly BatchWriter[]): Promise<readonly ProduceAck[]> {
    const loaded = writers.filter((writer) => writer.count > 0).map(ownWriter)
    if (loaded.length === 0) {
      return Promise.resolve([])
    }
    if (new Set(loaded.map(keyOf)).size < loaded.length) {
      return Promise.reject(new StreamsError('PRODUCER_STATE_INVALID', 'Two writers of one partition in one call: their order would be open.'))
    }
    return this.#send(() => {
      const turn = this.#produceTail.then(() => this.#deliver(loaded))
      this.#produceTail = turn.catch(() => {})
      return turn
    })
  }

  sendOffsets(offsets: readonly OffsetToCommit[], group: GroupIdentity): Promise<void> {
    if (this.transactionalId === undefined) {
      return Promise.reject(new StreamsError('PRODUCER_STATE_INVALID', 'Only a transactional producer can commit offsets with its records.'))
    }
    if (group.generationId < 0 || group.memberId === '') {
      // The broker accepts such a commit without any check of membership (rule A2).
      return Promise.reject(new StreamsError('MEMBERSHIP_LOST', `Offsets of group ${group.groupId} need a member id and a generation.`))
    }
    if (offsets.length === 0) {
      return Promise.resolve()
    }
    return this.#send(async () => {
      await this.#protocol!.commitOffsets(this.#identity, offsets, group, this.#limits())
      this.#offsetsRefused = false
    })
  }

  async commit(signal?: AbortSignal): Promise<void> {
    this.#transactionalOnly()
    if (this.#state === 'ready') {
      return
    }
    await Promise.allSettled(this.#outstanding)
    if (this.#state === 'failed') {
      throw new StreamsError('TRANSACTION_ABORTED', 'The transaction has failed: call abort().', { cause: this.#failure })
    }
    if (this.#offsetsRefused) {
      throw new StreamsError('TRANSACTION_ABORTED', 'The group has refused the offsets of this transaction: send them again or call abort().')
    }
    this.#move('commit')
    const timeoutMs = signal === undefined ? DELIVERY_TIMEOUT_MS : UNDECIDED_FOREVER_MS
    let next: ProducerIdentity
    try {
      next = await this.#protocol!.end(this.#identity, true, { timeoutMs, ...(signal === undefined ? {} : { signal }) })
    } catch (error) {
      this.#endFailed(error)
      throw error
    }
    this.#ended('committed', next)
  }

  async abort(): Promise<void> {
    this.#transactionalOnly()
    if (this.#state === 'ready') {
      return
    }
    this.#move('abort')
    this.#transaction.abort()
    await Promise.allSettled(this.#outstanding)
    let next: ProducerIdentity
    try {
      if (this.#identityLost) {
        await this.#takeIdentity()
        this.#protocol!.reset()
        next = this.#identity
      } else {
        next = await this.#protocol!.end(this.#identity, false, { timeoutMs: DELIVERY_TIMEOUT_MS })
      }
    } catch (error) {
      this.#move(error instanceof KafkaError && error.kind === 'fenced' ? 'fence' : 'abort-failed')
      throw error
    }
    this.#ended('aborted', next)
  }

  async close(): Promise<void> {
    this.#move('close')
    this.#transaction.abort()
    this.#connections.close()
    this.#onClose()
    await Promise.allSettled(this.#outstanding)
  }

  async #deliver(writers: readonly PartitionWriter[]): Promise<readonly ProduceAck[]> {
    if (this.transactionalId === undefined && this.#identityLost) {
      await this.#takeIdentity()
    }
    await this.#protocol?.addPartitions(this.#identity, writers, this.#limits())
    const delivery = new Delivery(this.#connections, this.#metadata, writers, {
      api: this.#protocol?.version === 2 ? PRODUCE_V12 : PRODUCE_V9,
      transactionalId: this.transactionalId,
      identity: this.#identity,
      sequences: this.#sequences,
      timeoutMs: DELIVERY_TIMEOUT_MS,
      signal: this.#transaction.signal
    })
    return delivery.run()
  }

  /** Runs one request of the current transaction and keeps the books of what it did to it. */
  #send<T>(request: () => Promise<T>): Promise<T> {
    try {
      if (this.transactionalId !== undefined || this.#state !== 'ready') {
        this.#move('send')
      }
    } catch (error) {
      return Promise.reject(error)
    }
    const running = request().catch((error: unknown) => {
      this.#sendFailed(error)
      throw error
    })
    this.#outstanding.add(running)
    const done = (): void => {
      this.#outstanding.delete(running)
    }
    running.then(done, done)
    return running
  }

  #sendFailed(error: unknown): void {
    if (this.transactionalId === undefined) {
      // Sequence numbers were given out for batches that may never arrive: the next call starts with a new id.
      this.#identityLost = true
      return
    }
    if (error instanceof KafkaError) {
      if (error.kind === 'fenced') {
        this.#move('fence')
        return
      }
      if (error.kind === 'membership') {
        // The caller knows whether its own rejoin is under way and may send the offsets again (rule C1).
        this.#offsetsRefused = true
        return
      }
      this.#identityLost ||= error.brokerCode === INVALID_PRODUCER_ID_MAPPING
    }
    this.#failure ??= error
    this.#move('fail')
  }

  #endFailed(error: unknown): void {
    if (error instanceof KafkaError && error.kind === 'fenced') {
      this.#move('fence')
    } else if (error instanceof KafkaError && error.kind === 'abortable') {
      this.#identityLost ||= error.brokerCode === INVALID_PRODUCER_ID_MAPPING
      this.#failure = error
      this.#move('fail')
    } else {
      this.#move('outcome-unknown')
    }
  }

  #ended(event: 'committed' | 'aborted', next: ProducerIdentity): void {
    // Sequences belong to an epoch. Without a new one (version 1) they go on where they are.
    if (next.producerId !== this.#identity.producerId || next.producerEpoch !== this.#identity.producerEpoch) {
      this.#sequences.clear()
    }
    this.#identity = next
    this.#transaction = new AbortController()
    this.#offsetsRefused = false
    this.#failure = undefined
    this.#move(event)
  }

  async #takeIdentity(): Promise<void> {
    const { transactionalId } = this
    this.#identity =
      transactionalId === undefined
        ? await this.#idempotentIdentity()
        : await this.#coordinator.initProducerId(transactionalId, NO_PRODUCER, this.#transactionTimeoutMs, DELIVERY_TIMEOUT_MS)
    this.#sequences.clear()
    this.#identityLost = false
  }

  #idempotentIdentity(): Promise<ProducerIdentity> {
    return withRetries(
      async () => {
        const answer = await this.#connections.any(INIT_PRODUCER_ID, {
          transactionalId: null,
          transactionTimeoutMs: this.#transactionTimeoutMs,
          ...NO_PRODUCER
        })
        if (answer.errorCode !== 0) {
          throw new KafkaError(answer.errorCode, 'InitProducerId')
        }
        return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
      },
      { timeoutMs: DELIVERY_TIMEOUT_MS }
    )
  }

  #limits(): { timeoutMs: number; signal: AbortSignal } {
    return { timeoutMs: DELIVERY_TIMEOUT_MS, signal: this.#transaction.signal }
  }

  #transactionalOnly(): void {
    if (this.transactionalId === undefined) {
      throw new StreamsError('PRODUCER_STATE_INVALID', 'A producer without a transactional id has no transactions.')
    }
  }

  #move(event: ProducerEvent): void {
    this.#state = transition(this.#state, event)
  }
}

function ownWriter(writer: BatchWriter): PartitionWriter {
  if (!(writer instanceof PartitionWriter)) {
    throw new StreamsError('PROTOCOL_ERROR', 'Only writers made by KafkaCluster.writer() can be produced.')
  }
  return writer
}
