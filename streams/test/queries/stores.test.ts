/** Every kind of store asked page by page: what is committed, and nothing else. */
import t from 'tap'
import type { KeyValueStore, SessionStore, TimestampedKeyValueStore, VersionedKeyValueStore, WindowStore } from '../../index.ts'
import { KeyQuery, MultiVersionedKeyQuery, type Processor, RangeQuery, Serdes, Stores, type StreamsBuilder, VersionedKeyQuery, WindowKeyQuery, WindowRangeQuery } from '../../index.ts'
import { PageBudget } from '../../queries/paged-view.ts'
import { readPage } from '../../queries/store-reader.ts'
import { MemoryApp } from './memory-app.ts'

const serdes = { key: Serdes.string(), value: Serdes.long() }

class Nothing implements Processor<string, string> {
  process(): void {}
}

function topology(b: StreamsBuilder): void {
  const stores = [
    Stores.keyValueStore('plain', serdes),
    Stores.timestampedKeyValueStore('stamped', serdes),
    Stores.keyValueStore('short', { ...serdes, ttl: { after: '1d' } }),
    Stores.windowStore('windows', { ...serdes, retention: '1d', windowSize: '1m' }),
    Stores.windowStore('ordered', { ...serdes, retention: '1d', windowSize: '1m', orderedByTime: true }),
    Stores.sessionStore('sessions', { ...serdes, retention: '1d' }),
    Stores.versionedKeyValueStore('versions', { ...serdes, historyRetention: '1d' }),
  ]
  b.stream('in', { key: Serdes.string(), value: Serdes.string() }).process(() => new Nothing(), { name: 'keep', stores })
}

async function list<R>(rows: AsyncIterable<R>): Promise<R[]> {
  const all: R[] = []
  for await (const row of rows) {
    all.push(row)
  }
  return all
}

const numbered = (i: number) => `k${String(i).padStart(5, '0')}`

t.test('one key, with its timestamp where there is one; an open generation does not show', async (t) => {
  const app = new MemoryApp(topology)
  app.write('stamped', 'a', (store: TimestampedKeyValueStore<string, number>) => store.put('a', { value: 1, timestamp: 7 }))
  app.begin('stamped', 'a', (store: TimestampedKeyValueStore<string, number>) => store.put('a', { value: 2, timestamp: 8 }))
  t.same(await app.queries.single('stamped', KeyQuery.withKey('a')), { value: 1, timestamp: 7, partition: 0, position: { in: { 0: 3 } }, active: true, lag: 0 })
  t.equal((await app.queries.single('stamped', KeyQuery.withKey('b'))).value, undefined)
})

for (const store of ['plain', 'short']) {
  t.test(`a range of a ${store} store in pages, both ways, equals the store`, async (t) => {
    const app = new MemoryApp(topology)
    const keys = Array.from({ length: 2_500 }, (_, i) => numbered(i))
    app.write(store, '', (kept: KeyValueStore<string, number>) => kept.putAll(keys.map((key, i) => [key, i] as const)))
    const up = await list(app.queries.rows(store, RangeQuery.withNoBounds()))
    t.same(up.map(({ key }) => key), keys)
    t.same(up.map(({ value }) => value), keys.map((_, i) => i))
    t.ok(app.asked.length >= 3, 'a thousand at once, fewer when their slice ends before')
    const down = await list(app.queries.rows(store, RangeQuery.withRange<string>(numbered(10), numbered(2_200)).withDescendingKeys()))
    t.same(down.map(({ key }) => key), keys.slice(10, 2_201).reverse())
    const few = await list(app.queries.rows(store, RangeQuery.withLowerBound(numbered(2_400)), {}, 7))
    t.same(few.map(({ key }) => key), keys.slice(2_400))
    t.same(await list(app.queries.rows(store, RangeQuery.withRange('z', 'a'))), [])
  })
}

t.test('a slice that is used up ends the page, and nothing is lost or twice', async (t) => {
  const app = new MemoryApp(topology)
  app.write('plain', '', (kept: KeyValueStore<string, number>) => kept.putAll(Array.from({ length: 500 }, (_, i) => [numbered(i), i] as const)))
  for (const descending of [false, true]) {
    const seen: string[] = []
    let cursor: Uint8Array | undefined
    let pages = 0
    do {
      let clock = 0
      const budget = new PageBudget(5, 1 << 20, () => clock++ * 3)
      // Memory only: `readPage` reads the same whatever the engine.
      const page = readPage(app.definition('plain'), app.committed('plain'), { time: -1, highest: -1, advance: () => undefined }, { kind: 'range', descending }, 10_000, cursor, budget)
      seen.push(...page.rows.map(({ key }) => Buffer.from(key!).toString()))
      cursor = page.cursor
      pages++
    } while (cursor !== undefined)
    t.ok(pages > 5, `${pages} pages`)
    t.equal(app.openIterators, 0, 'a page leaves nothing open, also one that was cut')
    const all = Array.from({ length: 500 }, (_, i) => numbered(i))
    t.same(seen, descending ? all.reverse() : all)
  }
})

