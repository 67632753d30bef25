import fc from './seeded.ts'
import t from 'tap'
import { SortedCursor, SortedEntries } from '../sorted-entries.ts'

interface Entry {
  readonly id: string
  readonly version: number
}

const id = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), minLength: 0, maxLength: 4 })

t.test('holds what a sorted array would, snapshots included', async (t) => {
  const property = fc.property(
    fc.array(id, { maxLength: 1500, size: 'max' }),
    fc.array(fc.record({ id, remove: fc.boolean(), look: fc.boolean() }), { maxLength: 1500, size: 'max' }),
    fc.option(id, { nil: undefined }),
    fc.option(id, { nil: undefined }),
    (initial, changes, from, to) => {
      let version = 0
      const model = new Map<string, Entry>(initial.map((id) => [id, { id, version }]))
      const sorted = SortedEntries.from(model.values())
      const held: { cursor: SortedCursor<Entry>; wanted: Entry[] }[] = []
      const look = () => {
        for (const reverse of [false, true]) {
          const wanted = [...model.values()]
            .filter(({ id }) => (from === undefined || id >= from) && (to === undefined || id < to))
            .sort((a, b) => (a.id < b.id ? -1 : 1))
          held.push({ cursor: new SortedCursor(sorted.snapshot(), from, to, reverse), wanted: reverse ? wanted.reverse() : wanted })
        }
      }
      look()
      let looks = 0
      for (const change of changes) {
        version++
        if (change.remove) {
          if (sorted.delete(change.id) !== model.delete(change.id)) {
            return false
          }
        } else {
          model.set(change.id, { id: change.id, version })
          sorted.upsert({ id: change.id, version })
        }
        if (change.look && looks++ < 10) {
          look()
        }
      }
      look()
      return held.every(({ cursor, wanted }) => {
        for (const entry of wanted) {
          if (cursor.current?.id !== entry.id || cursor.current.version !== entry.version) {
            return false
          }
          cursor.advance()
        }
        return cursor.current === undefined
      })
    },
  )
  fc.assert(property, { numRuns: 60 })
  t.pass()
})
