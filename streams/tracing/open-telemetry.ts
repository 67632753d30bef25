/**
 * The part of `@opentelemetry/api` (1.4 and newer) that is used, as a shape: `import * as api from '@opentelemetry/api'`
 * satisfies it, which a type test holds, and this package depends on nothing.
 */
export interface OpenTelemetry {
  readonly ROOT_CONTEXT: TraceContext
  readonly trace: {
    getTracer(name: string, version?: string): Tracer
    setSpan(context: TraceContext, span: Span): TraceContext
    setSpanContext(context: TraceContext, spanContext: SpanContext): TraceContext
  }
  readonly context: {
    with<T>(context: TraceContext, run: () => T): T
  }
  createTraceState(raw?: string): TraceState
}

export interface Tracer {
  startSpan(name: string, options?: SpanOptions, context?: TraceContext): Span
}

export interface SpanOptions {
  /** `SpanKind`: 0 internal, 4 consumer. */
  kind?: number
  attributes?: { [name: string]: string | number | boolean }
}

export interface Span {
  spanContext(): SpanContext
  isRecording(): boolean
  setAttribute(name: string, value: string): unknown
  /** `SpanStatusCode`: 2 is an error. */
  setStatus(status: { code: number; message?: string }): unknown
  /** Since 1.9. */
  addLink?(link: { context: SpanContext }): unknown
  end(): void
}

export interface SpanContext {
  traceId: string
  spanId: string
  traceFlags: number
  isRemote?: boolean
  traceState?: TraceState
}

/** Methods are all of the API's own: a value of its type is needed where one is given back. */
export interface TraceState {
  get(key: string): string | undefined
  set(key: string, value: string): TraceState
  unset(key: string): TraceState
  serialize(): string
}

export interface TraceContext {
  getValue(key: symbol): unknown
  setValue(key: symbol, value: unknown): TraceContext
  deleteValue(key: symbol): TraceContext
}

export const SPAN_KIND = { internal: 0, consumer: 4 } as const
export const STATUS_ERROR = 2
