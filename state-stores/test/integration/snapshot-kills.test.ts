/** A process that dies at any step of taking a snapshot, or of beginning with one, leaves states and snapshots whole. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type EngineName, FolderSnapshotStore } from '../../index.ts'
import { GENERATION_KEYS, GENERATION_STORES } from '../fixtures/generations.ts'
import { type DeathAt, openGenerations, RESTORING, SNAPSHOT_OWNER, TAKING } from '../fixtures/snapshots.ts'

t.setTimeout(600_000)

for (const engine of ['rocksdb', 'leveldb'] as const) {
  t.test(engine, async (t) => {
    for (const step of TAKING) {
      await t.test(`killed when a snapshot is ${step}`, async (t) => {
        const folder = t.testdir()
        await killedAt(engine, folder, step)
        const { offset, refused } = await look(engine, folder)
        t.ok(offset >= 5, `the state itself is at ${offset}`)
        t.same(refused, [])
        rmSync(join(folder, 'state'), { recursive: true })
        const restored = await look(engine, folder)
        t.same(restored.refused, [], 'whatever is listed is whole')
        t.ok(restored.offset > 0 && restored.offset <= offset, `${restored.offset} ≤ ${offset}`)
        t.ok((await new FolderSnapshotStore(join(folder, 'snapshots')).list(SNAPSHOT_OWNER)).length <= 3)
      })
    }
    await t.test('killed while it begins with one', async (t) => {
      const folder = t.testdir()
      await killedAt(engine, folder, 'pruned')
      rmSync(join(folder, 'state'), { recursive: true })
      const { offset } = await look(engine, folder)
      for (const step of RESTORING) {
        await killedAt(engine, folder, step)
        const again = await look(engine, folder)
        t.same([again.offset, again.refused], [offset, []], step)
      }
    })
  })
}

async function killedAt(engine: EngineName, folder: string, step: DeathAt): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/snapshots.ts'), engine, folder, step], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code, signal] = await once(child, 'exit')
  if (signal !== 'SIGKILL') {
    throw new Error(`the process ended by itself (${code}) and not at ${step}`)
  }
}

/** Opens what is there: every row must be of the generation that the position names; nothing half may lie about. */
async function look(engine: EngineName, folder: string): Promise<{ readonly offset: number; readonly refused: readonly string[] }> {
  const refused: string[] = []
  const { directory, state } = await openGenerations(engine, folder, (why) => refused.push(why))
  try {
    const offset = state.position('generations-0')?.offset ?? 0
    for (const { name } of GENERATION_STORES) {
      const values = Array.from(state.store(name).range({}), ([, value]) => Buffer.from(value).readUInt32BE(0))
      if (values.length !== GENERATION_KEYS || values.some((value) => value !== offset)) {
        throw new Error(`${values.length} rows of ${name}, of the generations ${[...new Set(values)]}; the position names ${offset}`)
      }
    }
    const left = readdirSync(directory.path).filter((name) => name.startsWith('.draft-') || name.startsWith('.deleting-'))
    if (left.length > 0) {
      throw new Error(`left behind: ${left}`)
    }
    return { offset, refused }
  } finally {
    await state.close()
    await directory.close()
  }
}
