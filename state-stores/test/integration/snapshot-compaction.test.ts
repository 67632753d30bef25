/** Copies of databases that flush and compact all the time: each is of one moment, and opening them does their original no harm. */
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { leveldbEngine, openTaskState, rocksdbEngine } from '../../index.ts'

t.setTimeout(600_000)
const KEYS = 2_000
const STORES = [{ name: 'all', kind: 'key-value', logged: true }] as const
/** The smallest there is, so that flushes and compactions never rest. */
const memory = { bytes: 4 * 1024 * 1024, overdrawn: false, release() {} }

for (const engine of [rocksdbEngine, leveldbEngine]) {
  t.test(engine.name, async (t) => {
    const folder = t.testdir()
    const location = join(folder, 'original')
    mkdirSync(location)
    const open = (location: string, checkpoint?: string) => openTaskState({ engine, location, stores: STORES, memory, ...(checkpoint === undefined ? {} : { checkpoint }) })
    let generation = 0
    /** Throws unless every row is of the generation that the position names. */
    const generationOf = (state: Awaited<ReturnType<typeof open>>): number => {
      const offset = state.position('log-0')!.offset
      const values = Array.from(state.committed('all').range({}), ([, value]) => Buffer.from(value).readUInt32BE(0))
      if (values.length !== KEYS || values.some((value) => value !== offset)) {
        throw new Error(`${values.length} rows of the generations ${[...new Set(values)].slice(0, 9)}; the position names ${offset}`)
      }
      return offset
    }
    const state = await open(location)
    const write = async () => {
      generation++
      const value = crypto.getRandomValues(Buffer.alloc(400))
      value.writeUInt32BE(generation)
      for (let i = 0; i < KEYS; i++) {
        state.store('all').put(Buffer.from(`key${(i * 7_919) % KEYS}`), value, generation)
      }
      state.freeze()
      await state.applyFrozen(new Map([['log-0', { offset: generation }]]))
    }
    let tables = new Set<string>()
    let compacted = 0
    // At least until something was compacted away; the engine's threads take their time on a busy machine.
    for (let copy = 0; copy < 4 || (compacted === 0 && copy < 50); copy++) {
      for (let i = 0; i < 10; i++) {
        await write()
      }
      const before = generation
      const folderOfCopy = join(folder, `copy-${copy}`)
      const copying = state.checkpoint(folderOfCopy)
      for (let i = 0; i < 3; i++) {
        await write()
      }
      t.ok((await copying).get('log-0')!.offset <= before)
      const copied = await open(join(folder, `database-${copy}`), folderOfCopy)
      const at = generationOf(copied)
      t.ok(at >= before && at <= generation, `${before} ≤ ${at} ≤ ${generation}`)
      await copied.close()
      const now = new Set(readdirSync(location).filter((name) => /\.(sst|ldb)$/.test(name)))
      compacted += [...tables].filter((name) => !now.has(name)).length
      tables = now
    }
    t.ok(compacted > 0, `${compacted} tables were compacted away meanwhile`)
    await state.close()
    const again = await open(location)
    t.equal(generationOf(again), generation)
    await again.close()
  })
}
