import { idOf } from 'millrace-state-stores'
import type { SpanContext } from './open-telemetry.ts'

/** Rows a task remembers the writers of; the oldest go first. Some 2 MB. */
const MAX_ROWS = 10_000

/**
 * Which span wrote a row last, for links of joins and aggregates: in memory only, because the bytes of stores and changelogs
 * are Kafka Streams' own and have no room for a trace context.
 */
export class RowWriters {
  readonly #writers = new Map<string, SpanContext>()

  wrote(store: string, key: Uint8Array, writer: SpanContext): void {
    const id = `${store}\0${idOf(key)}`
    // Deleted first: a map is ordered by first insertion.
    this.#writers.delete(id)
    this.#writers.set(id, writer)
    if (this.#writers.size > MAX_ROWS) {
      this.#writers.delete(this.#writers.keys().next().value!)
    }
  }

  writer(store: string, key: Uint8Array): SpanContext | undefined {
    return this.#writers.get(`${store}\0${idOf(key)}`)
  }
}
