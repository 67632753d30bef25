import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ApiObserver } from '../api/index.ts'
import type { TenantDirectory } from '../topology/tenant-directory.ts'
import type { DocumentCounter } from './document-counter.ts'
import { registerStreamMetrics, type StreamsView } from './stream-metrics.ts'

export interface MetricsOptions {
  readonly streams: StreamsView
  readonly counter: Pick<DocumentCounter, 'counts'>
  readonly tenants: Pick<TenantDirectory, 'label'>
}

export interface InstanceMetrics {
  readonly contentType: string
  /** In Prometheus' text format. */
  scrape(): Promise<string>
  /** For the API to report to. */
  readonly api: ApiObserver
}

/** Every metric of an instance. Labels are few and ours: routes, tasks, tenants that exist (anything else is `unknown`). */
export function createMetrics({ streams, counter, tenants }: MetricsOptions): InstanceMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const copyStreamCounters = registerStreamMetrics(registry, streams)
  new Gauge({
    name: 'millrace_documents',
    help: 'Documents by the state they are in, of all instances.',
    labelNames: ['tenant', 'state'],
    registers,
    collect() {
      this.reset()
      for (const [tenant, states] of Object.entries(counter.counts().states)) {
        for (const [state, count] of Object.entries(states)) {
          this.set({ tenant, state }, count)
        }
      }
    },
  })
  const requests = new Histogram({
    name: 'millrace_api_request_duration_seconds',
    help: 'Requests of the API, by route pattern.',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
    registers,
  })
  const taken = new Counter({ name: 'millrace_api_documents_total', help: 'Documents answered with 202.', labelNames: ['tenant'], registers })
  const bytes = new Counter({ name: 'millrace_api_document_bytes_total', help: 'Their bytes.', labelNames: ['tenant'], registers })
  return {
    contentType: registry.contentType,
    async scrape() {
      await copyStreamCounters()
      return await registry.metrics()
    },
    api: {
      requestEnded: ({ route, method, status, seconds }) => requests.observe({ route, method, status }, seconds),
      documentTaken: (tenantId, size) => {
        const tenant = tenants.label(tenantId)
        taken.inc({ tenant })
        bytes.inc({ tenant }, size)
      },
    },
  }
}
