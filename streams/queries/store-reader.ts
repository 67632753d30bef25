/** Reads one page of a query from a store as it is committed. Synchronous, within one slice. */
import type {
  ReadOnlyKeyValueStore,
  ReadOnlySessionStore,
  ReadOnlyVersionedKeyValueStore,
  ReadOnlyWindowStore,
  StoreClock,
  StoreView,
  ValueAndTimestamp,
  Windowed,
} from 'millrace-state-stores'
import type { StoreDefinition } from '../graph/topology.ts'
import { typedStore } from '../runtime/typed-stores.ts'
import type { Bytes, PageRow, PlainQuery } from './page.ts'
import { PageBudget, PagedView } from './paged-view.ts'
import { checkKind } from './plain.ts'

/** Longest time a page holds up its thread (rule C12). */
export const SLICE_MS = 5
const PAGE_BYTES = 512 * 1024

export interface ReadPage {
  readonly rows: readonly PageRow[]
  /** There is more behind it. */
  readonly cursor: Bytes | undefined
}

/** Stores of bytes: who asked has the serdes. */
const AS_BYTES = {
  serializeKey: (key: unknown) => key as Bytes,
  deserializeKey: (bytes: Bytes): unknown => bytes,
  serializeValue: (value: unknown) => value as Bytes,
  deserializeValue: (bytes: Bytes): unknown => bytes,
}

type Stored = Bytes | ValueAndTimestamp<Bytes>

/** `clock`: what the store's expiry goes by. Throws `QUERY_TYPE_UNKNOWN` when stores of this kind do not answer the query. */
export function readPage(definition: StoreDefinition, view: StoreView, clock: StoreClock, query: PlainQuery, maxRows: number, cursor: Bytes | undefined, budget = new PageBudget(SLICE_MS, PAGE_BYTES)): ReadPage {
  checkKind(definition, query)
  const paged = new PagedView(view, budget, query.kind === 'multi-versioned-key' ? undefined : cursor)
  const options = { clock, now: () => 0 }
  const store = typedStore(definition, query.kind === 'multi-versioned-key' || query.kind === 'versioned-key' ? view : paged, AS_BYTES, options) as unknown
  try {
    switch (query.kind) {
      case 'key':
        return single((store as ReadOnlyKeyValueStore<Bytes, Stored>).get(query.key))
      case 'versioned-key': {
        const versions = store as ReadOnlyVersionedKeyValueStore<Bytes, Bytes>
        return single(query.at === undefined ? versions.get(query.key) : versions.get(query.key, query.at))
      }
      case 'multi-versioned-key':
        return readVersions(store as ReadOnlyVersionedKeyValueStore<Bytes, Bytes>, query, maxRows, cursor, budget)
      case 'range': {
        const { from, to, descending } = query
        const entries = store as ReadOnlyKeyValueStore<Bytes, Stored>
        return many(paged, descending ? entries.reverseRange(from, to) : entries.range(from, to), maxRows, ([key, stored]) => ({ key, ...storedValue(stored) }))
      }
      case 'window-key': {
        const { windowSizeMs } = definition as StoreDefinition & { readonly windowSizeMs: number }
        const windows = (store as ReadOnlyWindowStore<Bytes, Stored>).fetch(query.key, query.from, query.to)
        return many(paged, windows, maxRows, ([start, stored]) => ({ ...storedValue(stored), window: [start, Math.min(start + windowSizeMs, Number.MAX_SAFE_INTEGER)] as const }))
      }
      case 'window-range':
        return many(paged, (store as ReadOnlyWindowStore<Bytes, Stored>).fetchAll(query.from, query.to), maxRows, ([windowed, stored]) => ({ key: windowed.key, ...storedValue(stored), ...windowOf(windowed) }))
      case 'session-key':
        return many(paged, (store as ReadOnlySessionStore<Bytes, Bytes>).fetch(query.key), maxRows, ([session, stored]) => ({ ...storedValue(stored), ...windowOf(session) }))
    }
  } finally {
    paged.close()
  }
}

function storedValue(stored: Stored): PageRow {
  return stored instanceof Uint8Array ? { value: stored } : stored
}

function windowOf({ window: { start, end } }: Windowed<Bytes>): { readonly window: readonly [number, number] } {
  return { window: [start, end] }
}

function single(stored: Stored | undefined): ReadPage {
  return { rows: stored === undefined ? [] : [storedValue(stored)], cursor: undefined }
}

function many<T>(view: PagedView, entries: Iterable<T>, maxRows: number, row: (entry: T) => PageRow): ReadPage {
  const rows: PageRow[] = []
  for (const entry of entries) {
    rows.push(row(entry))
    if (rows.length >= maxRows) {
      view.cut()
      break
    }
  }
  return { rows, cursor: view.cursor }
}

/** The history of one key goes on where the last version of the page before ended. */
function readVersions(store: ReadOnlyVersionedKeyValueStore<Bytes, Bytes>, { key, from, to }: Extract<PlainQuery, { kind: 'multi-versioned-key' }>, maxRows: number, cursor: Bytes | undefined, budget: PageBudget): ReadPage {
  const begin = cursor === undefined ? from : Buffer.from(cursor).readDoubleBE()
  const rows: PageRow[] = []
  for (const { value, timestamp, validTo } of store.versions(key, begin, to)) {
    rows.push({ value, timestamp, ...(validTo === Number.POSITIVE_INFINITY ? {} : { validTo }) })
    budget.take(value.length)
    if (validTo <= to && (rows.length >= maxRows || budget.spent)) {
      const next = Buffer.alloc(8)
      next.writeDoubleBE(validTo)
      return { rows, cursor: next }
    }
  }
  return { rows, cursor: undefined }
}
