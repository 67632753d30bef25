/** `TaskState` against a model of plain maps, over random histories: every read must agree after every step. */
import { join } from 'node:path'
import fc from '../seeded.ts'
import t from 'tap'
import { leveldbEngine, memoryEngine, openTaskState, rocksdbEngine, type StateMark, type StorageEngine } from '../../index.ts'
import { faultyEngine } from '../../testing/index.ts'

const NAMES = ['left', 'right'] as const
const STORES = NAMES.map((name) => ({ name, kind: 'key-value' as const, logged: true }))

type Name = (typeof NAMES)[number]
type Content = Map<string, string>
/** Uncommitted writes: null is a tombstone. */
type Layer = { [name in Name]: Map<string, string | null> }

type Step =
  | { kind: 'put'; store: Name; key: string; value: string }
  | { kind: 'delete'; store: Name; key: string }
  | { kind: 'get'; store: Name; key: string }
  | { kind: 'range'; store: Name; from: string | undefined; to: string | undefined; reverse: boolean }
  | { kind: 'restore'; store: Name; key: string; value: string | null }
  | { kind: 'mark' | 'rollback' | 'release' | 'freeze' | 'apply' | 'apply-fails' | 'drop' | 'reopen' | 'rebuild' }

// Few and short keys, so that steps meet; bytes around the edges of the order.
const key = fc.string({ unit: fc.constantFrom('\0', 'a', 'b', '\x7f', '\x80', '\xff'), maxLength: 2 })
const value = fc.string({ unit: fc.constantFrom('x', 'y'), maxLength: 40 })
const store = fc.constantFrom(...NAMES)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ kind: fc.constant('put' as const), store, key, value }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('delete' as const), store, key }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('get' as const), store, key }) },
  {
    weight: 15,
    arbitrary: fc.record({
      kind: fc.constant('range' as const),
      store,
      from: fc.option(key, { nil: undefined }),
      to: fc.option(key, { nil: undefined }),
      reverse: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('restore' as const), store, key, value: fc.option(value) }) },
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constantFrom('mark', 'rollback', 'release', 'freeze', 'apply', 'freeze', 'apply', 'apply-fails', 'drop', 'reopen', 'rebuild'),
    }),
  },
)

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const text = (found: Uint8Array | undefined): string | undefined => (found === undefined ? undefined : Buffer.from(found).toString('latin1'))
const emptyLayer = (): Layer => ({ left: new Map(), right: new Map() })
const copyLayer = (layer: Layer): Layer => ({ left: new Map(layer.left), right: new Map(layer.right) })

class Model {
  database: { [name in Name]: Content } = { left: new Map(), right: new Map() }
  offset: number | undefined
  frozen: Layer | undefined
  open = emptyLayer()
  marks: { mark: StateMark; open: Layer }[] = []

  content(name: Name): Content {
    const content = new Map(this.database[name])
    for (const layer of [this.frozen, this.open]) {
      for (const [key, value] of layer?.[name] ?? []) {
        if (value === null) {
          content.delete(key)
        } else {
          content.set(key, value)
        }
      }
    }
    return content
  }

