import type { Brokers, ConnectionGroup } from './brokers.ts'
import { KafkaError } from './kafka-error.ts'
import type { CoordinatorType } from './protocol/metadata.ts'
import { FIND_COORDINATOR } from './protocol/metadata.ts'
import { withRetries } from './retry.ts'

/** A fresh cluster answers 15 until the coordinator's internal topic exists; longer than this it is an error. */
const FIND_TIMEOUT_MS = 60_000

/** Which broker coordinates a group or a transactional id: found once, forgotten when it proves wrong. */
export class Coordinators {
  readonly #brokers: Brokers
  readonly #connections: ConnectionGroup
  readonly #found = new Map<string, Promise<number>>()

  constructor(brokers: Brokers, connections: ConnectionGroup) {
    this.#brokers = brokers
    this.#connections = connections
  }

  find(type: CoordinatorType, key: string): Promise<number> {
    const name = `${type}:${key}`
    let found = this.#found.get(name)
    if (found === undefined) {
      found = this.#ask(type, key)
      this.#found.set(name, found)
      found.catch(() => this.#found.delete(name))
    }
    return found
  }

  forget(type: CoordinatorType, key: string): void {
    this.#found.delete(`${type}:${key}`)
  }

  #ask(type: CoordinatorType, key: string): Promise<number> {
    return withRetries(
      async () => {
        const answer = await this.#connections.any(FIND_COORDINATOR, { type, key })
        if (answer.errorCode !== 0) {
          throw new KafkaError(answer.errorCode, `Coordinator of ${type} ${key}`)
        }
        this.#brokers.learn({ nodeId: answer.nodeId, host: answer.host, port: answer.port })
        return answer.nodeId
      },
      { timeoutMs: FIND_TIMEOUT_MS }
    )
  }
}
