/** What a partitioner decides about a record: its partition, several (KIP-837), or none. */
import { StreamsError } from '../errors.ts'

/** A list: a copy in each of them; an empty one drops the record. Undefined: by the record's key. */
export type PartitionChoice = number | readonly number[] | undefined

/** Throws `PRODUCTION_FAILED` for a partition that the topic does not have. */
export function checkedChoice(topic: string, choice: PartitionChoice, partitions: number): PartitionChoice {
  if (typeof choice === 'object') {
    const all = [...new Set(choice)]
    for (const chosen of all) {
      check(topic, chosen, partitions)
    }
    return all
  }
  if (choice !== undefined) {
    check(topic, choice, partitions)
  }
  return choice
}

function check(topic: string, chosen: number, partitions: number): void {
  if (!(Number.isInteger(chosen) && chosen >= 0 && chosen < partitions)) {
    throw new StreamsError(
      'PRODUCTION_FAILED',
      `The partitioner chose partition ${String(chosen)} of ${topic}, which has ${partitions}: return a number from 0 to ${partitions - 1}, a list of such, or undefined.`,
    )
  }
}
