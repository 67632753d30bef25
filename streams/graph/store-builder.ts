import { StreamsError } from '../errors.ts'
import type { Serde } from '../serdes.ts'
import { checkName } from './names.ts'
import type { AnySerde } from './topology.ts'

/** A store as its user describes it; which topic backs it is decided when the application id is known. */
export interface StoreBuilder<K = unknown, V = unknown> {
  readonly kind: 'key-value'
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
  /** Values are kept with the timestamp of the record that made them (`TimestampedKeyValueStore`). */
  readonly timestamped: boolean
  /** false: no changelog. What the store holds is lost with the disk, and in a crash between commit and write (rule D4). */
  readonly logged: boolean
  /** Settings of the changelog topic over the defaults. */
  readonly topicConfig: { readonly [key: string]: string }
}

export interface StoreSettings<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
  readonly logged?: boolean
  readonly topicConfig?: { readonly [key: string]: string }
}

function storeBuilder<K, V>(name: string, settings: StoreSettings<K, V>, timestamped: boolean): StoreBuilder<K, V> {
  checkName('store', name)
  for (const side of ['key', 'value'] as const) {
    checkSerde(settings?.[side], `store '${name}'`, side)
  }
  return Object.freeze({
    kind: 'key-value',
    name,
    key: settings.key,
    value: settings.value,
    engine: settings.engine,
    timestamped,
    logged: settings.logged ?? true,
    topicConfig: Object.freeze({ ...settings.topicConfig }),
  })
}

/** The stores a processor may be given. Windowed, session and versioned stores will stand beside these. */
export const Stores = Object.freeze({
  keyValueStore: <K, V>(name: string, settings: StoreSettings<K, V>): StoreBuilder<K, V> => storeBuilder(name, settings, false),
  timestampedKeyValueStore: <K, V>(name: string, settings: StoreSettings<K, V>): StoreBuilder<K, V> => storeBuilder(name, settings, true),
})

/** Throws `SERDE_MISSING`, naming the operator and its option, unless `serde` is one. */
export function checkSerde(serde: AnySerde | undefined, operator: string, option: string): AnySerde {
  if (typeof serde?.serialize !== 'function' || typeof serde?.deserialize !== 'function') {
    throw new StreamsError(
      'SERDE_MISSING',
      `${operator} has no ${option} serde: give \`${option}\` in its options (for example Serdes.string() or Serdes.json()). ` +
        'A serde is inherited only as long as no operator changes the type.'
    )
  }
  return serde
}