  range(name: Name, from: string | undefined, to: string | undefined, reverse: boolean): string[] {
    const rows = [...this.content(name)]
      .filter(([key]) => (from === undefined || key >= from) && (to === undefined || key < to))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`)
    return reverse ? rows.reverse() : rows
  }

  apply(): void {
    const { frozen } = this
    this.frozen = undefined
    if (frozen !== undefined) {
      const { open } = this
      this.open = frozen
      this.database = { left: this.content('left'), right: this.content('right') }
      this.open = open
    }
  }
}

async function follow(engine: StorageEngine, persistent: boolean, location: string, readCacheBytes: number, steps: readonly Step[]): Promise<void> {
  const faulty = faultyEngine(engine)
  const open = () => openTaskState({ engine: faulty, location, stores: STORES, readCacheBytes })
  const model = new Model()
  let state = await open()
  let offset = 0
  const agree = (what: string, found: unknown, wanted: unknown) => {
    const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
    if (a !== b) {
      throw new Error(`${what}: ${a}, the model says ${b}`)
    }
  }
  const ranges = (name: Name, from?: string, to?: string, reverse = false) => {
    const options = { ...(from === undefined ? {} : { from: bytes(from) }), ...(to === undefined ? {} : { to: bytes(to) }), reverse }
    const found = Array.from(state.store(name).range(options), ([key, value]) => `${text(key)}=${text(value)}`)
    agree(`range of ${name}`, found, model.range(name, from, to, reverse))
  }
  const put = (name: Name, key: string, value: string | null) => {
    state.store(name).put(bytes(key), value === null ? null : bytes(value), 0)
    model.open[name].set(key, value)
  }
  try {
    for (const step of steps) {
      switch (step.kind) {
        case 'put':
          put(step.store, step.key, step.value)
          break
        case 'delete':
          put(step.store, step.key, null)
          break
        case 'get':
          agree('get', text(state.store(step.store).get(bytes(step.key))), model.content(step.store).get(step.key))
          break
        case 'range':
          ranges(step.store, step.from, step.to, step.reverse)
          break
        case 'mark':
          model.marks.push({ mark: state.mark(), open: copyLayer(model.open) })
          break
        case 'rollback': {
          const back = model.marks.at(-1)
          if (back !== undefined) {
            state.rollback(back.mark)
            model.open = copyLayer(back.open)
          }
          break
        }
        case 'release': {
          // The oldest: the undo log must still serve the others.
          const oldest = model.marks.shift()
          if (oldest !== undefined) {
            state.release(oldest.mark)
          }
          break
        }
        case 'freeze':
          if (model.frozen === undefined) {
            const changes = state.freeze()
            model.frozen = model.open
            model.open = emptyLayer()
            model.marks = []
            for (const name of NAMES) {
              const change = changes.find((change) => change.store === name)
              const found = Array.from(change?.entries() ?? [], (entry) => [text(entry.key), entry.value === null ? null : text(entry.value)])
              agree('changes', found, [...model.frozen[name]])
            }
          }
          break
        case 'apply':
          offset++
          await state.applyFrozen(new Map([['changelog-0', { offset }]]))
          model.apply()
          model.offset = offset
          break
        case 'apply-fails':
          faulty.failNextWrite()
          await state.applyFrozen(new Map([['changelog-0', { offset: offset + 1 }]])).then(
            () => agree('a failed write', 'resolved', 'rejected'),
            () => {},
          )
          break
        case 'drop':
          state.drop()
          model.frozen = undefined
          model.open = emptyLayer()
          model.marks = []
          break
        case 'restore':
          offset++
          await state.restore(step.store, [{ key: bytes(step.key), value: step.value === null ? null : bytes(step.value) }], 'changelog-0', {
            offset,
            topicId: 'T',
            leaderEpoch: 0,
            appliedAt: 0,
          })
          model.offset = offset
          if (step.value === null) {
            model.database[step.store].delete(step.key)
          } else {
            model.database[step.store].set(step.key, step.value)
          }
          break
        case 'rebuild':
          if (model.frozen === undefined && model.open.left.size === 0) {
            await state.beginRebuild('left')
            await state.finishRebuild('left')
            // The write that is told to fail must be the one of the step, not the sweep's.
            await state.swept()
            model.database.left = new Map()
          }
          break
        case 'reopen':
          if (persistent) {
            await state.close()
            state = await open()
            await state.swept()
            model.frozen = undefined
            model.open = emptyLayer()
            model.marks = []
          }
          break
      }
      agree('dirty', state.dirty, model.open.left.size + model.open.right.size > 0)
      agree('position', state.position('changelog-0')?.offset, model.offset)
    }
    for (const name of NAMES) {
      ranges(name)
      ranges(name, undefined, undefined, true)
    }
    state.drop()
    model.frozen = undefined
    model.open = emptyLayer()
    for (const name of NAMES) {
      ranges(name)
    }
  } finally {
    await state.close()
  }
}

for (const [engine, persistent, runs] of [
  [memoryEngine, false, 400],
  [rocksdbEngine, true, 40],
  [leveldbEngine, true, 40],
] as const) {
  t.test(`${engine.name} behaves as the model`, async (t) => {
    const folder = t.testdir()
    let run = 0
    const property = fc.asyncProperty(
      fc.constantFrom(0, 3000, 1_000_000),
      fc.array(step, { maxLength: 120, size: 'max' }),
      async (readCacheBytes, steps) => {
        run++
        await follow(engine, persistent, join(folder, String(run)), readCacheBytes, steps)
      },
    )
    await fc.assert(property, { numRuns: runs })
    t.ok(run >= runs)
  })
}
