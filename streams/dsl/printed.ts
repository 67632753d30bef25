/** Lines that show what flows at a place: Kafka Streams' `Printed`. */
import { inspect } from 'node:util'
import type { OperatorOptions } from './options.ts'

export interface PrintOptions<K, V> extends OperatorOptions {
  /** Begins each line. Default: the name of the stream. */
  readonly label?: string
  /** What a line says of a record. Default: its key and its value. */
  readonly mapper?: (key: K, value: V) => string
  /** Is given each line, with its end. Default: standard output. */
  readonly write?: (line: string) => void
}

export function printed<K, V>(stream: string, { label = stream, mapper = keyAndValue, write = toStandardOutput }: PrintOptions<K, V>): (key: K, value: V) => void {
  return (key, value) => write(`[${label}]: ${mapper(key, value)}\n`)
}

function keyAndValue(key: unknown, value: unknown): string {
  return `${text(key)}, ${text(value)}`
}

function text(part: unknown): string {
  return typeof part === 'string' ? part : inspect(part, { breakLength: Number.POSITIVE_INFINITY })
}

function toStandardOutput(line: string): void {
  process.stdout.write(line)
}
