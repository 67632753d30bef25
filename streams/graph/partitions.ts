import { StreamsError } from '../errors.ts'
import { sourceTopicsOf } from './tasks.ts'
import type { InternalTopic, Topology } from './topology.ts'

/**
 * Partition counts of every topic the application reads or keeps: source topics as given, repartition topics and
 * changelogs by Kafka Streams' rules. `existing` holds the topics that exist: all sources must be in it
 * (`SOURCE_TOPIC_MISSING`), internal topics may be, and must then agree (`INTERNAL_TOPIC_MISMATCH`).
 *
 * A repartition topic has the count its user fixed, else that of the topics it must be co-partitioned with, else the
 * largest count among the sources of the subtopologies that write to it. A changelog has one partition per task.
 * Topics that must be co-partitioned and are not are a `COPARTITION_MISMATCH`.
 */
export function resolvePartitions(topology: Topology, existing: ReadonlyMap<string, number>): Map<string, number> {
  const resolution = new Resolution(topology, existing)
  const result = new Map<string, number>()
  for (const subtopology of topology.subtopologies) {
    for (const group of subtopology.copartitionGroups) {
      resolution.checkCopartitioned(group)
    }
    const sources = sourceTopicsOf(subtopology)
    for (const topic of sources) {
      result.set(topic, resolution.count(topic))
    }
    // None while a pattern matches nothing.
    const tasks = Math.max(0, ...sources.map((topic) => resolution.count(topic)))
    for (const topic of subtopology.internalTopics.filter(({ kind }) => kind === 'changelog')) {
      result.set(topic.name, tasks)
    }
    for (const topic of subtopology.internalTopics) {
      if (tasks > 0) {
        checkExisting(topic, result.get(topic.name)!, existing)
      }
    }
  }
  for (const { source } of topology.globalTables) {
    result.set(source.topics[0]!, resolution.count(source.topics[0]!))
  }
  return result
}

class Resolution {
  readonly #topology: Topology
  readonly #existing: ReadonlyMap<string, number>
  readonly #repartitions = new Map<string, InternalTopic>()
  /** Retry topics, by the topics whose partition count they have. */
  readonly #origins = new Map<string, string>()
  readonly #groups = new Map<string, readonly string[]>()
  readonly #counts = new Map<string, number>()
  readonly #visiting = new Set<string>()

  constructor(topology: Topology, existing: ReadonlyMap<string, number>) {
    this.#topology = topology
    this.#existing = existing
    for (const subtopology of topology.subtopologies) {
      for (const topic of subtopology.internalTopics.filter(({ kind }) => kind === 'repartition')) {
        this.#repartitions.set(topic.name, topic)
      }
      for (const { name, origin } of subtopology.internalTopics) {
        if (origin !== undefined) {
          this.#origins.set(name, origin)
        }
      }
      for (const group of subtopology.copartitionGroups) {
        for (const topic of group) {
          this.#groups.set(topic, group)
        }
      }
    }
  }

  count(topic: string): number {
    const known = this.#counts.get(topic)
    if (known !== undefined) {
      return known
    }
    const count = this.#repartitions.has(topic) ? this.#repartitionCount(topic) : this.#sourceCount(topic)
    if (this.#visiting.size === 0) {
      // Inside a visit a count may be partial, because the topics being visited were left out of it.
      this.#counts.set(topic, count)
    }
    return count
  }

  /** User topics and fixed repartition topics of a group decide; when these disagree nobody can. */
  checkCopartitioned(group: readonly string[]): void {
    const decided = group.map((topic) => ({ topic, partitions: this.#decided(topic) })).filter(({ partitions }) => partitions !== undefined)
    const first = decided[0]
    if (first !== undefined && decided.some(({ partitions }) => partitions !== first.partitions)) {
      throw new StreamsError(
        'COPARTITION_MISMATCH',
        `The topics ${decided.map(({ topic, partitions }) => `'${topic}' (${partitions} partitions)`).join(', ')} are joined or grouped together, so a key must have ` +
          'the same partition in all of them: give them equal partition counts, or put repartition({ name, partitions }) before the join.'
      )
    }
  }

  #decided(topic: string): number | undefined {
    const repartition = this.#repartitions.get(topic)
    return repartition === undefined ? this.#sourceCount(topic) : repartition.partitions
  }

  #sourceCount(name: string): number {
    const topic = this.#origins.get(name) ?? name
    const count = this.#existing.get(topic)
    if (count === undefined) {
      throw new StreamsError(
        'SOURCE_TOPIC_MISSING',
        `The source topic '${topic}' does not exist: create it before the application starts; its partition count decides how far the application scales.`
      )
    }
    return count
  }

  #repartitionCount(topic: string): number {
    const group = this.#groups.get(topic) ?? [topic]
    this.checkCopartitioned(group)
    for (const other of [topic, ...group]) {
      const decided = this.#decided(other)
      if (decided !== undefined) {
        return decided
      }
    }
    return Math.max(...group.map((member) => this.#upstreamCount(member)))
  }

  /**
   * The largest count among the sources of the subtopologies that write to a repartition topic. One that reads its own
   * topic again (a stream joined with its repartitioned self) is decided by its other sources.
   */
  #upstreamCount(topic: string): number {
    if (this.#visiting.has(topic)) {
      return 0
    }
    this.#visiting.add(topic)
    const writers = this.#topology.subtopologies.filter((subtopology) => subtopology.sinks.some((sink) => sink.topic === topic))
    const count = Math.max(0, ...writers.flatMap((writer) => sourceTopicsOf(writer).map((source) => this.count(source))))
    this.#visiting.delete(topic)
    return count
  }
}

function checkExisting(topic: InternalTopic, expected: number, existing: ReadonlyMap<string, number>): void {
  const actual = existing.get(topic.name)
  if (actual !== undefined && actual !== expected) {
    throw new StreamsError(
      'INTERNAL_TOPIC_MISMATCH',
      `The ${topic.kind} topic '${topic.name}' has ${actual} partitions and needs ${expected}: the source topics or the topology have changed. ` +
        'Its keys would be looked for in the wrong partitions, so it cannot be adjusted: restore the former partition count, start under a new application id, or reset the application.'
    )
  }
}
