/** A tracer for tests over the real `@opentelemetry/api`: records spans, carries contexts through awaits, nothing else. */
import { AsyncLocalStorage } from 'node:async_hooks'
import * as api from '@opentelemetry/api'

export interface Recorded {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parent: string | undefined
  readonly traceState: string | undefined
  readonly kind: number
  readonly attributes: { [name: string]: unknown }
  readonly links: api.SpanContext[]
  status: api.SpanStatus | undefined
  ended: number
}

export const spans: Recorded[] = []
let ids = 0
const id = (length: number) => (++ids).toString(16).padStart(length, '0')

function startSpan(name: string, options: api.SpanOptions = {}, context: api.Context = api.context.active()): api.Span {
  const parent = api.trace.getSpanContext(context)
  const recorded: Recorded = {
    name,
    traceId: parent?.traceId ?? id(32),
    spanId: id(16),
    parent: parent?.spanId,
    traceState: parent?.traceState?.serialize(),
    kind: options.kind ?? 0,
    attributes: { ...options.attributes },
    links: [],
    status: undefined,
    ended: 0,
  }
  spans.push(recorded)
  const spanContext: api.SpanContext = { traceId: recorded.traceId, spanId: recorded.spanId, traceFlags: 1, ...(parent?.traceState === undefined ? {} : { traceState: parent.traceState }) }
  const span: api.Span = {
    spanContext: () => spanContext,
    isRecording: () => recorded.ended === 0,
    setAttribute: (key, value) => {
      recorded.attributes[key] = value
      return span
    },
    setAttributes: () => span,
    addEvent: () => span,
    addLink: ({ context: linked }) => {
      recorded.links.push(linked)
      return span
    },
    addLinks: () => span,
    setStatus: (status) => {
      recorded.status = status
      return span
    },
    updateName: () => span,
    recordException: () => undefined,
    end: () => {
      recorded.ended++
    },
  }
  return span
}

/** The API with this tracer behind it; spans of earlier tests are forgotten. */
export function recordingApi(): typeof api {
  spans.length = 0
  const contexts = new AsyncLocalStorage<api.Context>()
  api.context.disable()
  api.context.setGlobalContextManager({
    active: () => contexts.getStore() ?? api.ROOT_CONTEXT,
    with: (context, run, self, ...args) => contexts.run(context, () => run.apply(self, args)),
    bind: (_context, target) => target,
    enable() {
      return this
    },
    disable() {
      return this
    },
  })
  api.trace.disable()
  const startActiveSpan = (): never => {
    throw new Error('not used')
  }
  api.trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan, startActiveSpan }) })
  return api
}
