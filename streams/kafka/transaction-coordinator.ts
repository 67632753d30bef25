import type { ConnectionGroup } from './brokers.ts'
import type { BrokerConnection } from './connection.ts'
import type { Coordinators } from './coordinators.ts'
import { isDisconnect, isRetriable, KafkaError } from './kafka-error.ts'
import type { CoordinatorType } from './protocol/metadata.ts'
import type { ProducerIdentity } from './protocol/transactions.ts'
import { INIT_PRODUCER_ID } from './protocol/transactions.ts'
import { withRetries } from './retry.ts'

/** (-1, -1): "whoever had this transactional id before, I follow". Anything else would be compared and fenced. */
export const NO_PRODUCER: ProducerIdentity = { producerId: -1n, producerEpoch: -1 }

export interface CoordinatorCall {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  readonly retriable?: (error: unknown) => boolean
  readonly onDisconnect?: () => void
}

/** Sends requests to whoever coordinates a group or a transactional id now, and follows when that moves. */
export class CoordinatorClient {
  readonly #connections: ConnectionGroup
  readonly #coordinators: Coordinators

  constructor(connections: ConnectionGroup, coordinators: Coordinators) {
    this.#connections = connections
    this.#coordinators = coordinators
  }

  call<T>(type: CoordinatorType, key: string, request: (connection: BrokerConnection) => Promise<T>, options: CoordinatorCall): Promise<T> {
    return withRetries(
      async () => {
        const nodeId = await this.#coordinators.find(type, key)
        return request(this.#connections.to(nodeId))
      },
      {
        timeoutMs: options.timeoutMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        retriable: options.retriable ?? isRetriable,
        prepare: (error) => {
          if (isDisconnect(error)) {
            options.onDisconnect?.()
          }
          if (isDisconnect(error) || (error instanceof KafkaError && error.kind === 'coordinator')) {
            this.#coordinators.forget(type, key)
          }
        }
      }
    )
  }

  /** Takes a transactional id over: aborts what its earlier user left open and fences it. */
  initProducerId(transactionalId: string, identity: ProducerIdentity, transactionTimeoutMs: number, timeoutMs: number): Promise<ProducerIdentity> {
    return this.call(
      'transaction',
      transactionalId,
      async (connection) => {
        const answer = await connection.request(INIT_PRODUCER_ID, { transactionalId, transactionTimeoutMs, ...identity })
        if (answer.errorCode !== 0) {
          throw new KafkaError(answer.errorCode, `InitProducerId of ${transactionalId}`)
        }
        return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
      },
      { timeoutMs }
    )
  }
}
