import type { SessionStoreShape, VersionedStoreShape, WindowStoreShape } from 'millrace-state-stores'
import { type Duration, milliseconds } from '../duration.ts'
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serdes.ts'
import { checkName } from './names.ts'
import type { AnySerde } from './topology.ts'

/** When entries of a key-value store expire, each by the timestamp of its changelog record. */
export interface TimeToLive {
  /** Absent: they stay. */
  readonly ttlMs?: number
  readonly ttlByWallClock?: boolean
}

export interface TimeToLiveSettings {
  readonly after: Duration
  /** The time of the store's own records (default; a replay forgets what the first run forgot), or the wall clock. */
  readonly clock?: 'stream-time' | 'wall-clock-time'
}

/** Throws `CONFIG_INVALID`, naming the store. */
export function timeToLive(store: string, settings: TimeToLiveSettings | undefined): TimeToLive {
  if (settings === undefined) {
    return {}
  }
  const { after, clock = 'stream-time' } = settings
  if (clock !== 'stream-time' && clock !== 'wall-clock-time') {
    throw new StreamsError('CONFIG_INVALID', `ttl.clock of the store '${store}' is ${JSON.stringify(clock)}, not 'stream-time' or 'wall-clock-time'.`)
  }
  return { ttlMs: milliseconds(`ttl.after of the store '${store}'`, after), ttlByWallClock: clock === 'wall-clock-time' }
}

/** What kind of store it is, and what only that kind has. */
export type StoreShape =
  | ({ readonly kind: 'key-value' } & TimeToLive)
  | ({ readonly kind: 'window' } & WindowStoreShape)
  | ({ readonly kind: 'session' } & SessionStoreShape)
  | ({ readonly kind: 'versioned' } & VersionedStoreShape)
  /** Of bytes, for operators that hold something back: a processor gets a `TimeOrderedBuffer`. */
  | { readonly kind: 'buffer' }

/** A store as its user describes it; which topic backs it is decided when the application id is known. */
export type StoreBuilder<K = unknown, V = unknown> = StoreShape & {
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

export interface KeyValueStoreSettings<K, V> extends StoreSettings<K, V> {
  /** Entries expire: they are not seen any more, and a tombstone goes to the changelog. Default: they stay. */
  readonly ttl?: TimeToLiveSettings
}

export interface WindowStoreSettings<K, V> extends StoreSettings<K, V> {
  /** Windows whose start lies so far before the newest are gone; at least the window's size. */
  readonly retention: Duration
  /** What `window.end - window.start` is in what the store returns. */
  readonly windowSize: Duration
  /** Every put adds a row, also for the same key and start. Default false. */
  readonly retainDuplicates?: boolean
  /** Keeps an index, so that `fetchAll` is in the order of time and reads only what it returns. Default false. */
  readonly orderedByTime?: boolean
}

export interface SessionStoreSettings<K, V> extends StoreSettings<K, V> {
  /** Sessions that end so far before the newest are gone. */
  readonly retention: Duration
  /** Keeps an index, so that sessions are found by their end without looking at every key. Default false. */
  readonly orderedByTime?: boolean
}

export interface VersionedStoreSettings<K, V> extends StoreSettings<K, V> {
  /** How far back `get(key, asOf)` looks, and how late a version may come. */
  readonly historyRetention: Duration
}

function storeBuilder<K, V>(name: string, settings: StoreSettings<K, V>, timestamped: boolean, shape: StoreShape): StoreBuilder<K, V> {
  checkName('store', name)
  for (const side of ['key', 'value'] as const) {
    checkSerde(settings?.[side], `store '${name}'`, side)
  }
  return Object.freeze({
    ...shape,
    name,
    key: settings.key,
    value: settings.value,
    engine: settings.engine,
    timestamped,
    logged: settings.logged ?? true,
    topicConfig: Object.freeze({ ...settings.topicConfig }),
  })
}

function keyValueShape<K, V>(name: string, settings: KeyValueStoreSettings<K, V>): StoreShape {
  return { kind: 'key-value', ...timeToLive(name, settings?.ttl) }
}

function windowShape<K, V>(name: string, settings: WindowStoreSettings<K, V>): StoreShape {
  const retentionMs = milliseconds(`retention of the store '${name}'`, settings?.retention)
  const windowSizeMs = milliseconds(`windowSize of the store '${name}'`, settings.windowSize, true)
  if (retentionMs < windowSizeMs) {
    throw new StreamsError(
      'CONFIG_INVALID',
      `The store '${name}' keeps windows of ${windowSizeMs} ms for ${retentionMs} ms: its retention must be at least its windowSize.`
    )
  }
  return { kind: 'window', retentionMs, windowSizeMs, retainDuplicates: settings.retainDuplicates ?? false, indexed: settings.orderedByTime ?? false }
}

/** The stores a processor may be given. */
export const Stores = Object.freeze({
  keyValueStore: <K, V>(name: string, settings: KeyValueStoreSettings<K, V>): StoreBuilder<K, V> =>
    storeBuilder(name, settings, false, keyValueShape(name, settings)),
  timestampedKeyValueStore: <K, V>(name: string, settings: KeyValueStoreSettings<K, V>): StoreBuilder<K, V> =>
    storeBuilder(name, settings, true, keyValueShape(name, settings)),
  /** Values by key and time, which expire with the time of the records. A processor gets a `WindowStore`. */
  windowStore: <K, V>(name: string, settings: WindowStoreSettings<K, V>): StoreBuilder<K, V> =>
    storeBuilder(name, settings, false, windowShape(name, settings)),
  timestampedWindowStore: <K, V>(name: string, settings: WindowStoreSettings<K, V>): StoreBuilder<K, V> =>
    storeBuilder(name, settings, true, windowShape(name, settings)),
  /** Values by key and session, which expire with the time of the records. A processor gets a `SessionStore`. */
  sessionStore: <K, V>(name: string, settings: SessionStoreSettings<K, V>): StoreBuilder<K, V> =>
    storeBuilder(name, settings, false, {
      kind: 'session',
      retentionMs: milliseconds(`retention of the store '${name}'`, settings?.retention),
      indexed: settings.orderedByTime ?? false,
    }),
  /** The history of each key by the time of its versions. A processor gets a `VersionedKeyValueStore`. */
  versionedKeyValueStore: <K, V>(name: string, settings: VersionedStoreSettings<K, V>): StoreBuilder<K, V> =>
    storeBuilder(name, settings, true, {
      kind: 'versioned',
      historyRetentionMs: milliseconds(`historyRetention of the store '${name}'`, settings?.historyRetention, true),
    }),
})

/** Throws `SERDE_MISSING`, naming the operator and its option, unless `serde` is one. */
export function checkSerde(serde: AnySerde | undefined, operator: string, option: string): AnySerde {
  if (typeof serde === 'function') {
    throw new StreamsError('SERDE_MISSING', `${operator}: its ${option} serde is a function: call it, as in Serdes.string().`)
  }
  if (typeof serde?.serialize !== 'function' || typeof serde?.deserialize !== 'function') {
    throw new StreamsError(
      'SERDE_MISSING',
      `${operator} has no ${option} serde: give \`${option}\` in its options (for example Serdes.string() or Serdes.json()). ` +
        'A serde is inherited only as long as no operator changes the type.'
    )
  }
  return serde
}
