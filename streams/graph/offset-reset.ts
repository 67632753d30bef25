/** Where a source begins whose group has committed no offset: Kafka's auto.offset.reset (by duration: KIP-1106). */
import { type Duration, milliseconds } from '../duration.ts'
import { StreamsError } from '../errors.ts'

const BY_DURATION = 'by_duration:'

/** `by_duration:7d`: with the first record that is no older than that at the start, or at the end if there is none. */
export type OffsetReset = 'earliest' | 'latest' | 'none' | `by_duration:${Exclude<Duration, number>}`

/** Undefined unless it is a reset by duration. Throws `CONFIG_INVALID` for a duration that cannot be read. */
export function resetDurationMs(what: string, reset: OffsetReset): number | undefined {
  return reset.startsWith(BY_DURATION) ? milliseconds(`${what}: offsetReset ${BY_DURATION}`, reset.slice(BY_DURATION.length) as Duration) : undefined
}

/** Throws `CONFIG_INVALID` for what is none. */
export function checkOffsetReset(what: string, reset: OffsetReset): OffsetReset {
  if (typeof reset !== 'string' || (!['earliest', 'latest', 'none'].includes(reset) && resetDurationMs(what, reset) === undefined)) {
    throw new StreamsError('CONFIG_INVALID', `${what}: offsetReset is ${JSON.stringify(reset)}, not 'earliest', 'latest', 'none' or 'by_duration:' with one, such as 'by_duration:7d'.`)
  }
  return reset
}
