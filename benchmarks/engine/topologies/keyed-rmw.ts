/** Keyed read-modify-write. Its Java peer is `KeyedRmw.java`. */
import type { KeyValueStore, Processor, ProcessorContext, Record, StreamsBuilder } from 'millrace'
import { Serdes, Stores } from 'millrace'
import type { DocumentEvent, DocumentState } from '../events.ts'
import { nextState } from '../events.ts'
import type { TopologySettings } from './settings.ts'

export const STORE = 'documents'

export class ReadModifyWrite implements Processor<string, DocumentEvent, string, DocumentState> {
  #context!: ProcessorContext<string, DocumentState>
  #store!: KeyValueStore<string, DocumentState>

  init(context: ProcessorContext<string, DocumentState>): void {
    this.#context = context
    this.#store = context.getStateStore(STORE)
  }

  process({ key, value, timestamp, headers }: Record<string, DocumentEvent>): void {
    const state = nextState(this.#store.get(key), value)
    this.#store.put(key, state)
    this.#context.forward({ key, value: state, timestamp, headers })
  }
}

export default function topology(b: StreamsBuilder, { input, output }: TopologySettings): void {
  b.stream(input, { key: Serdes.string(), value: Serdes.json<DocumentEvent>() })
    .process(() => new ReadModifyWrite(), {
      name: 'read-modify-write',
      stores: [Stores.keyValueStore(STORE, { key: Serdes.string(), value: Serdes.json<DocumentState>() })],
    })
    .to(output, { key: Serdes.string(), value: Serdes.json() })
}
