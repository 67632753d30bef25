/** Offsets at which inputs begin that nobody has committed any for. */
import { type OffsetReset, resetDurationMs } from '../graph/offset-reset.ts'
import type { IsolationLevel, KafkaCluster, TopicPartition, TopicPartitionKey } from '../kafka/contract.ts'

export interface ResetInput extends TopicPartition {
  readonly reset: OffsetReset
}

/** By each input's own reset ('none': at the end). `now`: ms since 1970, which durations are counted from. */
export async function startingOffsets(
  cluster: Pick<KafkaCluster, 'listOffsets'>,
  inputs: readonly ResetInput[],
  isolation: IsolationLevel,
  now: number,
): Promise<ReadonlyMap<TopicPartitionKey, number>> {
  const offsets = new Map<TopicPartitionKey, number>()
  const atEnd: TopicPartition[] = []
  for (const [reset, some] of Map.groupBy(inputs, (input) => input.reset)) {
    const duration = resetDurationMs('a source', reset)
    if (reset !== 'earliest' && duration === undefined) {
      atEnd.push(...some)
      continue
    }
    const found = await cluster.listOffsets(some, duration === undefined ? 'earliest' : now - duration, isolation)
    for (const input of some) {
      const offset = found.get(`${input.topic}-${input.partition}`) ?? -1
      if (offset < 0) {
        // Every record is older.
        atEnd.push(input)
      } else {
        offsets.set(`${input.topic}-${input.partition}`, offset)
      }
    }
  }
  // With read_committed that is the last stable offset: what is undecided now is still to come for this reader.
  const ends = atEnd.length === 0 ? [] : await cluster.listOffsets(atEnd, 'latest', isolation)
  for (const [key, offset] of ends) {
    offsets.set(key, offset)
  }
  return offsets
}
