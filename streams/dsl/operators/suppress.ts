import type { TimeOrderedBuffer, Windowed } from 'millrace-state-stores'
import { StreamsError } from '../../errors.ts'
import { type OperatorTime, operatorTime, whenIdle } from '../../graph/operator-time.ts'
import type { AnySerde } from '../../graph/topology.ts'
import type { ProcessingContext, Processor, ProcessorContext } from '../../processor.ts'
import { NO_HEADERS, type Record } from '../../record.ts'
import type { Change } from '../change.ts'
import type { BufferConfig } from '../suppressed.ts'
import { type BufferValue, decodeBufferValue, encodeBufferValue } from './buffer-value.ts'
import type { TableView } from './table-view.ts'

/** Kafka Streams counts what it keeps in memory, 12 bytes less per entry than it writes. */
const UNCOUNTED_BYTES = 12

export interface Suppression {
  readonly store: string
  readonly key: AnySerde
  readonly value: AnySerde
  /** An entry leaves when the operator's time has passed its own by this, ms. */
  readonly delayMs: number
  /** Entries have the end of their window as time, and deletions are not told: nobody was told of what they delete. */
  readonly finalResults: boolean
  readonly buffer: BufferConfig
}

/**
 * Holds the changes of a table back and hands on the last of each key, as Kafka Streams' `KTableSuppressProcessor`. The
 * first change of a key decides when it leaves. Only the time of records moves it.
 */
export function suppress<K, V>(node: string, suppression: Suppression): Processor<K, Change<V>> {
  const { store, key: keySerde, value: valueSerde, delayMs, finalResults } = suppression
  const { maxRecords, maxBytes, whenFull } = suppression.buffer
  let context: ProcessorContext<K, Change<V>>
  let buffer: TimeOrderedBuffer
  let time: OperatorTime

  const bytesOf = (value: V | null): Uint8Array | null => (value === null ? null : valueSerde.serialize(store, value, NO_HEADERS))
  const restored = (bytes: Uint8Array | null): V | null => (bytes === null ? null : (valueSerde.deserialize(store, bytes, NO_HEADERS) as V))
  const full = () => buffer.entries > maxRecords || buffer.bytes - UNCOUNTED_BYTES * buffer.entries > maxBytes

  const hold = ({ key, value: change, timestamp, headers }: Record<K, Change<V>>): void => {
    const keyBytes = keySerde.serialize(store, key, NO_HEADERS)
    const old = bytesOf(change.oldValue)
    const known = buffer.get(keyBytes)
    const content: BufferValue = {
      timestamp,
      metadata: context.recordMetadata(),
      headers,
      prior: known === undefined ? old : decodeBufferValue(known.content).prior,
      old,
      value: bytesOf(change.newValue),
    }
    const entryTime = finalResults ? (key as Windowed<unknown>).window.end : timestamp
    buffer.put(keyBytes, entryTime, encodeBufferValue(content))
  }

  const release = (until: number, limit?: number): void => {
    for (const { key, content } of buffer.due(until, limit)) {
      buffer.delete(key)
      const { timestamp, headers, prior, value } = decodeBufferValue(content)
      if (value !== null || !finalResults) {
        const change = { newValue: restored(value), oldValue: restored(prior) }
        context.forward({ key: keySerde.deserialize(store, key, NO_HEADERS) as K, value: change, timestamp, headers })
      }
    }
  }

  return {
    init(given) {
      context = given
      buffer = given.getStateStore(store)
      time = operatorTime(given, node)
      whenIdle(given, time, { isDue: (now) => buffer.earliest <= now - delayMs, emit: (now) => release(now - delayMs) })
    },
    process(record) {
      time.advance(record.timestamp)
      hold(record)
      const expiry = time.time - delayMs
      if (buffer.earliest <= expiry) {
        release(expiry)
      }
      while (full()) {
        if (whenFull === 'shut-down') {
          throw new StreamsError(
            'BUFFER_FULL',
            `${node} holds ${buffer.entries} records back, ${buffer.bytes} bytes: more than its buffer may. Give it a larger one, or let it emit early.`
          )
        }
        release(Number.POSITIVE_INFINITY, 1)
      }
    },
  }
}

/** The view of a suppressed table: of a key that is held back what it was before, else what the table above has. */
export function suppressedView<K, V>(parent: TableView<K, V>, { store, key: keySerde, value: valueSerde }: Suppression): TableView<K, V> {
  return {
    get stores() {
      return [store, ...parent.stores]
    },
    open(context: ProcessingContext) {
      const read = parent.open(context)
      const buffer = context.getStateStore<TimeOrderedBuffer>(store)
      return (key) => {
        const entry = buffer.get(keySerde.serialize(store, key, NO_HEADERS))
        if (entry === undefined) {
          return read(key)
        }
        const { prior } = decodeBufferValue(entry.content)
        // When it got that value is not kept, here as there.
        return prior === null ? undefined : { value: valueSerde.deserialize(store, prior, NO_HEADERS) as V, timestamp: -1 }
      }
    },
  }
}
