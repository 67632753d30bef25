/** The operators' door, assembled. Start reading at `server.ts`. */
import type { AddressInfo } from 'node:net'
import type { Listener } from '../topology/config.ts'
import { createOpsServer, type OpsContext } from './server.ts'

export { DocumentCounter, type DocumentCounts, type SeenChange } from './document-counter.ts'
export { createMetrics, type InstanceMetrics } from './metrics.ts'
export { type RefusedRuleSet, RefusedRuleSets } from './refused-rule-sets.ts'
export { StatusSource } from './status.ts'

export interface Ops {
  /** `http://host:port/`: the live page */
  readonly url: string
  close(): Promise<void>
}

export async function startOps(listener: Listener, context: Omit<OpsContext, 'host'>): Promise<Ops> {
  const app = await createOpsServer({ ...context, host: listener.host })
  // a copy: fastify adds to what it is given, and the configuration crosses to the stream threads
  await app.listen({ host: listener.host, port: listener.port })
  const { address, port, family } = app.server.address() as AddressInfo
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`, close: () => app.close() }
}
