/**
 * Rule C11: a disk that takes no more. A limit of file sizes stands for it: it strikes at the same system calls, on any machine
 * and without rights (Node.js ignores SIGXFSZ, so writes fail with EFBIG).
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { leveldbEngine, openTaskState, rocksdbEngine, StateDirectory } from '../../index.ts'
import { type FullDiskReport, holding } from '../fixtures/full-disk.ts'
import { GENERATION_STORES } from '../fixtures/generations.ts'
import type { Held } from '../fixtures/hold-directory.ts'

// A database that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

const MEGABYTE = 1024 * 1024

const CASES = [
  { what: 'the log of a batch', engine: rocksdbEngine, limit: MEGABYTE, keys: 300, bytes: 1 },
  { what: 'the log of a batch', engine: leveldbEngine, limit: MEGABYTE, keys: 300, bytes: 1 },
  // LevelDB would write on behind half a batch, and not find what follows it when it is opened.
  { what: 'the log of a small batch', engine: leveldbEngine, limit: MEGABYTE, keys: 1, bytes: 3_000 },
  // Two write buffers make one table, larger than each of their logs: RocksDB is read-only from then on, though no batch has failed.
  { what: 'a table written in the background', engine: rocksdbEngine, limit: 5 * MEGABYTE, keys: 300, bytes: 400_000 },
]

/** What the fixture says. The limit is of all files of the process; `ulimit -f` counts in blocks of 512 bytes (POSIX). */
async function underLimit<T>(limit: number, fixture: string, ...args: readonly (string | number)[]): Promise<T> {
  const script = join(import.meta.dirname, '../fixtures', fixture)
  const { stdout } = await promisify(execFile)('sh', ['-c', `ulimit -S -f ${limit / 512} && exec "$@"`, 'sh', process.execPath, script, ...args.map(String)])
  return JSON.parse(stdout)
}

t.test('no room for the state directory itself: the folder and the reason are named', async (t) => {
  const path = join(t.testdir(), 'state')
  const { refused } = await underLimit<Held>(0, 'hold-directory.ts', path)
  t.match(refused, { code: 'STATE_DIRECTORY_INVALID', message: /File too large.*free space/ })
  t.ok(refused?.message.includes(path))
  await (await StateDirectory.open(path)).close()
})

for (const { what, engine, limit, keys, bytes } of CASES) {
  t.test(`${engine.name}: no room for ${what}`, async (t) => {
    const location = join(t.testdir(), '0_0')
    const { acknowledged, code, message, seen, again, later, last, dropped, reopened } = await underLimit<FullDiskReport>(limit, 'full-disk.ts', engine.name, location, keys, bytes)
    t.equal(code, 'STATE_WRITE_FAILED')
    t.ok(message.includes(location) && /File too large.*free space/.test(message), message)
    t.same(seen, [acknowledged + 1], 'what could not be written is still seen')
    t.equal(again, 'STATE_WRITE_FAILED', 'nor can it be written a second time')
    t.comment(`when there is room again: ${later}`)
    const expected = { offset: last, generations: [last], filling: last }
    t.same(dropped, expected, 'the database holds the last generation that was acknowledged, whole')
    t.same(reopened, expected, 'closed and opened anew in the same process')
    const state = await openTaskState({ engine, location, stores: GENERATION_STORES })
    t.same(holding(state), expected, 'and in another one')
    state.store('left').put(Buffer.from('key0'), Buffer.alloc(100), last + 1)
    state.freeze()
    await state.applyFrozen(new Map([['generations-0', { offset: last + 1 }]]))
    t.equal(state.position('generations-0')?.offset, last + 1, 'which writes on')
    await state.close()
  })
}
