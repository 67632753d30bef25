import { type Duration, milliseconds, wholeNumber } from '../duration.ts'
import { StreamsError } from '../errors.ts'

/** Bounds of what a suppressed table holds back, and what happens at them. The buffer lies in the task's state, on disk. */
export interface BufferConfig {
  readonly maxRecords: number
  /** Keys, values and what is known of their records. */
  readonly maxBytes: number
  readonly whenFull: 'emit-early' | 'shut-down'
}

interface BoundedBuffer extends BufferConfig {
  withMaxRecords(records: number): BoundedBuffer
  withMaxBytes(bytes: number): BoundedBuffer
  /** The oldest are emitted before their time. Not with `untilWindowCloses`, whose results would not be final. */
  emitEarlyWhenFull(): BufferConfig
  /** The application fails (`BUFFER_FULL`). */
  shutDownWhenFull(): BufferConfig
}

function bounded(maxRecords: number, maxBytes: number, whenFull: BufferConfig['whenFull']): BoundedBuffer {
  return Object.freeze({
    maxRecords,
    maxBytes,
    whenFull,
    withMaxRecords: (records: number) => bounded(wholeNumber('maxRecords of a suppress buffer', records, 0), maxBytes, whenFull),
    withMaxBytes: (bytes: number) => bounded(maxRecords, wholeNumber('maxBytes of a suppress buffer', bytes, 0), whenFull),
    emitEarlyWhenFull: () => bounded(maxRecords, maxBytes, 'emit-early'),
    shutDownWhenFull: () => bounded(maxRecords, maxBytes, 'shut-down'),
  })
}

export const BufferConfig = Object.freeze({
  /** As large as the disk. */
  unbounded: (): BoundedBuffer => bounded(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 'shut-down'),
  maxRecords: (records: number): BoundedBuffer => bounded(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 'emit-early').withMaxRecords(records),
  maxBytes: (bytes: number): BoundedBuffer => bounded(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 'emit-early').withMaxBytes(bytes),
})

/** What a table holds back, and for how long. */
export type Suppressed =
  | { readonly until: 'window-closes'; readonly buffer: BufferConfig }
  | { readonly until: 'time-limit'; readonly limitMs: number; readonly buffer: BufferConfig }

export const Suppressed = Object.freeze({
  /** Only the last result of each window, once it has closed. For windowed tables. */
  untilWindowCloses(buffer: BufferConfig): Suppressed {
    checkBuffer(buffer)
    if (buffer.whenFull === 'emit-early' && (buffer.maxRecords !== Number.POSITIVE_INFINITY || buffer.maxBytes !== Number.POSITIVE_INFINITY)) {
      throw new StreamsError(
        'CONFIG_INVALID',
        'untilWindowCloses promises final results, which a buffer that emits early would not be: give it shutDownWhenFull(), or BufferConfig.unbounded().'
      )
    }
    return Object.freeze({ until: 'window-closes', buffer })
  },
  /** The last of the changes of a key that come within `limit`, by the time of the records. */
  untilTimeLimit(limit: Duration, buffer: BufferConfig): Suppressed {
    checkBuffer(buffer)
    return Object.freeze({ until: 'time-limit', limitMs: milliseconds('The time limit of suppress', limit, true), buffer })
  },
})

function checkBuffer(buffer: BufferConfig): void {
  if (buffer?.whenFull !== 'emit-early' && buffer?.whenFull !== 'shut-down') {
    throw new StreamsError('CONFIG_INVALID', 'suppress needs a buffer: BufferConfig.unbounded(), maxRecords(…) or maxBytes(…).')
  }
}
