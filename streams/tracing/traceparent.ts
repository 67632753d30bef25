/** Trace contexts in record headers: W3C Trace Context, level 1 and 2 (https://www.w3.org/TR/trace-context/). */
import type { Header, Headers } from '../record.ts'

export const TRACEPARENT = 'traceparent'
export const TRACESTATE = 'tracestate'

/** What a tracestate may have; longer ones are let go, as the recommendation allows. */
const MAX_TRACESTATE = 512
/** Versions above 00 may add fields at the end. */
const FORMAT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
  /** The header's text: two are the same context when these are equal. */
  readonly text: string
}

/** The context a record came with, or undefined: it has none, or none that is valid. The last header of the name counts. */
export function traceParentOf(headers: Headers): TraceParent | undefined {
  const text = textOf(headers, TRACEPARENT)
  const match = text === undefined || text.length > MAX_TRACESTATE ? null : FORMAT.exec(text)
  if (match === null || (match[1] === '00' && match[5] !== undefined)) {
    return undefined
  }
  return { traceId: match[2]!, spanId: match[3]!, flags: Number.parseInt(match[4]!, 16), text: text! }
}

export function traceStateOf(headers: Headers): string | undefined {
  const text = textOf(headers, TRACESTATE)
  return text === undefined || text === '' || text.length > MAX_TRACESTATE ? undefined : text
}

/** `headers` with this context in place of the one they had. */
export function withTraceHeaders(headers: Headers, own: readonly Header[]): Headers {
  return [...headers.filter(({ key }) => key !== TRACEPARENT && key !== TRACESTATE), ...own]
}

export function traceHeaders({ traceId, spanId, traceFlags, traceState }: { readonly traceId: string; readonly spanId: string; readonly traceFlags: number; readonly traceState?: { serialize(): string } }): readonly Header[] {
  const parent = { key: TRACEPARENT, value: Buffer.from(`00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`) }
  const state = traceState?.serialize() ?? ''
  return state === '' ? [parent] : [parent, { key: TRACESTATE, value: Buffer.from(state) }]
}

function textOf(headers: Headers, key: string): string | undefined {
  for (let i = headers.length - 1; i >= 0; i--) {
    const header = headers[i]!
    if (header.key === key && header.value !== null) {
      return Buffer.from(header.value.buffer, header.value.byteOffset, header.value.length).toString('latin1')
    }
  }
  return undefined
}
