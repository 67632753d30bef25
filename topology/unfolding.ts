import type { KStream } from 'millrace'
import { Serdes } from 'millrace'
import { divide, type Divided, type Flow, patiently } from './flow.ts'
import type { Services } from './services.ts'
import type { StoredDocument } from './steps/receive.ts'
import { type FoundPart, isContainer, unfold } from './steps/unfold.ts'
import { documentKey } from './topics.ts'

const isPart = (_key: string, found: Flow<StoredDocument> | FoundPart): found is FoundPart => 'part' in found

/**
 * Documents that hold documents give them out: each part is written to documents.raw and begins there like any other, in the transaction in
 * which its container is unfolded. So parts are received, counted, looked up for duplicates and bounded as what a sender sends.
 */
export function unfoldContainers({ events, documents }: Divided<StoredDocument>, services: Services, tenantStore: string): Divided<StoredDocument> {
  const { topics, serdes } = services
  const key = Serdes.string()
  const { containers, others } = documents.split().branch('containers', (_key, stored) => isContainer(stored)).defaultBranch('others')
  const { parts, flow } = containers
    .processAsync(unfold(services, tenantStore), {
      name: 'unfold', stores: [tenantStore], input: { key, value: Serdes.json<StoredDocument>() }, key, lane: (_value, key) => key.slice(0, key.indexOf('|')),
      concurrency: 2, maxPending: 10_000, timeout: '10m', retry: patiently, onFailure: 'dead-letter',
    })
    .split()
    .branch('parts', isPart)
    .defaultBranch('flow')
  parts.map((_key, { part }) => [documentKey(part.tenantId, part.documentId), part]).to(topics.raw.name, { key, value: serdes.received })
  const unfolded = divide(flow as KStream<string, Flow<StoredDocument>>)
  return { events: events.merge(unfolded.events), documents: others.merge(unfolded.documents) }
}
