/** Typed stores of every kind over a byte view: for processors (`stores.ts`), and for whoever looks at a task's state. */
import type { ChangelogFormat, Expiring, KeyValueFormat, StoreClock, StoreView } from 'millrace-state-stores'
import {
  BUFFER_LAYOUT,
  bufferFormat,
  createKeyValueStore,
  createSessionStore,
  createTimeOrderedBuffer,
  createTimestampedKeyValueStore,
  createTimestampedWindowStore,
  createVersionedKeyValueStore,
  createWindowStore,
  plainFormat,
  sessionFormat,
  sessionLayout,
  timestampedFormat,
  TTL_LAYOUT,
  ttlFormat,
  TtlView,
  VERSIONED_LAYOUT,
  versionedFormat,
  windowFormat,
  windowLayout,
} from 'millrace-state-stores'
import type { StoreDefinition } from '../graph/topology.ts'

export interface TypedStoreOptions {
  /** Time of the store; of a reader the one its owner goes by. */
  readonly clock: StoreClock
  readonly now: () => number
  readonly onExpired?: () => void
  readonly sequence?: () => number
}

export type AnyStore = { readonly name: string } & Partial<Expiring>

export function typedStore(
  definition: StoreDefinition,
  view: StoreView,
  format: KeyValueFormat<unknown, unknown>,
  options: TypedStoreOptions,
): AnyStore {
  switch (definition.kind) {
    case 'key-value': {
      const rows = definition.ttlMs === undefined ? view : new TtlView(view, definition.ttlMs, options.clock)
      return definition.timestamped ? createTimestampedKeyValueStore(rows, format, options.now) : createKeyValueStore(rows, format, options.now)
    }
    case 'window':
      return definition.timestamped
        ? createTimestampedWindowStore(view, format, definition, options)
        : createWindowStore(view, format, definition, options)
    case 'session':
      return createSessionStore(view, format, definition, options)
    case 'buffer':
      return createTimeOrderedBuffer(view, options.now)
    case 'versioned':
      return createVersionedKeyValueStore(view, format, definition, options)
  }
}

/** How the store's rows and its changelog's records become each other. */
export function changelogFormat(definition: StoreDefinition): ChangelogFormat {
  switch (definition.kind) {
    case 'key-value':
      if (definition.ttlMs !== undefined) {
        return ttlFormat(definition.timestamped)
      }
      return definition.timestamped ? timestampedFormat : plainFormat
    case 'window':
      return windowFormat(definition, definition.timestamped)
    case 'session':
      return sessionFormat(definition)
    case 'buffer':
      return bufferFormat
    case 'versioned':
      return versionedFormat
  }
}

/** What rows on disk must agree with; none for key-value stores, whose rows are as they always were. */
export function storeLayout(definition: StoreDefinition): string | undefined {
  switch (definition.kind) {
    case 'key-value':
      return definition.ttlMs === undefined ? undefined : TTL_LAYOUT
    case 'window':
      return windowLayout(definition, definition.timestamped)
    case 'session':
      return sessionLayout(definition)
    case 'buffer':
      return BUFFER_LAYOUT
    case 'versioned':
      return VERSIONED_LAYOUT
  }
}

const READING = {
  'key-value': ['get', 'range', 'reverseRange', 'all', 'reverseAll', 'prefixScan', 'approximateNumEntries'],
  window: ['fetch', 'backwardFetch', 'fetchAll', 'backwardFetchAll', 'fetchRange', 'backwardFetchRange', 'all', 'backwardAll'],
  session: ['findSessions', 'backwardFindSessions', 'findSessionsByEnd', 'fetchSession', 'fetch', 'backwardFetch'],
  buffer: ['get'],
  versioned: ['get', 'versions'],
} as const

/** The methods of a store that only read. */
export function readOnly(kind: StoreDefinition['kind'], store: AnyStore): AnyStore {
  const methods = store as unknown as { readonly [name: string]: (...args: unknown[]) => unknown }
  const reading: { [name: string]: unknown } = { name: store.name }
  for (const method of READING[kind]) {
    reading[method] = (...args: unknown[]) => methods[method]!.apply(store, args)
  }
  return reading as unknown as AnyStore
}
