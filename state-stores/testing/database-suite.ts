import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import type { Database, Row, StorageEngine } from '../contract.ts'
import { type EngineCapabilities, engineCapabilities } from '../engines/capabilities.ts'
import { bytes, lines, type SuiteTest, text } from './tap.ts'

/**
 * The conformance suite of storage engines: what `Database` promises, and what the engine's capability manifest says of
 * it. Every driver runs it; so should one that is written elsewhere (pass its own manifest).
 */
export async function databaseConformance(
  t: SuiteTest,
  engine: StorageEngine,
  capabilities: EngineCapabilities = engineCapabilities[engine.name],
): Promise<void> {
  const check = (name: string, body: (t: SuiteTest, database: Database, location: string) => Promise<void> | void) =>
    t.test(`${engine.name}: ${name}`, async (t: SuiteTest) => {
      const location = join(t.testdir(), 'database')
      const database = await engine.open(location)
      try {
        await body(t, database, location)
      } finally {
        // Not in a teardown: the folder may be gone by then.
        await database.close()
      }
    })

  await check('reads what was written, byte for byte', async (t, database) => {
    t.equal(database.engine, engine.name)
    const large = Buffer.alloc(1_500_000, 7)
    await database.write([
      { key: bytes('a'), value: bytes('1') },
      { key: bytes('empty'), value: new Uint8Array(0) },
      { key: new Uint8Array(0), value: bytes('empty key') },
      { key: new Uint8Array([0, 255, 10, 0]), value: new Uint8Array([255, 0]) },
      { key: Buffer.alloc(3000, 1), value: large },
    ])
    t.equal(text(database.get(bytes('a'))), '1')
    t.equal(database.get(bytes('empty'))?.length, 0)
    t.equal(text(database.get(new Uint8Array(0))), 'empty key')
    t.same([...database.get(new Uint8Array([0, 255, 10, 0]))!], [255, 0])
    t.equal(Buffer.compare(database.get(Buffer.alloc(3000, 1))!, large), 0)
    t.equal(database.get(bytes('b')), undefined)
    t.equal(database.get(bytes('a\0')), undefined)
    t.same(database.getMany([bytes('a'), bytes('b'), bytes('empty')]).map(text), ['1', undefined, ''])
    t.same(database.getMany([]), [])
  })

  await check('takes keys that are views into larger memory', async (t, database) => {
    const memory = bytes('xxkeyvaluexx')
    await database.write([{ key: memory.subarray(2, 5), value: memory.subarray(5, 10) }])
    t.equal(text(database.get(new Uint8Array(memory.buffer, memory.byteOffset + 2, 3))), 'value')
    t.same(lines(database.range({ from: memory.subarray(2, 5), to: bytes('kez') })), ['key=value'])
  })

  await check('applies a batch in order: the last row of a key wins', async (t, database) => {
    await database.write([
      { key: bytes('a'), value: bytes('1') },
      { key: bytes('a'), value: bytes('2') },
      { key: bytes('b'), value: bytes('1') },
      { key: bytes('b'), value: null },
      { key: bytes('c'), value: null },
      { key: bytes('c'), value: bytes('3') },
    ])
    t.same(lines(database.range({})), ['a=2', 'c=3'])
    await database.write([{ key: bytes('a'), value: null }])
    t.same(lines(database.range({})), ['c=3'])
    await database.write([])
    t.same(lines(database.range({})), ['c=3'])
  })

  await check('orders keys as unsigned bytes', async (t, database) => {
    const keys = [[0], [0, 0], [0, 255], [1], [127], [128], [128, 0], [254, 255], [255], [255, 0], [255, 255]]
    const shuffled = keys.toReversed()
    await database.write(shuffled.map((key) => ({ key: Uint8Array.from(key), value: bytes('v') })))
    t.same(Array.from(database.range({}), ([key]) => [...key]), keys)
    t.same(Array.from(database.range({ reverse: true }), ([key]) => [...key]), keys.toReversed())
  })

  await check('takes an inclusive lower and an exclusive upper bound, both ways', async (t, database) => {
    await database.write(['a', 'b', 'ba', 'c', 'd'].map((key) => ({ key: bytes(key), value: bytes(key) })))
    const keys = (from?: string, to?: string, reverse = false): string =>
      Array.from(
        database.range({
          ...(from === undefined ? {} : { from: bytes(from) }),
          ...(to === undefined ? {} : { to: bytes(to) }),
          reverse,
        }),
        ([key]) => text(key),
      ).join()
    t.equal(keys(), 'a,b,ba,c,d')
    t.equal(keys('b', 'c'), 'b,ba')
    t.equal(keys('b', 'c', true), 'ba,b')
    t.equal(keys('aa'), 'b,ba,c,d')
    t.equal(keys('aa', undefined, true), 'd,c,ba,b')
    t.equal(keys(undefined, 'c'), 'a,b,ba')
    t.equal(keys(undefined, 'c', true), 'ba,b,a')
    t.equal(keys('c', 'c'), '', 'an empty range')
    t.equal(keys('d', 'a'), '', 'inverted bounds')
    t.equal(keys('d', 'a', true), '', 'inverted bounds, backwards')
    t.equal(keys('e'), '', 'behind the last key')
    t.equal(keys(undefined, 'a'), '', 'before the first key')
  })

  await check('reads long ranges lazily and completely', async (t, database) => {
    const rows: Row[] = []
    for (let i = 0; i < 5000; i++) {
      rows.push({ key: bytes(String(i).padStart(6, '0')), value: Buffer.alloc(i % 200, 3) })
    }
    await database.write(rows)
    let at = 0
    for (const [key, value] of database.range({})) {
      if (Buffer.compare(key, rows[at]!.key) !== 0 || value.length !== at % 200) {
        break
      }
      at++
    }
    t.equal(at, 5000)
    for (const [key] of database.range({ reverse: true })) {
      if (Buffer.compare(key, rows[at - 1]!.key) !== 0) {
        break
      }
      at--
    }
    t.equal(at, 0)
    for (let i = 0; i < 300; i++) {
      const iterator = database.range({ reverse: i % 2 === 0 })
      iterator.next()
      t.equal(database.openIterators, 1)
      iterator.return?.()
      t.equal(iterator.next().done, true)
    }
    t.equal(database.openIterators, 0)
  })

  await check('iterates the data as of the call of range', async (t, database) => {
    const rows = Array.from({ length: 2000 }, (_, i) => ({ key: bytes(`k${String(i).padStart(5, '0')}`), value: bytes('old') }))
    await database.write(rows)
    const iterator = database.range({})
    t.equal(text(iterator.next().value?.[1]), 'old')
    await database.write([
      ...rows.slice(0, 1000).map(({ key }) => ({ key, value: null })),
      ...rows.slice(1000).map(({ key }) => ({ key, value: bytes('new') })),
      { key: bytes('l'), value: bytes('new') },
    ])
    const rest = [...iterator]
    t.equal(rest.length, 1999)
    t.ok(rest.every(([, value]) => text(value) === 'old'))
    t.equal([...database.range({})].length, 1001)
  })

  await check('hands out and takes over bytes without sharing them', async (t, database) => {
    const key = bytes('key')
    const value = bytes('value')
    await database.write([{ key, value }])
    key.fill(0)
    value.fill(0)
    const [many] = database.getMany([bytes('key')])
    const [row] = [...database.range({})]
    for (const found of [database.get(bytes('key'))!, many!, row![0], row![1]]) {
      found.fill(0)
    }
    t.equal(text(database.get(bytes('key'))), 'value')
    t.same(lines(database.range({})), ['key=value'])
  })

  await check('refuses what is not bytes, and then writes nothing', async (t, database) => {
    const wrong = 'text' as unknown as Uint8Array
    t.throws(() => database.get(wrong), { code: 'KEY_INVALID' })
    t.throws(() => database.getMany([bytes('a'), wrong]), { code: 'KEY_INVALID' })
    t.throws(() => database.range({ from: wrong }), { code: 'KEY_INVALID' })
    t.throws(() => database.range({ to: wrong }), { code: 'KEY_INVALID' })
    const good = { key: bytes('a'), value: bytes('1') }
    await t.rejects(database.write([good, { key: wrong, value: null }]), { code: 'KEY_INVALID' })
    await t.rejects(database.write([good, { key: bytes('b'), value: wrong }]), { code: 'VALUE_INVALID' })
    t.equal(database.get(bytes('a')), undefined)
  })

  await check('knows about how much it holds', async (t, database) => {
    t.ok(database.approximateEntries() <= 1)
    const rows = Array.from({ length: 1000 }, (_, i) => ({ key: bytes(`key${i}`), value: Buffer.alloc(100, i) }))
    await database.write(rows)
    t.ok(database.approximateEntries() >= 500, `${database.approximateEntries()} entries of 1,000`)
    t.ok(database.approximateBytes() >= 50_000, `${database.approximateBytes()} bytes of 107,000`)
  })

  await check('is of no use once it is closed', async (t, database) => {
    const write = database.write([{ key: bytes('a'), value: bytes('1') }])
    await write
    const iterator = database.range({})
    const last = database.write([{ key: bytes('b'), value: bytes('1') }])
    const closing = database.close()
    await last
    await closing
    await database.close()
    t.throws(() => iterator.next(), { code: 'STATE_CLOSED' })
    t.throws(() => database.get(bytes('a')), { code: 'STATE_CLOSED' })
    t.throws(() => database.getMany([bytes('a')]), { code: 'STATE_CLOSED' })
    t.throws(() => database.range({}), { code: 'STATE_CLOSED' })
    t.throws(() => database.approximateBytes(), { code: 'STATE_CLOSED' })
    t.throws(() => database.approximateEntries(), { code: 'STATE_CLOSED' })
    await t.rejects(database.write([]), { code: 'STATE_CLOSED' })
  })

  if (capabilities.writesOnThread) {
    await check('has written when the call returns', async (t, database) => {
      const write = database.write([{ key: bytes('a'), value: bytes('1') }])
      t.equal(text(database.get(bytes('a'))), '1')
      await write
    })
  }

  if (capabilities.persistent) {
    await check('keeps its data when closed, a write under way included', async (t, database, location) => {
      await database.write([{ key: bytes('a'), value: bytes('1') }])
      const last = database.write([{ key: bytes('b'), value: bytes('2') }])
      await Promise.all([database.close(), last])
      const again = await engine.open(location)
      t.same(lines(again.range({})), ['a=1', 'b=2'])
      await again.close()
    })

    await t.test(`${engine.name}: says why it does not open`, async (t: SuiteTest) => {
      const file = join(t.testdir(), 'file')
      writeFileSync(file, 'not a folder')
      await t.rejects(engine.open(file), { code: 'STATE_OPEN_FAILED', message: /file.*cannot be opened/ })
    })
  }

  if (capabilities.exclusive) {
    await check('opens a folder once at a time', async (t, database, location) => {
      await t.rejects(engine.open(location), { code: 'STATE_OPEN_FAILED' })
      await database.write([{ key: bytes('a'), value: bytes('1') }])
      t.equal(text(database.get(bytes('a'))), '1', 'the first is not disturbed')
    })
  }
}
