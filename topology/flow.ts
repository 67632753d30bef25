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

/** A record that fails here says nothing that a second try would mend; the dead letter carries it whole. */
export const toDeadLetters = { deserialization: 'dead-letter', processing: 'dead-letter' } as const

/**
 * What holds where an operator says nothing else. A record of ours that cannot be written (too large for its topic, not what its schema allows)
 * takes back everything that the step it comes from has done with the document; the document is a dead letter of that step and ends
 * as one (`steps/dead-letters.ts`, docs/decisions/0021).
 */
export const errorPolicy = { deserialization: 'dead-letter', processing: 'fail', production: 'upstream' } as const

const isDid = <T>(_key: string, flow: Flow<T>): flow is Did => 'did' in flow

/** Services fail for a while: half a second at first, a minute at last, half an hour in all. */
export const patiently = { attempts: 40, backoffMs: 500, maxBackoffMs: 60_000 } as const

/** What a step did, and what goes on. */
export interface Divided<T> {
  readonly events: KStream<string, LifecycleEvent>
  readonly documents: KStream<string, T>
}

/** Takes the two apart: events for lifecycle, documents for the next step. */
export function divide<T>(stream: KStream<string, Flow<T>>): Divided<T> {
  const { events, documents } = stream.split().branch('events', isDid).defaultBranch('documents')
  return { events: events.mapValues(({ did }) => did), documents: documents.mapValues((flow) => (flow as Next<T>).next) }
}
