import t from 'tap'
import {
  createKeyValueStore,
  createTimestampedKeyValueStore,
  encodeTimestamped,
  type KeyValueFormat,
  memoryEngine,
  openTaskState,
  plainValueOf,
  timestampOf,
} from '../index.ts'

const format: KeyValueFormat<string, { n: number }> = {
  serializeKey: (key) => Buffer.from(key),
  deserializeKey: (bytes) => Buffer.from(bytes).toString(),
  serializeValue: (value) => Buffer.from(JSON.stringify(value)),
  deserializeValue: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
}

async function open() {
  const state = await openTaskState({ engine: memoryEngine, location: '', stores: [{ name: 'store', kind: 'key-value', logged: true }] })
  let clock = 100
  return { state, now: () => clock++ }
}

t.test('a plain store', async (t) => {
  const { state, now } = await open()
  const store = createKeyValueStore(state.store('store'), format, now)
  t.equal(store.name, 'store')
  t.equal(store.get('a'), undefined)
  store.put('a', { n: 1 })
  t.same(store.get('a'), { n: 1 })
  t.equal(store.putIfAbsent('b', { n: 2 }), undefined)
  t.same(store.putIfAbsent('b', { n: 3 }), { n: 2 })
  t.same(store.get('b'), { n: 2 })
  store.putAll([
    ['c', { n: 3 }],
    ['d', { n: 4 }],
    ['a', null],
  ])
  t.equal(store.get('a'), undefined)
  t.same(store.delete('c'), { n: 3 })
  t.equal(store.delete('c'), undefined)
  t.equal(store.approximateNumEntries(), 2)
  t.same(
    [...state.freeze()[0]!.entries()].map(({ key, value, timestamp }) => [Buffer.from(key).toString(), value && Buffer.from(value).toString(), timestamp]),
    [
      ['a', null, 104],
      ['b', '{"n":2}', 101],
      ['c', null, 106],
      ['d', '{"n":4}', 103],
    ],
  )
  t.throws(() => store.get(null as unknown as string), { code: 'KEY_INVALID', message: /store store/ })
  t.throws(() => store.put(undefined as unknown as string, { n: 1 }), { code: 'KEY_INVALID' })
})

t.test('ranges are inclusive and ordered by the bytes of the key', async (t) => {
  const { state, now } = await open()
  const store = createKeyValueStore(state.store('store'), format, now)
  const keys = ['a', 'b', 'ba', 'baa', 'bb', 'c', 'z', 'ä']
  for (const key of keys.toReversed()) {
    store.put(key, { n: keys.indexOf(key) })
  }
  const found = (rows: Iterable<readonly [string, { n: number }]>) => 
    Array.from(rows, ([key, value]) => {
      t.equal(value.n, keys.indexOf(key))
      return key
    }).join()
  t.equal(found(store.all()), 'a,b,ba,baa,bb,c,z,ä')
  t.equal(found(store.reverseAll()), 'ä,z,c,bb,baa,ba,b,a')
  t.equal(found(store.range('b', 'ba')), 'b,ba')
  t.equal(found(store.reverseRange('b', 'ba')), 'ba,b')
  t.equal(found(store.range('b', 'b')), 'b')
  t.equal(found(store.range(undefined, 'b')), 'a,b')
  t.equal(found(store.range('c', undefined)), 'c,z,ä')
  t.equal(found(store.range('c', 'b')), '')
  t.equal(found(store.prefixScan(Buffer.from('b'))), 'b,ba,baa,bb')
  t.equal(found(store.prefixScan(Buffer.from('ba'))), 'ba,baa')
  t.equal(found(store.prefixScan(new Uint8Array(0))), keys.join())
  const iterator = store.all()
  iterator.next()
  iterator.return?.()
  t.equal(iterator.next().done, true)
  const late = store.all()
  await null
  t.throws(() => late.next(), { code: 'ITERATOR_EXPIRED' })
})

t.test('a prefix of 0xff bytes has no end', async (t) => {
  const { state, now } = await open()
  const bytes = (value: Uint8Array) => value
  const store = createKeyValueStore(
    state.store('store'),
    { serializeKey: bytes, deserializeKey: bytes, serializeValue: bytes, deserializeValue: bytes },
    now,
  )
  for (const key of [[254], [254, 255], [255], [255, 255], [255, 255, 7]]) {
    store.put(Uint8Array.from(key), new Uint8Array(0))
  }
  const scan = (prefix: number[]) => Array.from(store.prefixScan(Uint8Array.from(prefix)), ([key]) => [...key])
  t.same(scan([254, 255]), [[254, 255]])
  t.same(scan([255, 255]), [[255, 255], [255, 255, 7]])
  t.same(scan([254]), [[254], [254, 255]])
})

t.test('a timestamped store keeps Kafka Streams’ bytes', async (t) => {
  const { state, now } = await open()
  const store = createTimestampedKeyValueStore(state.store('store'), format, now)
  store.put('a', { value: { n: 1 }, timestamp: 1_700_000_000_123 })
  t.same(store.get('a'), { value: { n: 1 }, timestamp: 1_700_000_000_123 })
  const bytes = state.store('store').get(Buffer.from('a'))!
  t.equal(Buffer.from(bytes).readBigInt64BE(0), 1_700_000_000_123n)
  t.equal(Buffer.from(bytes.subarray(8)).toString(), '{"n":1}')
  t.same([...store.all()], [['a', { value: { n: 1 }, timestamp: 1_700_000_000_123 }]])
  t.equal([...state.freeze()[0]!.entries()][0]!.timestamp, 1_700_000_000_123, 'the value’s timestamp stamps the changelog record')
})

t.test('timestamps of all sizes survive', async (t) => {
  for (const timestamp of [0, 1, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, 1_700_000_000_123, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    const bytes = encodeTimestamped(new Uint8Array([9]), timestamp)
    t.equal(Buffer.from(bytes).readBigInt64BE(0), BigInt(timestamp))
    t.equal(timestampOf(bytes), timestamp)
    t.same([...plainValueOf(bytes)], [9])
  }
  t.throws(() => encodeTimestamped(new Uint8Array(0), 1.5), { code: 'VALUE_INVALID' })
  t.throws(() => encodeTimestamped(new Uint8Array(0), Number.NaN), { code: 'VALUE_INVALID' })
  t.throws(() => plainValueOf(new Uint8Array(7)), { code: 'STATE_CORRUPTED', message: /8 bytes.*7/ })
})
