/**
 * Spans of one task: one per record and chain of synchronous operators, one per call of an asynchronous operator, one for
 * the chain behind its result, one per firing of a punctuator. Contexts travel in the headers of records, so through repartition topics and in pending
 * entries. Nothing here runs without a tracer.
 */
import type { PunctuationType } from '../processor.ts'
import type { Header, Headers } from '../record.ts'
import { codeOf } from '../runtime/dead-letter.ts'
import type { OpenTelemetry, Span, SpanContext, TraceContext, Tracer } from './open-telemetry.ts'
import { SPAN_KIND, STATUS_ERROR } from './open-telemetry.ts'
import { RowWriters } from './row-writers.ts'
import { traceHeaders, traceParentOf, traceStateOf, withTraceHeaders } from './traceparent.ts'

/** Links of one span; prevents that a scan of a store makes a span of megabytes. */
const MAX_LINKS = 32
const NO_TRACE = /^0*$/

/** Where the record of a span comes from. */
export interface TracedOrigin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  headers(): Headers
}

/** A span around a call, which settles whenever it likes. */
export interface CallSpan {
  /** Spans that `run` makes are children of it. */
  run<T>(run: () => T): T
  /** `failure`: code of what went wrong. */
  end(failure?: string): void
}

interface Current {
  readonly span: Span
  /** Of the record in hand, as it came; undefined in a punctuator. */
  readonly parent: string | undefined
  readonly headers: readonly Header[]
  readonly linked: Set<string>
}

export class TaskTracing {
  readonly #api: OpenTelemetry
  readonly #tracer: Tracer
  readonly #attributes: { readonly [name: string]: string }
  readonly #rows = new RowWriters()
  #current: Current | undefined

  constructor(api: OpenTelemetry, applicationId: string, taskId: string) {
    this.#api = api
    this.#tracer = api.trace.getTracer('millrace')
    this.#attributes = { 'messaging.system': 'kafka', 'messaging.consumer.group.name': applicationId, 'millrace.task': taskId }
  }

  /**
   * Runs what a record makes in this task within a span. `name`: the topic, or the asynchronous operator whose result goes on.
   * Names of attributes are those of OpenTelemetry's conventions for messaging.
   */
  process<T>(name: string, kind: 'consumer' | 'internal', origin: TracedOrigin, run: () => T): T {
    const headers = origin.headers()
    const attributes = {
      ...this.#attributes,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': origin.topic,
      'messaging.destination.partition.id': String(origin.partition),
      'messaging.kafka.offset': origin.offset,
    }
    const span = this.#tracer.startSpan(`process ${name}`, { kind: SPAN_KIND[kind], attributes }, this.#parentContext(headers))
    return this.#within(span, traceParentOf(headers)?.text, run)
  }

  /**
   * Runs a punctuator of `operator` within a span, which begins a trace: no record in hand has caused it. `time`: the stream
   * time or wall clock it fires for, ms.
   */
  punctuate<T>(operator: string, clock: PunctuationType, time: number, run: () => T): T {
    const attributes = { ...this.#attributes, 'millrace.operator': operator, 'millrace.punctuation.type': clock, 'millrace.punctuation.time': time }
    return this.#within(this.#tracer.startSpan(`punctuate ${operator}`, { kind: SPAN_KIND.internal, attributes }, this.#api.ROOT_CONTEXT), undefined, run)
  }

  #within<T>(span: Span, parent: string | undefined, run: () => T): T {
    const spanContext = span.spanContext()
    this.#current = {
      span,
      parent,
      // A tracer that does nothing gives no ids: what came goes on.
      headers: NO_TRACE.test(spanContext.traceId) ? [] : traceHeaders(spanContext),
      linked: new Set([spanContext.spanId]),
    }
    try {
      return this.#api.context.with(this.#api.trace.setSpan(this.#api.ROOT_CONTEXT, span), run)
    } catch (error) {
      fail(span, codeOf(error) ?? 'PROCESSING_FAILED')
      throw error
    } finally {
      this.#current = undefined
      span.end()
    }
  }

  /** A try of a call. `headers`: of the pending record. */
  call(operator: string, attempt: number, headers: Headers): CallSpan {
    const attributes = { ...this.#attributes, 'millrace.operator': operator, 'millrace.attempt': attempt }
    const span = this.#tracer.startSpan(`call ${operator}`, { kind: SPAN_KIND.internal, attributes }, this.#parentContext(headers))
    const context = this.#api.trace.setSpan(this.#api.ROOT_CONTEXT, span)
    return {
      run: (run) => this.#api.context.with(context, run),
      end: (failure) => {
        if (failure !== undefined) {
          fail(span, failure)
        }
        span.end()
      },
    }
  }

  /** The record in hand failed, for good. */
  failed(code: string): void {
    if (this.#current !== undefined) {
      fail(this.#current.span, code)
    }
  }

  /**
   * Headers of a record that leaves the task, or becomes a pending entry: it is a child of the span in hand. One that
   * brings a context of its own (it was held back, and another record released it) goes on in that, and is linked.
   */
  outgoing(headers: Headers): Headers {
    const current = this.#current
    if (current === undefined || current.headers.length === 0) {
      return headers
    }
    const own = traceParentOf(headers)
    if (own !== undefined && own.text !== current.parent) {
      this.#link(current, { traceId: own.traceId, spanId: own.spanId, traceFlags: own.flags, isRemote: true })
      return headers
    }
    return withTraceHeaders(headers, current.headers)
  }

  /** The record in hand has written a row. */
  wrote(store: string, key: Uint8Array): void {
    const current = this.#current
    if (current?.span.isRecording() === true) {
      this.#rows.wrote(store, key, current.span.spanContext())
    }
  }

  /** The record in hand has read a row: it is linked with the one that wrote it, while the task remembers that. */
  read(store: string, key: Uint8Array): void {
    const current = this.#current
    if (current === undefined || current.linked.size > MAX_LINKS || !current.span.isRecording()) {
      return
    }
    const writer = this.#rows.writer(store, key)
    if (writer !== undefined) {
      this.#link(current, writer)
    }
  }

  *readRange(store: string, rows: IterableIterator<readonly [Uint8Array, Uint8Array]>): IterableIterator<readonly [Uint8Array, Uint8Array]> {
    for (const row of rows) {
      this.read(store, row[0])
      yield row
    }
  }

  #link({ span, linked }: Current, context: SpanContext): void {
    if (linked.size <= MAX_LINKS && !linked.has(context.spanId)) {
      linked.add(context.spanId)
      span.addLink?.({ context })
    }
  }

  #parentContext(headers: Headers): TraceContext {
    const parent = traceParentOf(headers)
    if (parent === undefined) {
      return this.#api.ROOT_CONTEXT
    }
    const { traceId, spanId, flags } = parent
    const state = traceStateOf(headers)
    const traceState = state === undefined ? {} : { traceState: this.#api.createTraceState(state) }
    return this.#api.trace.setSpanContext(this.#api.ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true, ...traceState })
  }
}

/** Codes only: messages may hold what the record holds. */
function fail(span: Span, code: string): void {
  span.setAttribute('error.type', code)
  span.setStatus({ code: STATUS_ERROR, message: code })
}
