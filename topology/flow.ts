/**
 * What a step forwards: what it did (for lifecycle), and, if the document goes on, what the next step gets. Keys are
 * `tenantId|documentId` throughout.
 */
import type { KStream } from 'millrace'
import type { LifecycleEvent } from '../processors/lifecycle/index.ts'

export interface Did {
  readonly did: LifecycleEvent
}

export interface Next<T> {
  readonly next: T
}

export type Flow<T> = Did | Next<T>

const isDid = <T>(_key: string, flow: Flow<T>): flow is Did => 'did' in flow

/** Takes the two apart: events for lifecycle, documents for the next step. */
export function divide<T>(stream: KStream<string, Flow<T>>): { readonly events: KStream<string, LifecycleEvent>; readonly documents: KStream<string, T> } {
  const { events, documents } = stream.split().branch('events', isDid).defaultBranch('documents')
  return { events: events.mapValues(({ did }) => did), documents: documents.mapValues((flow) => (flow as Next<T>).next) }
}
