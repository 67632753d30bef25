import * as format from './batch-format.ts'

export interface BatchScan {
  /** The position after the last whole batch, -1 when there is none. */
  readonly nextOffset: number
  /** Upper bound of the records in whole batches. */
  readonly records: number
  /** Bytes of whole batches. */
  readonly bytes: number
  /** What is wrong with the batch behind them; undefined when nothing is. */
  readonly damage: string | undefined
}

/**
 * Looks at batch headers only, some 61 bytes each: enough to send the next Fetch before the first record of this
 * answer is processed. A batch that is cut off at the end is left for the next answer.
 */
export function scanBatches(data: Buffer): BatchScan {
  let position = 0
  let records = 0
  let nextOffset = -1
  let damage: string | undefined
  while (position + format.RECORDS <= data.length) {
    const size = data.readInt32BE(position + format.BATCH_LENGTH) + format.LENGTH_OVERHEAD
    if (size < format.RECORDS) {
      damage = `a batch of ${size} bytes`
      break
    }
    if (position + size > data.length) {
      break
    }
    const base = format.readInt64(data, position)
    const lastDelta = data.readInt32BE(position + format.LAST_OFFSET_DELTA)
    const count = data.readInt32BE(position + format.RECORD_COUNT)
    if (lastDelta < 0 || count < 0 || base + lastDelta < nextOffset) {
      damage = `a batch at offset ${base} with ${count} records and last delta ${lastDelta}`
      break
    }
    nextOffset = base + lastDelta + 1
    records += count
    position += size
  }
  return { nextOffset, records, bytes: position, damage }
}
