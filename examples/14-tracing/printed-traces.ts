/** The smallest tracer that shows something: a line per span, `name trace/span < parent → links`. */
import { randomBytes } from 'node:crypto'
import { type Context, context as contexts, type Span, type SpanContext, type SpanOptions, trace, type Tracer, type TracerProvider } from '@opentelemetry/api'

export class PrintedTraces implements TracerProvider, Tracer {
  readonly #print: (line: string) => void

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  getTracer(): Tracer {
    return this
  }

  startSpan(name: string, _options?: SpanOptions, context: Context = contexts.active()): Span {
    const parent = trace.getSpanContext(context)
    const own: SpanContext = { traceId: parent?.traceId ?? randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex'), traceFlags: 1 }
    const links: SpanContext[] = []
    let status = ''
    const span: Span = {
      spanContext: () => own,
      isRecording: () => true,
      setAttribute: () => span,
      setAttributes: () => span,
      addEvent: () => span,
      addLink: ({ context: linked }) => {
        links.push(linked)
        return span
      },
      addLinks: () => span,
      setStatus: ({ message }) => {
        status = message ?? ''
        return span
      },
      updateName: () => span,
      recordException: () => undefined,
      end: () => this.#print([name, `${own.traceId}/${own.spanId}`, ...(parent === undefined ? [] : ['<', parent.spanId]), ...links.map(({ spanId }) => `→ ${spanId}`), status].join(' ').trimEnd()),
    }
    return span
  }

  startActiveSpan(): never {
    throw new Error('Nobody asks for it here.')
  }
}
