/**
 * Dead letters: the raw record, its headers, and why it is here. Header names are Kafka Streams' (KIP-1034) where it has
 * them. No message texts: they may contain what the record contains. Sent in the transaction of the generation.
 */
import type { StreamsErrorCode } from '../errors.ts'
import { StreamsError } from '../errors.ts'
import type { Header } from '../record.ts'
import type { RecordCollector } from './contract.ts'
import type { Origin, TaskCore } from './core.ts'
import { ProductionError } from './production-error.ts'

export const DEAD_LETTER_HEADERS = {
  exception: '__streams.errors.exception',
  topic: '__streams.errors.topic',
  partition: '__streams.errors.partition',
  offset: '__streams.errors.offset',
  /** The operator that gave the record up. */
  node: '__streams.errors.node',
  attempts: '__streams.errors.attempts',
  code: '__streams.errors.code',
  /** The code of the error the operator or serde threw, where it has one (TENANT_UNKNOWN, ECONNREFUSED). */
  cause: '__streams.errors.cause',
  /** Where a sink could not write to: the topic, and what of the record was wrong, if the serde's error names a `field`. */
  sink: '__streams.errors.sink',
  field: '__streams.errors.field',
  /** `source`: key and value are the input record's; `operator`: those of the operator's pending entry. */
  raw: '__streams.errors.raw',
  /** What had to be left out because it was too large: `record`, or `record,headers` (rule C5). */
  truncated: '__streams.errors.truncated',
} as const

export interface Failure {
  readonly node: string
  readonly code: StreamsErrorCode
  readonly error: unknown
  readonly attempts: number
}

interface RawRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

const MAX_CLASS_NAME = 100

export function sendDeadLetter(core: TaskCore, failure: Failure): void {
  const topic = core.deadLetterTopic
  if (topic === undefined) {
    throw new StreamsError('CONFIG_INVALID', `${failure.node}: there is no dead-letter topic. Configure one.`)
  }
  core.beforeEffect()
  writeDeadLetter(core.collector, topic, core.origin, Math.max(core.timestamp, 0), failure)
}

/** `now`: the timestamp of a dead letter that no record gave rise to. Throws what the collector throws. */
export function writeDeadLetter(collector: RecordCollector, topic: string, origin: Origin | undefined, now: number, failure: Failure): void {
  const why: Header[] = [
    text(DEAD_LETTER_HEADERS.exception, className(failure.error)),
    text(DEAD_LETTER_HEADERS.node, failure.node),
    text(DEAD_LETTER_HEADERS.code, failure.code),
    text(DEAD_LETTER_HEADERS.attempts, String(failure.attempts)),
  ]
  const cause = causeOf(failure.error)
  if (cause !== undefined) {
    why.push(text(DEAD_LETTER_HEADERS.cause, cause))
  }
  if (failure.error instanceof ProductionError) {
    const { topic: sink, field } = failure.error
    why.push(...(sink === undefined ? [] : [text(DEAD_LETTER_HEADERS.sink, sink)]), ...(field === undefined ? [] : [text(DEAD_LETTER_HEADERS.field, field)]))
  }
  if (origin === undefined) {
    collector.send(topic, undefined, null, null, now, why)
    return
  }
  why.push(
    text(DEAD_LETTER_HEADERS.topic, origin.topic),
    text(DEAD_LETTER_HEADERS.partition, String(origin.partition)),
    text(DEAD_LETTER_HEADERS.offset, String(origin.offset)),
    text(DEAD_LETTER_HEADERS.raw, origin.raw),
  )
  const timestamp = Math.max(origin.timestamp, 0)
  const headers = [...origin.headers(), ...why]
  if (sent(collector, topic, { key: origin.rawKey(), value: origin.rawValue() }, timestamp, headers)) {
    return
  }
  if (sent(collector, topic, { key: null, value: null }, timestamp, [...headers, text(DEAD_LETTER_HEADERS.truncated, 'record')])) {
    return
  }
  collector.send(topic, undefined, null, null, timestamp, [...why, text(DEAD_LETTER_HEADERS.truncated, 'record,headers')])
}

/** False when it is too large for the topic. */
function sent(collector: RecordCollector, topic: string, raw: RawRecord, timestamp: number, headers: readonly Header[]): boolean {
  try {
    collector.send(topic, undefined, raw.key, raw.value, timestamp, headers)
    return true
  } catch (error) {
    if (error instanceof StreamsError && error.code === 'RECORD_TOO_LARGE') {
      return false
    }
    throw error
  }
}

function text(key: string, value: string): Header {
  return { key, value: Buffer.from(value) }
}

/** The error's class, as far as it is one: a thrown string or a computed name could carry content. */
function className(error: unknown): string {
  const name = error instanceof Error ? error.constructor.name : typeof error
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name.slice(0, MAX_CLASS_NAME) : 'Error'
}

/** Of what a sink's serde threw, rather than of what the engine made of it. */
function causeOf(error: unknown): string | undefined {
  return (error instanceof ProductionError ? causeOf(error.cause) : error instanceof StreamsError ? codeOf(error.cause) : undefined) ?? codeOf(error)
}

/** A stable code, as Node's and most libraries' errors carry; anything that does not look like one could be content. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { readonly code?: unknown }).code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : undefined
}
