import { setTimeout as delay } from 'node:timers/promises'
import { StreamsError } from '../errors.ts'
import type { PartitionWriter } from './batch-writer.ts'
import { nextSequence } from './batch-writer.ts'
import type { ConnectionGroup } from './brokers.ts'
import type { ProduceAck } from './contract.ts'
import { keyOf } from './fetcher.ts'
import { isRetriable, KafkaError } from './kafka-error.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { Api } from './protocol/api.ts'
import type { ProducedPartition, ProduceRequest } from './protocol/produce.ts'
import type { ProducerIdentity } from './protocol/transactions.ts'
import { pauseMs } from './retry.ts'

const LEADER_NOT_AVAILABLE = 5
const DUPLICATE_SEQUENCE_NUMBER = 46
/** Well below the broker's socket.request.max.bytes of 100 MB; keeps one slow request from holding many partitions. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024
/** How long a broker may wait for its followers before it answers 7 REQUEST_TIMED_OUT. */
const PRODUCE_TIMEOUT_MS = 15_000

export interface DeliveryOptions {
  readonly api: Api<ProduceRequest, ProducedPartition[]>
  readonly transactionalId: string | undefined
  readonly identity: ProducerIdentity
  /** Next sequence number by partition; counted on as batches are sealed. */
  readonly sequences: Map<string, number>
  /** No new attempt after this: the transaction would have timed out at its coordinator. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

interface Outgoing {
  readonly writer: PartitionWriter
  batch: number
  records: Buffer
  baseOffset: number
}

/**
 * Delivers whole writers: for each partition one batch after the other, so that a retried batch can never be
 * overtaken by a later sequence number; all partitions of a broker in one request.
 */
export class Delivery {
  readonly #connections: ConnectionGroup
  readonly #metadata: MetadataCache
  readonly #options: DeliveryOptions
  readonly #pending: Map<string, Outgoing>
  #failures = 0

  constructor(connections: ConnectionGroup, metadata: MetadataCache, writers: readonly PartitionWriter[], options: DeliveryOptions) {
    this.#connections = connections
    this.#metadata = metadata
    this.#options = options
    this.#pending = new Map(writers.map((writer) => [keyOf(writer), { writer, batch: 0, records: this.#seal(writer, 0), baseOffset: -1 }]))
  }

  async run(): Promise<ProduceAck[]> {
    const acks: ProduceAck[] = []
    const deadline = performance.now() + this.#options.timeoutMs
    while (this.#pending.size > 0) {
      const failure = await this.#round(acks)
      if (failure === undefined) {
        this.#failures = 0
        continue
      }
      this.#failures++
      if (performance.now() >= deadline || this.#options.signal.aborted) {
        throw new StreamsError('TRANSACTION_ABORTED', `${[...this.#pending.keys()].join(', ')}: not acknowledged in ${this.#options.timeoutMs} ms.`, {
          cause: failure
        })
      }
      await delay(pauseMs(failure, this.#failures), undefined, { signal: this.#options.signal }).catch(() => {})
      if (!(failure instanceof KafkaError) || failure.kind === 'metadata') {
        await this.#metadata.refresh([...this.#pending.values()].map(({ writer }) => writer.topic))
      }
    }
    return acks
  }

  /** Sends the next batch of every partition and awaits all answers. Returns what is worth another round. */
  async #round(acks: ProduceAck[]): Promise<Error | undefined> {
    await this.#metadata.leaders([...this.#pending.values()].map(({ writer }) => writer))
    let retry: Error | undefined
    const byLeader = new Map<number, Outgoing[]>()
    for (const outgoing of this.#pending.values()) {
      const leader = this.#metadata.leader(outgoing.writer)
      if (leader === undefined) {
        retry = new KafkaError(LEADER_NOT_AVAILABLE, keyOf(outgoing.writer))
        continue
      }
      const list = byLeader.get(leader.nodeId)
      if (list === undefined) {
        byLeader.set(leader.nodeId, [outgoing])
      } else {
        list.push(outgoing)
      }
    }
    const requests = [...byLeader].flatMap(([nodeId, list]) => chunks(list).map((chunk) => this.#send(nodeId, chunk, acks)))
    let fatal: Error | undefined
    for (const outcome of await Promise.all(requests)) {
      for (const error of outcome) {
        if (isRetriable(error)) {
          retry = error
        } else if (fatal === undefined || (error instanceof KafkaError && error.kind === 'fenced')) {
          fatal = error
        }
      }
    }
    if (fatal !== undefined) {
      throw fatal
    }
    return retry
  }

  async #send(nodeId: number, list: readonly Outgoing[], acks: ProduceAck[]): Promise<Error[]> {
    const { api, transactionalId } = this.#options
    let answers: ProducedPartition[]
    try {
      answers = await this.#connections.to(nodeId).request(api, {
        transactionalId: transactionalId ?? null,
        timeoutMs: PRODUCE_TIMEOUT_MS,
        batches: list.map(({ writer, records }) => ({ topic: writer.topic, partition: writer.partition, records }))
      })
    } catch (error) {
      return [error as Error]
    }
    const errors: Error[] = []
    for (const answer of answers) {
      const key = keyOf(answer)
      const outgoing = this.#pending.get(key)
      if (outgoing === undefined) {
        errors.push(new StreamsError('RESPONSE_INVALID', `Produce was answered for ${key}, which was not sent.`))
      } else if (answer.errorCode === 0 || answer.errorCode === DUPLICATE_SEQUENCE_NUMBER) {
        this.#acknowledged(key, outgoing, answer, acks)
      } else {
        errors.push(produceError(key, outgoing, answer))
      }
    }
    return errors
  }

  #acknowledged(key: string, outgoing: Outgoing, answer: ProducedPartition, acks: ProduceAck[]): void {
    const { writer } = outgoing
    if (outgoing.batch === 0) {
      outgoing.baseOffset = answer.errorCode === 0 ? answer.baseOffset : -1
    }
    outgoing.batch++
    if (outgoing.batch < writer.batches) {
      outgoing.records = this.#seal(writer, outgoing.batch)
      return
    }
    this.#pending.delete(key)
    acks.push({ topic: writer.topic, partition: writer.partition, baseOffset: outgoing.baseOffset, count: writer.count })
  }

  #seal(writer: PartitionWriter, batch: number): Buffer {
    const { identity, sequences, transactionalId } = this.#options
    const key = keyOf(writer)
    const baseSequence = sequences.get(key) ?? 0
    sequences.set(key, nextSequence(baseSequence, writer.recordsIn(batch)))
    return writer.seal(batch, { ...identity, baseSequence, transactional: transactionalId !== undefined })
  }
}

function produceError(key: string, outgoing: Outgoing, answer: ProducedPartition): KafkaError {
  const { writer, batch, records } = outgoing
  const what = `${key}: a batch of ${writer.recordsIn(batch)} records and ${records.length} bytes was refused`
  const error = new KafkaError(answer.errorCode, what)
  // What is neither retriable nor about the producer is about the records: a null key in a compacted topic, a bad timestamp.
  return error.kind === 'fatal' ? new KafkaError(answer.errorCode, what, { code: 'PRODUCTION_FAILED' }) : error
}

function chunks(list: readonly Outgoing[]): Outgoing[][] {
  const result: Outgoing[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const outgoing of list) {
    if (bytes + outgoing.records.length > MAX_REQUEST_BYTES) {
      result.push([])
      bytes = 0
    }
    result[result.length - 1]!.push(outgoing)
    bytes += outgoing.records.length
  }
  return result
}
