/**
 * Follows the topics from the moment a run begins and adds up: received = records on documents.raw, those included that the
 * pipeline writes there when it unfolds a mail or an archive; every document of a known tenant ends in exactly one state.
 */
import type { Fetcher, FetchedRecords, KafkaCluster, TopicPartition } from 'millrace/kafka'
import { SerdeNotReady, type Serde } from 'millrace'
import { Registry } from '../../avro/index.ts'
import type { ApplicationConfig } from '../../topology/config.ts'
import { documentSerdes, type DocumentSerdes } from '../../topology/serdes.ts'
import { endsDocument } from '../../topology/steps/dead-letters.ts'
import { documentKey, isDocumentId, isTenantId, topics, type Topics } from '../../topology/topics.ts'

export type End = 'processed' | 'duplicate' | 'review' | 'rejected' | 'deadLetter'

const END_OF_STATE: { readonly [state: string]: End | undefined } = {
  ARCHIVED: 'processed', DUPLICATE: 'duplicate', IN_REVIEW: 'review', REJECTED: 'rejected', DEAD_LETTERED: 'deadLetter',
}

interface Followed {
  readonly key: string
  state: string
  end: End | undefined
  /** Of its last row: both databases must show it. */
  revision: number
  /** The tenant's books know who sent it. */
  vendorKnown: boolean
}

export interface Counts {
  /** With those that came out of others. */
  readonly received: number
  /** Documents that came out of mails and archives, as those say: each is, or will be, among the received. */
  readonly parts: number
  readonly ends: { readonly [end in End]: number }
  /** Documents by the state they are in now. */
  readonly states: ReadonlyMap<string, number>
  /** Of the processed ones: from a vendor the tenant's books know. */
  readonly vendorKnown: number
}

export class Tally {
  readonly #cluster: KafkaCluster
  readonly #topics: Topics
  readonly #serdes: DocumentSerdes
  readonly #registry: Registry
  readonly #documents = new Map<string, Followed>()
  /** States that arrived before their record on documents.raw: topics are read side by side. */
  readonly #early = new Map<string, Followed>()
  #unnamed = 0
  #received = 0
  #parts = 0
  #fetcher: Fetcher | undefined
  #work: Promise<void> = Promise.resolve()
  #error: unknown

  constructor(cluster: KafkaCluster, config: ApplicationConfig) {
    this.#cluster = cluster
    this.#topics = topics(config.topicPrefix)
    this.#registry = new Registry({ url: config.registry })
    this.#serdes = documentSerdes(this.#registry, this.#topics)
  }

  /** Everything that is written from now on counts. */
  async start(): Promise<void> {
    const names = [this.#topics.raw, this.#topics.lifecycle, this.#topics.archive, this.#topics.deadLetter].map((topic) => topic.name)
    const metadata = await this.#cluster.metadata(names, { fresh: true })
    const partitions = [...metadata.values()].flatMap(({ topic, partitions: all }) => all.map(({ partition }): TopicPartition => ({ topic, partition })))
    const ends = await this.#cluster.listOffsets(partitions, 'latest', 'read_uncommitted')
    const fetcher = this.#cluster.fetcher({
      isolation: 'read_committed',
      onRecords: (records) => this.#take(records),
      onError: (_partition, error) => { this.#error ??= error },
    })
    this.#fetcher = fetcher
    for (const partition of partitions) {
      fetcher.seek(partition, ends.get(`${partition.topic}-${partition.partition}`) ?? 0)
    }
  }

