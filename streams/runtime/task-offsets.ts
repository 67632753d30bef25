/** Where the inputs of a task stand: taken from committed offsets when it begins, and told to each commit. */
import { StreamsError } from '../errors.ts'
import type { CommittedOffset, OffsetToCommit } from '../kafka/contract.ts'
import type { TaskCore } from './core.ts'
import { COMMITTER, decodeOffsetMetadata, encodeOffsetMetadata, INPUTS, TIMES } from './offset-metadata.ts'

/** Throws `OFFSETS_MISSING` when one of the inputs has no start position. */
export function startInputs({ group, taskId, times }: TaskCore, committed: readonly CommittedOffset[]): void {
  times.reset()
  for (const queue of group.queues) {
    const known = committed.find((offset) => offset.topic === queue.topic && offset.partition === queue.partition)
    if (known === undefined || known.offset < 0) {
      throw new StreamsError(
        'OFFSETS_MISSING',
        `Task ${taskId}: no start position for ${queue.topic}-${queue.partition}; ` +
          'resolve a missing committed offset by the reset policy first.',
      )
    }
    const { partitionTime, extras } = decodeOffsetMetadata(known.metadata)
    times.restore(extras.get(TIMES) ?? '')
    queue.start(known.offset, partitionTime)
    group.streamTime = Math.max(group.streamTime, partitionTime)
  }
}

/**
 * What moved; if nothing did, everything at its unchanged offset: the commit's only fence (rule A2). The first commit names every
 * input: one that has none yet would begin by its reset policy again. `committer`: its transactional id.
 */
export function offsetsToCommit({ group, times }: TaskCore, committer: string | undefined): OffsetToCommit[] {
  const { queues } = group
  const moved = queues.filter((queue) => !queue.announced || queue.position !== queue.committedOffset || queue.partitionTime !== queue.committedTime)
  const encoded = times.encode()
  const extras = new Map<string, string>()
  if (committer !== undefined) {
    extras.set(COMMITTER, committer)
  }
  if (encoded !== undefined) {
    extras.set(TIMES, encoded)
  }
  if (group.digest !== undefined) {
    extras.set(INPUTS, group.digest)
  }
  return (moved.length > 0 ? moved : queues).map((queue) => {
    queue.committedOffset = queue.position
    queue.committedTime = queue.partitionTime
    queue.announced = true
    const metadata = encodeOffsetMetadata(queue.partitionTime, extras)
    return { topic: queue.topic, partition: queue.partition, offset: queue.position, metadata }
  })
}
