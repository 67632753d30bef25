import { StreamsError } from '../errors.ts'
import type { OpenTelemetry } from './open-telemetry.ts'

/** A module whose default export gives the API, or that function: `export default () => api`. May start an SDK first. */
export type TracingFunction = () => OpenTelemetry | Promise<OpenTelemetry>

/** Loads it in the thread that traces. Throws `CONFIG_INVALID` for what is no OpenTelemetry API. */
export async function loadTracing(source: string | TracingFunction): Promise<OpenTelemetry> {
  let make: unknown = source
  if (typeof source === 'string') {
    try {
      make = ((await import(source)) as { readonly default?: unknown }).default
    } catch (cause) {
      throw new StreamsError('CONFIG_INVALID', `tracing: the module ${source} could not be loaded: ${(cause as Error).message}`, { cause })
    }
  }
  if (typeof make !== 'function') {
    throw new StreamsError('CONFIG_INVALID', `tracing: ${String(source)} must have a default export () => api, where api is \`import * as api from '@opentelemetry/api'\`.`)
  }
  const api = (await make()) as Partial<OpenTelemetry> | undefined
  const shape = [api?.trace?.getTracer, api?.trace?.setSpan, api?.trace?.setSpanContext, api?.context?.with, api?.createTraceState]
  if (shape.some((each) => typeof each !== 'function') || api?.ROOT_CONTEXT === undefined) {
    throw new StreamsError('CONFIG_INVALID', "tracing: what the function gave is no OpenTelemetry API: return the whole of `import * as api from '@opentelemetry/api'`.")
  }
  return api as OpenTelemetry
}
