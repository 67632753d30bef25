import type { TaskId } from '../runtime/contract.ts'
import { ownTopics } from './retry-topics.ts'
import type { SourceNode, Subtopology, Topology } from './topology.ts'

export interface TaskDescription {
  readonly id: TaskId
  readonly subtopology: string
  readonly partition: number
  /** Source partitions it reads; a topic with fewer partitions than the subtopology has tasks is missing in the last. */
  readonly inputs: readonly { readonly topic: string; readonly partition: number }[]
}

export function taskId(subtopology: string, partition: number): TaskId {
  return `${subtopology}_${partition}`
}

export function sourceTopicsOf(subtopology: Subtopology): readonly string[] {
  return subtopology.sources.flatMap((source) => source.topics)
}

/** One task per partition of the source topic that has most (Kafka Streams' rule). */
export function tasksOf(subtopology: Subtopology, partitionsOf: (topic: string) => number): readonly TaskDescription[] {
  const counts = sourceTopicsOf(subtopology).map((topic) => ({ topic, partitions: partitionsOf(topic) }))
  const tasks = Math.max(0, ...counts.map(({ partitions }) => partitions))
  return Array.from({ length: tasks }, (_, partition) => ({
    id: taskId(subtopology.name, partition),
    subtopology: subtopology.name,
    partition,
    inputs: counts.filter(({ partitions }) => partition < partitions).map(({ topic }) => ({ topic, partition })),
  }))
}

/** The sources whose records reach a subtopology, its own ones and those before its repartition topics; no repartition topic itself. */
export function upstreamSources(topology: Topology, subtopology: Subtopology): readonly SourceNode[] {
  const seen = new Set<Subtopology>([subtopology])
  for (const { sources } of seen) {
    const topics = new Set(sources.filter(({ repartition }) => repartition).flatMap((source) => source.topics))
    for (const writer of topology.subtopologies) {
      if (writer.sinks.some(({ topic }) => typeof topic === 'string' && topics.has(topic))) {
        seen.add(writer)
      }
    }
  }
  return [...seen].flatMap(({ sources }) => sources.filter(({ repartition }) => !repartition))
}

/** Topics that must exist before the application starts: everything read that is not a topic of its own. */
export function externalSourceTopics(topology: Topology): readonly string[] {
  const sources = topology.subtopologies.flatMap((subtopology) => subtopology.sources).filter((source) => !source.repartition)
  return [...sources, ...topology.globalTables.map(({ source }) => source)].flatMap(ownTopics)
}
