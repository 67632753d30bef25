/** JSON of questions and answers between instances. Every field is checked: builds differ, and so may intentions. */
import { StreamsError, type StreamsErrorCode } from '../errors.ts'
import type { Bytes, PageAnswer, PageRequest, PlainPosition, PlainQuery } from './page.ts'

type Fields = { readonly [name: string]: unknown }

/** Rows of one page, whoever asks. */
export const MAX_PAGE_ROWS = 10_000
/** Longest wait for a position. */
export const MAX_WAIT_MS = 600_000

function refused(what: string): StreamsError {
  return new StreamsError('PEER_REFUSED', `A channel between instances brought a message without a proper ${what}.`)
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused(what)
  }
  return value as Fields
}

function whole(fields: Fields, name: string, most: number): number {
  const value = fields[name]
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > most) {
    throw refused(name)
  }
  return value as number
}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string' || value.length > 4_096) {
    throw refused(name)
  }
  return value
}

function bytes(fields: Fields, name: string): Bytes {
  const value = fields[name]
  if (typeof value !== 'string') {
    throw refused(name)
  }
  return Uint8Array.from(Buffer.from(value, 'base64'))
}

function base64(value: Bytes): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
}

function queryToJson(query: PlainQuery): Fields {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, value instanceof Uint8Array ? base64(value) : (value as unknown)]))
}

function queryFromJson(value: unknown): PlainQuery {
  const fields = fieldsOf(value, 'query')
  const time = (name: string) => whole(fields, name, Number.MAX_SAFE_INTEGER)
  const { kind } = fields
  switch (kind) {
    case 'key':
    case 'session-key':
      return { kind, key: bytes(fields, 'key') }
    case 'range':
      return {
        kind,
        ...(fields['from'] === undefined ? {} : { from: bytes(fields, 'from') }),
        ...(fields['to'] === undefined ? {} : { to: bytes(fields, 'to') }),
        descending: fields['descending'] === true,
      }
    case 'window-key':
    case 'multi-versioned-key':
      return { kind, key: bytes(fields, 'key'), from: time('from'), to: time('to') }
    case 'window-range':
      return { kind, from: time('from'), to: time('to') }
    case 'versioned-key':
      return { kind, key: bytes(fields, 'key'), ...(fields['at'] === undefined ? {} : { at: time('at') }) }
    default:
      throw refused('query')
  }
}

function position(value: unknown, name: string): PlainPosition {
  const fields = fieldsOf(value, name)
  for (const each of Object.keys(fields)) {
    whole(fields, each, Number.MAX_SAFE_INTEGER)
  }
  return fields as PlainPosition
}

export function requestToJson({ cursor, query, ...rest }: PageRequest): Fields {
  return { ...rest, query: queryToJson(query), ...(cursor === undefined ? {} : { cursor: base64(cursor) }) }
}

/** Throws `PEER_REFUSED`. */
export function requestFromJson(value: unknown): PageRequest {
  const fields = fieldsOf(value, 'request')
  return {
    store: text(fields, 'store'),
    partition: whole(fields, 'partition', 2 ** 31),
    query: queryFromJson(fields['query']),
    ...(fields['cursor'] === undefined ? {} : { cursor: bytes(fields, 'cursor') }),
    maxRows: Math.max(1, whole(fields, 'maxRows', MAX_PAGE_ROWS)),
    ...(fields['maxLag'] === undefined ? {} : { maxLag: whole(fields, 'maxLag', Number.MAX_SAFE_INTEGER) }),
    ...(fields['bound'] === undefined ? {} : { bound: position(fields['bound'], 'bound') }),
    waitMs: whole(fields, 'waitMs', MAX_WAIT_MS),
  }
}

export function answerToJson(answer: PageAnswer): Fields {
  if (answer.kind !== 'page') {
    return { ...answer }
  }
  const { rows: _, cursor, ...rest } = answer
  return { ...rest, ...(cursor === undefined ? {} : { cursor: base64(cursor) }) }
}

/** Throws `PEER_REFUSED`. */
export function answerFromJson(value: unknown, rows: Bytes): PageAnswer {
  const fields = fieldsOf(value, 'answer')
  switch (fields['kind']) {
    case 'absent':
      return { kind: 'absent' }
    case 'failure':
      return { kind: 'failure', code: text(fields, 'code') as StreamsErrorCode, message: text(fields, 'message') }
    case 'page':
      return {
        kind: 'page',
        rows,
        ...(fields['cursor'] === undefined ? {} : { cursor: bytes(fields, 'cursor') }),
        position: position(fields['position'], 'position'),
        active: fields['active'] === true,
        lag: whole(fields, 'lag', Number.MAX_SAFE_INTEGER),
      }
    default:
      throw refused('answer')
  }
}
