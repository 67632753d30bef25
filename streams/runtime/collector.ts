/**
 * Outputs of all tasks of a thread. Two sets of batch writers: one takes the records of the open generation while the
 * other is being sent. Bytes are copied into the batches at once.
 */
import type { BatchWriter, KafkaCluster } from '../kafka/contract.ts'
import { partitionFor } from '../kafka/partitioner.ts'
import type { Headers } from '../record.ts'
import type { ChoosePartition, CollectorMark, RecordCollector } from './contract.ts'
import { checkedChoice } from './partition-choice.ts'
import { recordSizeBound, recordTooLarge } from './sizes.ts'
import type { TopicCatalog } from './topic-catalog.ts'

interface TopicWriters {
  readonly partitions: number
  readonly maxMessageBytes: number
  /** By partition, made when first written to. */
  readonly writers: (BatchWriter | undefined)[]
  /** Where records without a key go: one partition per generation, so that batches stay large. */
  sticky: number
}

/** A record for a topic that a topic name extractor named and nobody has asked the broker about yet. */
interface Unresolved {
  readonly topic: string
  readonly partition: number | ChoosePartition | undefined
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: Headers
}

type WriterSet = Map<string, TopicWriters>

/** What left the open generation; recycled once the broker has acknowledged it. */
export interface ClosedOutputs {
  /** Non-empty ones. Complete only after `resolve`. */
  writers(): readonly BatchWriter[]
  /** Asks for the topics that were not known. Rejects with `SOURCE_TOPIC_MISSING` for one that does not exist. */
  resolve(): Promise<void>
  recycle(): void
}

export class OutputCollector implements RecordCollector {
  readonly #cluster: Pick<KafkaCluster, 'writer'>
  readonly #topics: TopicCatalog
  #open: WriterSet = new Map()
  #spare: WriterSet = new Map()
  #unresolved: Unresolved[] = []
  /** Their topics: once known in the middle of a generation, one still takes its records behind those that wait. */
  readonly #unresolvedTopics = new Set<string>()
  /** Undo log since the first mark of this generation: the writer of each record and its mark before. */
  #journalWriters: (BatchWriter | undefined)[] = []
  #journalMarks: number[] = []
  #journaling = false
  #generation = 0
  #unresolvedBytes = 0

  constructor(cluster: Pick<KafkaCluster, 'writer'>, topics: TopicCatalog) {
    this.#cluster = cluster
    this.#topics = topics
  }

  partitions(topic: string): number | undefined {
    return this.#topics.get(topic)?.partitions
  }

  maxMessageBytes(topic: string): number | undefined {
    return this.#topics.get(topic)?.maxMessageBytes
  }

  send(topic: string, partition: number | ChoosePartition | undefined, key: Uint8Array | null, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    const target = this.#target(this.#open, topic)
    const size = recordSizeBound(key?.length ?? 0, value?.length ?? 0, headers)
    if (target !== undefined && size > target.maxMessageBytes) {
      throw recordTooLarge(`A record for ${topic}`, size, target.maxMessageBytes)
    }
    if (target === undefined || typeof partition === 'function' || this.#unresolvedTopics.has(topic)) {
      this.#journal(undefined)
      this.#unresolvedTopics.add(topic)
      this.#unresolved.push({ topic, partition, key: copy(key), value: copy(value), timestamp, headers })
      this.#unresolvedBytes += size
      return
    }
    const writer = this.#writer(target, topic, partition, key)
    this.#journal(writer)
    writer.append(timestamp, key, value, headers)
  }

