import { type Measured, registerMetrics } from 'millrace'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ApiObserver } from '../api/index.ts'
import type { TenantDirectory } from '../topology/tenant-directory.ts'
import type { DocumentCounter } from './document-counter.ts'
import type { RefusedRuleSets } from './refused-rule-sets.ts'

export interface MetricsOptions {
  readonly streams: Measured
  readonly counter: Pick<DocumentCounter, 'counts'>
  readonly refused: Pick<RefusedRuleSets, 'list'>
  readonly tenants: Pick<TenantDirectory, 'label'>
}

export interface InstanceMetrics {
  readonly registry: Registry
  /** For the API to report to. */
  readonly api: ApiObserver
}

/** Every metric of an instance. Labels are few and ours: routes, tasks, tenants that exist (anything else is `unknown`). */
export function createMetrics({ streams, counter, refused, tenants }: MetricsOptions): InstanceMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  registerMetrics(registry, streams)
  new Gauge({
    name: 'millrace_operator_records',
    help: 'Records in the asynchronous operators of this instance: admitted and not finished, being called, parked.',
    labelNames: ['operator', 'condition'],
    registers,
    async collect() {
      const threads = await streams.metrics()
      this.reset()
      for (const { operator, pending, running, parked } of threads.flatMap(({ tasks }) => tasks.flatMap(({ operators }) => operators))) {
        this.inc({ operator, condition: 'pending' }, pending)
        this.inc({ operator, condition: 'running' }, running)
        this.inc({ operator, condition: 'parked' }, parked)
      }
    },
  })
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
  new Gauge({
    name: 'millrace_rule_sets_refused',
    help: 'Rule sets whose newest version is not in force.',
    labelNames: ['tenant'],
    registers,
    collect() {
      this.reset()
      for (const { tenant } of refused.list()) {
        this.inc({ tenant })
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
    registry,
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
