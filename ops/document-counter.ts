import type { KafkaCluster } from 'millrace/kafka'
import type { Registry } from '../avro/index.ts'
import type { LifecycleEvent } from '../avro/types.ts'
import { valueSerde } from '../topology/serdes.ts'
import { isEndState } from '../topology/states.ts'
import type { TenantDirectory } from '../topology/tenant-directory.ts'
import { decode, TopicFollower } from '../topology/topic-follower.ts'
import type { Topics } from '../topology/topics.ts'

/** A change of state, as operators may see it: ids and codes. */
export interface SeenChange {
  /** Counts up from 1 in this process. */
  readonly sequence: number
  readonly tenant: string
  readonly documentId: string
  readonly from: string | null
  readonly to: string
  readonly step: string
  readonly reasonCode: string | null
  /** ms since the epoch */
  readonly at: number
}

export interface DocumentCounts {
  /** False when the topic is longer than what is read at the start: then counts are of the newest documents. */
  readonly complete: boolean
  /** Documents by tenant and by the state they are in. */
  readonly states: { readonly [tenant: string]: { readonly [state: string]: number } }
  /** Documents that came to an end since this process started, newest last. */
  readonly ends: readonly SeenChange[]
}

/** A start must not take minutes because years of changes are kept. */
const REPLAYED = 200_000
const RECENT = 200

export interface DocumentCounterOptions {
  readonly cluster: KafkaCluster
  readonly registry: Registry
  readonly topics: Topics
  readonly tenants: Pick<TenantDirectory, 'label'>
  onWarning(message: string): void
}

/**
 * Counts documents by state from documents.lifecycle. A change names the state before, so nothing is kept per document:
 * memory is tenants × states, whatever runs through.
 */
export class DocumentCounter {
  readonly #states = new Map<string, Map<string, number>>()
  readonly #changes: SeenChange[] = []
  readonly #ends: SeenChange[] = []
  readonly #tenants: Pick<TenantDirectory, 'label'>
  readonly #follower: TopicFollower
  #sequence = 0
  #complete = false

  constructor({ cluster, registry, topics, tenants, onWarning }: DocumentCounterOptions) {
    const topic = topics.lifecycle.name
    const serde = valueSerde(registry, topics.lifecycle, 'LifecycleEvent')
    this.#tenants = tenants
    this.#follower = new TopicFollower({
      cluster,
      topic,
      from: { last: REPLAYED },
      onWarning,
      onRecord: async (_key, value) => {
        if (value !== null) {
          this.count(await decode(serde, topic, value))
        }
      },
    })
  }

  async start(): Promise<void> {
    this.#complete = (await this.#follower.start()).whole
  }

  count(event: LifecycleEvent): void {
    const tenant = this.#tenants.label(event.tenant_id)
    let states = this.#states.get(tenant)
    if (states === undefined) {
      states = new Map()
      this.#states.set(tenant, states)
    }
    if (event.from_state !== null) {
      states.set(event.from_state, (states.get(event.from_state) ?? 0) - 1)
    }
    states.set(event.to_state, (states.get(event.to_state) ?? 0) + 1)
    this.#sequence += 1
    const change: SeenChange = {
      sequence: this.#sequence, tenant, documentId: event.document_id, from: event.from_state, to: event.to_state, step: event.step, reasonCode: event.reason_code, at: event.at,
    }
    keepLast(this.#changes, change)
    if (isEndState(event.to_state)) {
      keepLast(this.#ends, change)
    }
  }

  counts(): DocumentCounts {
    const states = Object.fromEntries(
      [...this.#states].map(([tenant, counts]) => {
        // below zero: the change into that state is older than what was read
        const shown = [...counts].filter(([, count]) => count > 0)
        return [tenant, Object.fromEntries(shown)]
      }),
    )
    return { complete: this.#complete, states, ends: this.#ends }
  }

  /** Changes after a sequence number, as far back as they are kept. */
  changesAfter(sequence: number): readonly SeenChange[] {
    return this.#changes.filter((change) => change.sequence > sequence)
  }

  async close(): Promise<void> {
    await this.#follower.close()
  }
}

function keepLast(list: SeenChange[], change: SeenChange): void {
  list.push(change)
  if (list.length > RECENT) {
    list.shift()
  }
}