  #journal(writer: BatchWriter | undefined): void {
    if (this.#journaling) {
      this.#journalWriters.push(writer)
      this.#journalMarks.push(writer?.mark() ?? 0)
    }
  }

  mark(): CollectorMark {
    this.#journaling = true
    return this.#journalWriters.length as unknown as CollectorMark
  }

  rollback(mark: CollectorMark): void {
    const to = mark as unknown as number
    while (this.#journalWriters.length > to) {
      const writer = this.#journalWriters.pop()
      const at = this.#journalMarks.pop()!
      if (writer === undefined) {
        this.#unresolved.pop()
      } else {
        writer.truncate(at)
      }
    }
  }

  /** Bytes in the open generation. */
  get bytes(): number {
    let bytes = this.#unresolvedBytes
    for (const target of this.#open.values()) {
      for (const writer of target.writers) {
        bytes += writer?.bytes ?? 0
      }
    }
    return bytes
  }

  /** Closes the open generation's outputs and opens the next; the one before must have been recycled. */
  close(): ClosedOutputs {
    const closed = this.#open
    const unresolved = this.#unresolved
    this.#open = this.#spare
    for (const [topic, { partitions }] of this.#open) {
      // Partitions have come: its writers are empty, and made anew.
      if (this.#topics.get(topic)?.partitions !== partitions) {
        this.#open.delete(topic)
      }
    }
    this.#spare = new Map()
    this.#startGeneration()
    return {
      writers: () => [...closed.values()].flatMap((target) => target.writers.filter((w): w is BatchWriter => w !== undefined && w.count > 0)),
      resolve: () => this.#resolve(closed, unresolved),
      recycle: () => {
        for (const target of closed.values()) {
          for (const writer of target.writers) {
            writer?.reset()
          }
        }
        this.#spare = closed
      },
    }
  }

  /** Throws away the open generation. */
  drop(): void {
    for (const target of this.#open.values()) {
      for (const writer of target.writers) {
        writer?.reset()
      }
    }
    this.#startGeneration()
  }

  /** Sizes and partition counts were asked for anew: writers keep their old ones no longer. */
  forgetLimits(): void {
    this.#open = new Map()
    this.#spare = new Map()
  }

  #startGeneration(): void {
    this.#unresolved = []
    this.#unresolvedTopics.clear()
    this.#unresolvedBytes = 0
    this.#journalWriters = []
    this.#journalMarks = []
    this.#journaling = false
    this.#generation++
    for (const target of this.#open.values()) {
      target.sticky = this.#generation % target.partitions
    }
  }

  async #resolve(set: WriterSet, unresolved: readonly Unresolved[]): Promise<void> {
    if (unresolved.length === 0) {
      return
    }
    await this.#topics.load(unresolved.map((record) => record.topic))
    for (const record of unresolved) {
      const known = this.#topics.require(record.topic)
      const size = recordSizeBound(record.key?.length ?? 0, record.value?.length ?? 0, record.headers)
      if (size > known.maxMessageBytes) {
        throw recordTooLarge(`A record for ${record.topic}`, size, known.maxMessageBytes)
      }
      const target = this.#target(set, record.topic)!
      const { partition } = record
      const choice = typeof partition === 'function' ? checkedChoice(record.topic, partition(known.partitions), known.partitions) : partition
      for (const chosen of typeof choice === 'object' ? choice : [choice]) {
        this.#writer(target, record.topic, chosen, record.key).append(record.timestamp, record.key, record.value, record.headers)
      }
    }
  }

  #target(set: WriterSet, topic: string): TopicWriters | undefined {
    const target = set.get(topic)
    if (target !== undefined) {
      return target
    }
    const known = this.#topics.get(topic)
    if (known === undefined) {
      return undefined
    }
    const made: TopicWriters = {
      partitions: known.partitions,
      maxMessageBytes: known.maxMessageBytes,
      writers: new Array<BatchWriter | undefined>(known.partitions).fill(undefined),
      sticky: this.#generation % known.partitions,
    }
    set.set(topic, made)
    return made
  }

  #writer(target: TopicWriters, topic: string, partition: number | undefined, key: Uint8Array | null): BatchWriter {
    const chosen = partition ?? (key === null ? target.sticky : partitionFor(key, target.partitions))
    if (!(chosen >= 0 && chosen < target.partitions)) {
      // It may have come since these writers were made.
      checkedChoice(topic, chosen, this.#topics.get(topic)?.partitions ?? target.partitions)
    }
    return (target.writers[chosen] ??= this.#cluster.writer({ topic, partition: chosen }, target.maxMessageBytes))
  }
}

function copy(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.from(bytes)
}
