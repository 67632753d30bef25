/** A process that dies at any moment leaves the last acknowledged batch, whole, with the position that belongs to it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { leveldbEngine, openTaskState, rocksdbEngine } from '../../index.ts'
import { GENERATION_KEYS, GENERATION_STORES } from '../fixtures/generations.ts'

const ACKNOWLEDGED = 60

for (const engine of [rocksdbEngine, leveldbEngine]) {
  t.test(`${engine.name} after kill -9`, async (t) => {
    const location = join(t.testdir(), '0_0')
    let after = 0
    // The second life must find the first one's state, and die on it too.
    for (let life = 0; life < 2; life++) {
      const acknowledged = await runUntilKilled(engine.name, location, after + ACKNOWLEDGED)
      const state = await openTaskState({ engine, location, stores: GENERATION_STORES, readCacheBytes: 0 })
      const offset = state.position('generations-0')!.offset
      t.ok(offset >= acknowledged, `position ${offset}, acknowledged ${acknowledged}`)
      const found = new Set<number>()
      for (const { name } of GENERATION_STORES) {
        const values = Array.from(state.store(name).range({}), ([, value]) => Buffer.from(value).readUInt32BE(0))
        t.equal(values.length, GENERATION_KEYS)
        for (const value of values) {
          found.add(value)
        }
      }
      t.same([...found], [offset], 'every row of both stores is of the generation the position names')
      after = offset
      await state.close()
    }
    t.end()
  })
}

/** Kills the child without warning once it has acknowledged `until`; resolves with the last acknowledgement seen. */
async function runUntilKilled(engine: string, location: string, until: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/generations.ts'), engine, location], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  let last = 0
  let rest = ''
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    const numbers = (rest + chunk).split('\n')
    rest = numbers.pop()!
    last = Number(numbers.at(-1) ?? last)
    if (last >= until) {
      child.kill('SIGKILL')
    }
  })
  const [, signal] = await ended
  if (signal !== 'SIGKILL') {
    throw new Error(`the writing process ended by itself after generation ${last}`)
  }
  return last
}