  /** @throws what made following impossible */
  counts(): Counts {
    if (this.#error !== undefined) {
      throw this.#error
    }
    const ends = { processed: 0, duplicate: 0, review: 0, rejected: 0, deadLetter: this.#unnamed }
    const states = new Map<string, number>()
    let vendorKnown = 0
    for (const { end, state, vendorKnown: known } of this.#documents.values()) {
      vendorKnown += end === 'processed' && known ? 1 : 0
      states.set(state, (states.get(state) ?? 0) + 1)
      if (end !== undefined) {
        ends[end] += 1
      }
    }
    return { received: this.#received, parts: this.#parts, ends, states, vendorKnown }
  }

  /** Documents of this run that must be a row in each database, with the revision of that row. */
  rows(): { readonly key: string; readonly revision: number }[] {
    return [...this.#documents.values()].filter(({ end, revision }) => end !== undefined && revision > 0)
  }

  async close(): Promise<void> {
    await this.#fetcher?.close()
    await this.#work
    this.#registry.close()
  }

  #take(records: FetchedRecords): void {
    const copies: { readonly key: Uint8Array | null; readonly value: Uint8Array | null }[] = []
    const { topic, cursor } = records
    const keysOnly = topic === this.#topics.raw.name || topic === this.#topics.deadLetter.name
    while (cursor.next()) {
      if (topic === this.#topics.deadLetter.name && endsDocument(cursor.headers())) {
        // lifecycle tells
        continue
      }
      const key = cursor.key()
      const value = keysOnly ? null : cursor.value()
      copies.push({ key: key && Uint8Array.from(key), value: value && Uint8Array.from(value) })
    }
    this.#work = this.#work.then(async () => {
      for (const { key, value } of copies) {
        await this.#count(topic, key, value)
      }
    }).catch((error: unknown) => { this.#error ??= error })
  }

  async #count(topic: string, key: Uint8Array | null, value: Uint8Array | null): Promise<void> {
    if (topic === this.#topics.raw.name) {
      this.#received += 1
      this.#admit(key)
    } else if (topic === this.#topics.deadLetter.name) {
      this.#deadLetter(key)
    } else if (value !== null && topic === this.#topics.lifecycle.name) {
      const event = await read(this.#serdes.lifecycle, value)
      const followed = this.#followed(documentKey(event.tenant_id, event.document_id))
      followed.state = event.to_state
      this.#parts += event.to_state === 'UNFOLDED' ? Number.parseInt(event.reason_code ?? '0', 10) : 0
      followed.end = END_OF_STATE[event.to_state]
    } else if (value !== null) {
      const row = await read(this.#serdes.archive, value)
      const followed = this.#followed(documentKey(row.tenant_id, row.document_id))
      followed.revision = Math.max(followed.revision, row.revision)
      followed.vendorKnown = row.vendor_id !== null
    }
  }

  #admit(key: Uint8Array | null): void {
    const text = documentKeyOf(key)
    if (text !== undefined && !this.#documents.has(text)) {
      this.#documents.set(text, this.#early.get(text) ?? { key: text, state: 'WAITING', end: undefined, revision: 0, vendorKnown: false })
      this.#early.delete(text)
    }
  }

  #deadLetter(key: Uint8Array | null): void {
    const text = documentKeyOf(key)
    const followed = text === undefined ? undefined : this.#followed(text)
    if (followed === undefined || followed.end === 'deadLetter') {
      this.#unnamed += 1
    } else {
      followed.state = 'DEAD_LETTER'
      followed.end = 'deadLetter'
    }
  }

  #followed(key: string): Followed {
    const known = this.#documents.get(key) ?? this.#early.get(key)
    if (known !== undefined) {
      return known
    }
    const early: Followed = { key, state: 'WAITING', end: undefined, revision: 0, vendorKnown: false }
    this.#early.set(key, early)
    return early
  }
}

function documentKeyOf(key: Uint8Array | null): string | undefined {
  const text = key === null ? '' : Buffer.from(key).toString('utf8')
  const [tenantId = '', documentId = '', ...more] = text.split('|')
  return more.length === 0 && isTenantId(tenantId) && isDocumentId(documentId) ? text : undefined
}

async function read<T>(serde: Serde<T>, bytes: Uint8Array): Promise<T> {
  for (;;) {
    try {
      return serde.deserialize('', bytes, [])
    } catch (error) {
      if (!(error instanceof SerdeNotReady)) {
        throw error
      }
      await error.ready
    }
  }
}
