/**
 * The producer of a thread through its incarnations. Every one has a transactional id of its own, with a random part,
 * written to the state directory before its first use (rule B7): aborting a dead one is always safe.
 */
import { randomBytes } from 'node:crypto'
import type { StateFolder } from 'millrace-state-stores'
import type { KafkaCluster, TransactionalProducer } from '../kafka/contract.ts'
import type { RuntimeConfig } from './config.ts'

/** How all ids of a thread begin, of the orphan check's too. */
export function transactionalIdPrefix(applicationId: string, processId: string, thread: number): string {
  return `${applicationId}-${processId}-${thread}-`
}

/** A new id: its thread's prefix, what it is for ('' or ending in '-'), and a random part. */
export function transactionalIdOf(applicationId: string, processId: string, thread: number, purpose = ''): string {
  return `${transactionalIdPrefix(applicationId, processId, thread)}${purpose}${randomBytes(6).toString('hex')}`
}

const BEHIND_APPLICATION = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+-(?:orphans-)?[0-9a-f]{12}$/

/** An id this application has made: others may begin alike (`orders` and `orders-archive`), and are never to be fenced. */
export function isTransactionalIdOf(applicationId: string, transactionalId: string): boolean {
  return transactionalId.startsWith(`${applicationId}-`) && BEHIND_APPLICATION.test(transactionalId.slice(applicationId.length + 1))
}

export interface ProducerIncarnationOptions {
  readonly cluster: KafkaCluster
  readonly config: RuntimeConfig
  readonly folder: StateFolder
  readonly processId: string
  readonly thread: number
  /** It produces under this id from now on. */
  onRenewed?(transactionalId: string): void
}

export class ProducerIncarnation {
  readonly #options: ProducerIncarnationOptions
  #producer: TransactionalProducer | undefined
  #transactionalId = ''
  #memberId: string | undefined

  constructor(options: ProducerIncarnationOptions) {
    this.#options = options
  }

  get producer(): TransactionalProducer {
    return this.#producer!
  }

  /** '' before the first `renew`. */
  get transactionalId(): string {
    return this.#transactionalId
  }

  /** A new producer under a new id. The old one, if any, is fenced first: its open transaction would hold readers up. */
  async renew(): Promise<void> {
    const { cluster, config, folder, processId, thread, onRenewed } = this.#options
    const exactlyOnce = config.processingGuarantee === 'exactly_once_v2'
    const old = this.#transactionalId
    if (this.#producer !== undefined) {
      await this.#producer.close()
      if (exactlyOnce) {
        await cluster.fence(old)
      }
    }
    this.#transactionalId = transactionalIdOf(config.applicationId, processId, thread)
    await this.#record()
    onRenewed?.(this.#transactionalId)
    if (old !== '') {
      await folder.forget(old)
    }
    this.#producer = cluster.producer(exactlyOnce ? { transactionalId: this.#transactionalId, transactionTimeoutMs: config.transactionTimeoutMs } : {})
    await this.#producer.init()
  }

  async setMemberId(memberId: string): Promise<void> {
    this.#memberId = memberId
    await this.#record()
  }

  async #record(): Promise<void> {
    await this.#options.folder.recordIncarnation({ transactionalId: this.#transactionalId, ...(this.#memberId === undefined ? {} : { memberId: this.#memberId }) })
  }

  /** After a clean end: nothing of this incarnation is left to fence or to leave for. */
  async retire(): Promise<void> {
    await this.#producer?.close()
    if (this.#transactionalId !== '') {
      await this.#options.folder.forget(this.#transactionalId)
    }
  }

  /** After a failure: what may be open is ended first, or the record stays for the next start. */
  async retireFenced(): Promise<void> {
    await this.#producer?.close()
    if (this.#producer !== undefined && this.#options.config.processingGuarantee === 'exactly_once_v2') {
      await this.#options.cluster.fence(this.#transactionalId)
    }
    if (this.#transactionalId !== '') {
      await this.#options.folder.forget(this.#transactionalId)
    }
  }
}
