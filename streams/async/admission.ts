/** How a record becomes a pending entry: serialized, numbered, and held against the limit of the changelog (rule C5). */
import { randomUUID } from 'node:crypto'
import { StreamsError } from '../errors.ts'
import type { AnyAsyncOperator, AnyRecord } from '../graph/topology.ts'
import { NO_HEADERS } from '../record.ts'
import type { Origin, TaskCore } from '../runtime/core.ts'
import { recordSizeBound, recordTooLarge } from '../runtime/sizes.ts'
import { encodePayload, Entry, ROW_KEY_OVERHEAD } from './entry.ts'
import type { InFlightTable } from './in-flight-table.ts'

export class Admission {
  private readonly core: TaskCore
  private readonly operator: AnyAsyncOperator
  private readonly name: string
  private readonly table: InFlightTable
  private readonly topic: string
  /** -1 until the collector knows the topic. */
  private maxBytes = -1

  constructor(core: TaskCore, operator: AnyAsyncOperator, name: string, table: InFlightTable, topic: string) {
    this.core = core
    this.operator = operator
    this.name = name
    this.table = table
    this.topic = topic
  }

  /** Throws what `lane` or a serde threw, or `RECORD_TOO_LARGE`. */
  entryOf(record: AnyRecord): Entry {
    const { operator, table } = this
    const { origin, tracing } = this.core
    const payload = {
      timestamp: record.timestamp,
      topic: origin?.topic ?? '',
      partition: origin?.partition ?? -1,
      offset: origin?.offset ?? -1,
      ordinal: this.ordinal(origin),
      lane: operator.lane === undefined ? '' : operator.lane(record),
      key: this.serialize('key', record),
      value: this.serialize('value', record),
      headers: tracing === undefined ? record.headers : tracing.outgoing(record.headers),
    }
    const bytes = encodePayload(payload)
    this.checkSize(bytes.length)
    const entry = new Entry(table.nextAdmission, payload, bytes.length, table.readPayload)
    // The record itself is let go: it may hold views of a fetch buffer (rule D7), and what a call sees must not depend on
    // whether its entry was restored. It is deserialized from the payload when its turn comes.
    entry.payload = bytes
    return entry
  }

  /** The record as the operator's serdes give it back. */
  recordOf(entry: Entry): AnyRecord {
    if (entry.record === undefined) {
      const { key, value, headers } = entry.decode()
      const { operator, topic } = this
      entry.record = {
        key: key === null ? null : operator.key.deserialize(topic, key, headers),
        value: value === null ? null : operator.value.deserialize(topic, value, headers),
        timestamp: entry.timestamp,
        headers,
      }
    }
    return entry.record
  }

  /** Equal for every repetition of the call, different for every other (rule B3). */
  idempotencyKey(entry: Entry): string {
    const from = entry.offset < 0 ? 'punctuator' : `${entry.topic}/${entry.partition}/${entry.offset}`
    return `${this.core.applicationId}/${this.name}/${from}/${entry.ordinal}`
  }

  /**
   * The path of ordinals. What a punctuator makes has no offset to be counted from, and an admission number may be given
   * out again after an abort: it gets a random one, kept with the entry.
   */
  private ordinal(origin: Origin | undefined): string {
    if (origin === undefined) {
      return randomUUID()
    }
    const birth = this.table.peekBirth()
    return origin.ordinal === '' ? String(birth) : `${origin.ordinal}.${birth}`
  }

  private checkSize(payloadBytes: number): void {
    if (this.maxBytes < 0) {
      this.maxBytes = this.core.collector.maxMessageBytes?.(this.topic) ?? -1
    }
    const size = recordSizeBound(ROW_KEY_OVERHEAD + this.name.length * 3, payloadBytes, NO_HEADERS)
    if (this.maxBytes >= 0 && size > this.maxBytes) {
      throw recordTooLarge(`${this.name}: a pending entry`, size, this.maxBytes)
    }
  }

  private serialize(part: 'key' | 'value', record: AnyRecord): Uint8Array | null {
    const value = record[part]
    if (value === null || value === undefined) {
      return null
    }
    try {
      return this.operator[part].serialize(this.topic, value, record.headers)
    } catch (cause) {
      throw new StreamsError('SERIALIZATION_FAILED', `${this.name}: the ${part} of a pending entry could not be serialized.`, { cause })
    }
  }
}
