import t from 'tap'
import type { VendorMemory } from '../../../processors/learn/index.ts'
import { erasuresOf, VendorMemories } from '../../../topology/vendor-memories.ts'

const digest = (n: number): string => n.toString(16).padStart(64, '0')
const memory = (...keys: readonly string[]): VendorMemory => ({ places: [], constants: [], ...(keys.length === 0 ? {} : { vendor: { at: 1, keys } }) })

/** A table in the order of its keys. */
function table(rows: ReadonlyMap<string, VendorMemory>) {
  const state = { read: 0 }
  const query = async function* (_store: string, { from, to }: { readonly from: string; readonly to: string }) {
    for (const key of [...rows.keys()].sort()) {
      if (key >= from && key <= to) {
        state.read += 1
        yield { key, value: rows.get(key)! }
      }
    }
  }
  return { state, memories: new VendorMemories({ query } as never) }
}

t.test("a tenant's own vendors, each once, by their first key", async (t) => {
  const [a, b, c] = [digest(1), digest(2), digest(0xfff)]
  const { memories } = table(new Map([
    [`acme|${b}`, memory(a, b)], [`acme|${a}`, memory(a, b)], [`acme|${c}`, memory()], [`acme-2|${a}`, memory()], [`acm|${a}`, memory()], [`acme|${'f'.repeat(64)}`, memory()],
  ]))
  t.same((await memories.of('acme')).map(({ keys }) => keys), [[a, b], [c], ['f'.repeat(64)]])
  t.same((await memories.of('acme-2')).map(({ keys }) => keys), [[a]])
  t.same(await memories.of('globex'), [])
})

t.test('no more of them are read than fit an answer', async (t) => {
  const { memories, state } = table(new Map(Array.from({ length: 20_010 }, (_, n) => [`acme|${digest(n)}`, memory(digest(n), digest(0))])))
  t.equal((await memories.of('acme')).length, 1)
  t.equal(state.read, 20_000)
})

t.test('a vendor under many keys is forgotten by records of a thousand, each under its own key', async (t) => {
  const keys = Array.from({ length: 2_500 }, (_, n) => digest(n))
  const records = erasuresOf({ tenantId: 'acme', keys, by: 'ann', at: 7 })
  t.same(records.map(({ key, value }) => [key, value.keys.length]), [[`acme|${digest(0)}`, 1_000], [`acme|${digest(1_000)}`, 1_000], [`acme|${digest(2_000)}`, 500]])
  t.same(records.flatMap(({ value }) => value.keys), keys)
  t.ok(records.every(({ value }) => value.tenantId === 'acme' && value.by === 'ann' && value.at === 7))
})