for (const store of ['windows', 'ordered']) {
  t.test(`windows of a key and of all keys (${store})`, async (t) => {
    const app = new MemoryApp(topology)
    app.write(store, '', (kept: WindowStore<string, number>) => {
      for (let i = 0; i < 1_200; i++) {
        kept.put(`k${i % 3}`, i, i * 1_000)
      }
    })
    const one = await list(app.queries.rows(store, WindowKeyQuery.withKeyAndWindowStartRange('k1', 10_000, 1_000_000)))
    t.same(one.map(({ value }) => value), Array.from({ length: 1_200 }, (_, i) => i).filter((i) => i % 3 === 1 && i >= 10 && i <= 1_000))
    t.same(one[0], { key: { key: 'k1', window: { start: 10_000, end: 70_000 } }, value: 10 })
    const all = await list(app.queries.rows(store, WindowRangeQuery.withWindowStartRange(0, 2_000_000)))
    t.same(all.map(({ value }) => value as number).sort((a, b) => a - b), Array.from({ length: 1_200 }, (_, i) => i))
    t.ok(app.asked.length >= 3, 'one page, then two')
    t.equal(app.openIterators, 0)
  })
}

t.test('sessions and versions of a key', async (t) => {
  const app = new MemoryApp(topology)
  app.write('sessions', '', (kept: SessionStore<string, number>) => {
    for (let i = 0; i < 20; i++) {
      kept.put({ key: i % 2 === 0 ? 'a' : 'ab', window: { start: i * 1_000, end: i * 1_000 + 500 } }, i)
    }
  })
  const sessions = await list(app.queries.rows('sessions', WindowRangeQuery.withKey('a'), {}, 3))
  t.same(sessions.map(({ value }) => value), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
  t.same(sessions[1], { key: { key: 'a', window: { start: 2_000, end: 2_500 } }, value: 2 })

  app.write('versions', '', (kept: VersionedKeyValueStore<string, number>) => {
    for (let i = 0; i < 10; i++) {
      kept.put('a', i === 4 ? null : i, i * 100)
    }
  })
  const versions = await list(app.queries.rows('versions', MultiVersionedKeyQuery.withKey('a').fromTime(250), {}, 2))
  t.same(versions, [2, 3, 5, 6, 7, 8, 9].map((i) => ({ value: i, timestamp: i * 100, validTo: i === 9 ? Number.POSITIVE_INFINITY : (i + 1) * 100 })))
  t.match(await app.queries.single('versions', VersionedKeyQuery.withKey('a').asOf(399)), { value: 3, timestamp: 300 })
  t.equal((await app.queries.single('versions', VersionedKeyQuery.withKey('a').asOf(410))).value, undefined)
  t.match(await app.queries.single('versions', VersionedKeyQuery.withKey('a')), { value: 9, timestamp: 900 })
  t.equal(app.openIterators, 0)
})

t.test('what cannot be asked is said before anybody is asked', async (t) => {
  const app = new MemoryApp(topology)
  await t.rejects(app.queries.single('windows', KeyQuery.withKey('a')), { code: 'QUERY_TYPE_UNKNOWN', message: /'windows' is a window store: a key query is answered by key-value stores/ })
  await t.rejects(app.queries.single('none', KeyQuery.withKey('a')), { code: 'QUERY_STORE_UNKNOWN', message: /plain, stamped/ })
  const awaiting = new MemoryApp((b) => {
    b.stream('in', { key: Serdes.string(), value: Serdes.string() }).mapAsync(async (value) => value, { name: 'price', value: Serdes.string() }).groupByKey().count({ name: 'counts' })
  })
  t.same(awaiting.queries.stores().map(({ definition }) => definition.name), ['counts'], 'what waits for a call is the engine\'s own')
  await t.rejects(awaiting.queries.single('price-in-flight', KeyQuery.withKey('a')), { code: 'QUERY_STORE_UNKNOWN' })
  await t.rejects(app.queries.single('plain', KeyQuery.withKey(17)), { code: 'QUERY_INVALID' })
  await t.rejects(app.queries.single('plain', KeyQuery.withKey(null)), { code: 'QUERY_INVALID' })
  await t.rejects(app.queries.single('plain', KeyQuery.withKey('secret'), { position: { other: { 0: 1 } } }), { code: 'QUERY_INVALID', message: /its task reads: in/ })
  await t.rejects(app.queries.single('plain', KeyQuery.withKey('a'), { maxLag: -1 }), { code: 'QUERY_INVALID', message: /maxLag/ })
  await t.rejects(list(app.queries.rows('windows', WindowKeyQuery.withKeyAndWindowStartRange('a', Number.NaN, 1))), { code: 'QUERY_INVALID' })
  t.same(app.asked, [])
  await t.rejects(app.queries.single('plain', KeyQuery.withKey('a'), { partition: 5 }), { code: 'QUERY_NOT_PRESENT' })
})
