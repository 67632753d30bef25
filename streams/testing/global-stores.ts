/** Global tables of the test driver: one copy, fed by their topics, readable by every task. */
import type { DatabaseTaskState, StoreClock } from 'millrace-state-stores'
import { openMemoryTaskState, storeClock } from 'millrace-state-stores'
import type { GlobalTable, StoreDefinition } from '../graph/topology.ts'
import type { ReadOnlyKeyValueStore } from '../processor.ts'
import { NO_HEADERS } from '../record.ts'
import type { AnyStore } from '../runtime/typed-stores.ts'
import { changelogFormat, typedStore } from '../runtime/typed-stores.ts'
import type { StoredRecord } from './simulated-topics.ts'

export class SimulatedGlobalStores {
  readonly stores = new Map<string, ReadOnlyKeyValueStore<unknown, unknown>>()
  readonly #byTopic = new Map<string, { readonly table: GlobalTable; readonly state: DatabaseTaskState }>()

  constructor(tables: readonly GlobalTable[]) {
    for (const table of tables) {
      const state = openMemoryTaskState([{ name: table.storeName, kind: 'key-value', logged: false }])
      for (const topic of table.source.topics) {
        this.#byTopic.set(topic, { table, state })
      }
      this.stores.set(table.storeName, storeToLookAt(table.store, state, storeClock()) as ReadOnlyKeyValueStore<unknown, unknown>)
    }
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic)
  }

  apply({ topic, key, value, timestamp }: Omit<StoredRecord, 'offset'>): void {
    const { table, state } = this.#byTopic.get(topic)!
    // A record without a key can't be in a table.
    if (key !== null) {
      for (const row of changelogFormat(table.store).rows(key, value, timestamp)) {
        state.store(table.storeName).put(row.key, row.value, timestamp)
      }
      state.freeze()
      state.applyFrozenNow(new Map())
    }
  }
}

/** A store for tests to look at: no turn, no marks. `clock`: what its owner's expiry goes by. */
export function storeToLookAt(definition: StoreDefinition, state: DatabaseTaskState, clock: StoreClock): AnyStore {
  const topic = definition.changelog ?? definition.name
  const format = {
    serializeKey: (key: unknown) => definition.key.serialize(topic, key, NO_HEADERS),
    serializeValue: (value: unknown) => definition.value.serialize(topic, value, NO_HEADERS),
    deserializeKey: (bytes: Uint8Array) => definition.key.deserialize(topic, bytes, NO_HEADERS) as unknown,
    deserializeValue: (bytes: Uint8Array) => definition.value.deserialize(topic, bytes, NO_HEADERS) as unknown,
  }
  return typedStore(definition, state.store(definition.name), format, { clock, now: () => 0 })
}
