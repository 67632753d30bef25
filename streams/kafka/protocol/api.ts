import type { TopicPartition } from '../contract.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** One request of the protocol in one version. All versions used here are flexible (KIP-482), unless their headers say otherwise. */
export interface Api<Request, Response> {
  readonly name: string
  readonly key: number
  readonly version: number
  /** First broker release that speaks this version: for the error that says why it cannot be used. */
  readonly since: string
  /** 2 unless said: 1 is without tagged fields. */
  readonly requestHeaderVersion?: 1
  /** 1 unless said: 0 is without tagged fields. */
  readonly responseHeaderVersion?: 0
  encode(writer: ByteWriter, request: Request): void
  decode(reader: ByteReader): Response
}

/** Groups a flat list by topic, keeping first-seen order: the shape of nearly every request. */
export function byTopic<T extends TopicPartition>(items: Iterable<T>): { topic: string; items: T[] }[] {
  const topics = new Map<string, T[]>()
  for (const item of items) {
    const list = topics.get(item.topic)
    if (list === undefined) {
      topics.set(item.topic, [item])
    } else {
      list.push(item)
    }
  }
  return [...topics].map(([topic, list]) => ({ topic, items: list }))
}

export interface PartitionError extends TopicPartition {
  readonly errorCode: number
}

/** The answer `[topic [partition error_code]]` that many APIs share. */
export function readPartitionErrors(reader: ByteReader): PartitionError[] {
  return reader
    .structs((r) => {
      const topic = r.string()
      return r.structs((p) => ({ topic, partition: p.int32(), errorCode: p.int16() }))
    })
    .flat()
}
