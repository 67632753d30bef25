/** The other side of the soak: writes what is due and reads everything that comes out, with the time each took. */
import { setTimeout as pause } from 'node:timers/promises'
import { type DocumentEvent, type DocumentState, encodeEvent, PARTITIONS } from '../engine/events.ts'
import { percentile } from '../engine/report.ts'
import type { BenchmarkTopics, InputRecord, InputWriter } from '../engine/topics.ts'
import { type OutputTopics, outputs, SoakInput, type SoakRecord } from './input.ts'

/** What is due is written together so often. */
const TICK_MILLISECONDS = 5
/** What is still missing when nothing has come for so long after the last event is taken for lost. */
const DRAIN_LIMIT_MILLISECONDS = 60_000
const DRAIN_POLL_MILLISECONDS = 50

export interface SoakTopics {
  readonly input: string
  readonly approvals: string
  /** Prefix of the three outputs. */
  readonly output: string
}

/** Of the events that were due within one minute, from the moment each was due to the moment its state was read. */
export interface MinuteLatency {
  readonly events: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Goes from its creation until `stop`. Open loop: an event that could not be written in time is late all the same. */
export class SoakLoad {
  readonly input: SoakInput
  /** µs since the epoch */
  readonly #begin: number
  readonly #ratePerSecond: number
  readonly #latencies: number[][] = []
  readonly #reader: { close(): Promise<void> }
  readonly #writing: Promise<void>
  #going = true
  #lastRead = performance.now()
  #failure: Error | undefined

  constructor(topics: BenchmarkTopics, names: SoakTopics, { keys, ratePerSecond }: { readonly keys: number; readonly ratePerSecond: number }) {
    this.input = new SoakInput(keys)
    this.#ratePerSecond = ratePerSecond
    this.#begin = nowMicroseconds()
    this.#reader = this.#read(topics, outputs(names.output))
    this.#writing = this.#write(topics, names).catch((error: Error) => {
      this.#failure = error
    })
  }

  /** Why it cannot go on. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** ms */
  get elapsed(): number {
    return (nowMicroseconds() - this.#begin) / 1000
  }

  /** Ends the input and resolves when everything has come out, or nothing does any more. */
  async stop(): Promise<void> {
    this.#going = false
    await this.#writing
    this.#lastRead = performance.now()
    while (!this.input.isComplete && this.#failure === undefined && performance.now() - this.#lastRead < DRAIN_LIMIT_MILLISECONDS) {
      await pause(DRAIN_POLL_MILLISECONDS)
    }
    await this.#reader.close()
  }

  /** One entry for each minute since the beginning. */
  latencies(): MinuteLatency[] {
    return Array.from(this.#latencies, (found = []) => {
      const sorted = found.sort((a, b) => a - b)
      return { events: sorted.length, p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), maxMs: sorted.at(-1) ?? Number.NaN }
    })
  }

  #read(topics: BenchmarkTopics, names: OutputTopics): { close(): Promise<void> } {
    const kinds = new Map((Object.keys(names) as (keyof OutputTopics)[]).map((kind) => [names[kind], kind]))
    const reader = topics.cluster.fetcher({
      isolation: 'read_committed',
      onError: (_partition, error) => {
        this.#failure = error
      },
      onRecords: ({ topic, cursor }) => {
        const kind = kinds.get(topic)!
        const now = nowMicroseconds()
        this.#lastRead = performance.now()
        while (cursor.next()) {
          const value = Buffer.from(cursor.value()!).toString()
          this.input.add(kind, Buffer.from(cursor.key()!).toString(), value)
          if (kind === 'states') {
            this.#took((JSON.parse(value) as DocumentState).at, now)
          }
        }
      },
    })
    for (const topic of kinds.keys()) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        reader.seek({ topic, partition }, 0)
      }
    }
    return reader
  }

  #took(at: number, now: number): void {
    const minute = Math.floor((at - this.#begin) / 60e6)
    this.#latencies[minute] ??= []
    this.#latencies[minute].push((now - at) / 1000)
  }

  async #write(topics: BenchmarkTopics, { input, approvals }: SoakTopics): Promise<void> {
    const writers: { readonly [topic in SoakRecord['topic']]: InputWriter } = { events: await topics.writer(input), approvals: await topics.writer(approvals) }
    while (this.#going) {
      const due = Math.floor(((nowMicroseconds() - this.#begin) * this.#ratePerSecond) / 1e6) + 1
      const records: SoakRecord[] = []
      while (this.input.events < due) {
        records.push(...this.input.next(this.#begin + Math.round((this.input.events * 1e6) / this.#ratePerSecond)))
      }
      for (const topic of ['events', 'approvals'] as const) {
        await writers[topic].write(records.filter((record) => record.topic === topic).map(encoded))
      }
      await pause(TICK_MILLISECONDS)
    }
    await Promise.all([writers.events.close(), writers.approvals.close()])
  }
}

function encoded({ topic, id, value, timestamp }: SoakRecord): InputRecord {
  return { id, timestamp, value: topic === 'events' ? encodeEvent(value as DocumentEvent) : Buffer.from(JSON.stringify(value)) }
}

function nowMicroseconds(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000)
}
