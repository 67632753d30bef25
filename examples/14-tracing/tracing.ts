/** What every stream thread loads: in production it starts an SDK (`new NodeSDK(…).start()`), here a tracer that prints. */
import * as api from '@opentelemetry/api'
import { PrintedTraces } from './printed-traces.ts'

export default function tracing(): typeof api {
  api.trace.setGlobalTracerProvider(new PrintedTraces((span) => console.log(`span: ${span}`)))
  return api
}
