import { fork } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { PoolOptions } from '../../../processors/pool/index.ts'
import { ProcessPool } from '../../../processors/pool/index.ts'

t.setTimeout(120_000)
const entry = new URL('../fixtures/pool-process.ts', import.meta.url)
const open = (options: Partial<PoolOptions> = {}): ProcessPool =>
  new ProcessPool({ name: 'test', entry, size: 2, recycleAfter: 100, maxRssBytes: 400 * 1024 * 1024, maxHeapMiB: 128, ...options })
const timeoutMs = 30_000

t.test('tasks run beside each other and answer with clones', async (t) => {
  const pool = open()
  const values = await Promise.all(Array.from({ length: 10 }, (_, n) => pool.run({ do: 'echo', value: new Uint8Array([n]) }, { timeoutMs })))
  t.same(values.map((value) => (value as Uint8Array)[0]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.equal(pool.stats().processes, 2)
  await pool.close()
  t.equal(pool.stats().processes, 0)
})

t.test('a hang, a crash, a throw and growth cost one task each; the next is served', async (t) => {
  const pool = open({ size: 1 })
  await t.rejects(pool.run({ do: 'hang' }, { timeoutMs: 300 }), { code: 'TIMEOUT' })
  t.equal(await pool.run({ do: 'echo', value: 1 }, { timeoutMs }), 1)
  await t.rejects(pool.run({ do: 'crash' }, { timeoutMs }), { code: 'CRASHED' })
  t.equal(await pool.run({ do: 'echo', value: 2 }, { timeoutMs }), 2)
  const thrown = await pool.run({ do: 'throw' }, { timeoutMs }).catch((error: unknown) => error)
  t.match(thrown, { code: 'CRASHED' })
  t.notMatch((thrown as Error).message, /document/, 'no text of the document in an error')
  await t.rejects(pool.run({ do: 'grow' }, { timeoutMs }), { code: 'MEMORY' })
  t.equal(await pool.run({ do: 'echo', value: 3 }, { timeoutMs }), 3)
  t.equal(pool.stats().started, 5)
  await pool.close()
})

t.test('a process is replaced after its share of tasks', async (t) => {
  const pool = open({ size: 1, recycleAfter: 2 })
  const pids: unknown[] = []
  for (let n = 0; n < 4; n += 1) {
    pids.push(await pool.run({ do: 'pid' }, { timeoutMs }))
  }
  t.equal(pids[0], pids[1])
  t.not(pids[1], pids[2])
  t.equal(pids[2], pids[3])
  await pool.close()
})

t.test('abort takes a waiting task out and kills a running one', async (t) => {
  const pool = open({ size: 1 })
  const abort = new AbortController()
  const running = pool.run({ do: 'hang' }, { timeoutMs, signal: abort.signal })
  const waiting = pool.run({ do: 'echo', value: 1 }, { timeoutMs, signal: abort.signal })
  const other = pool.run({ do: 'echo', value: 2 }, { timeoutMs })
  abort.abort()
  await t.rejects(running, { code: 'ABORTED' })
  await t.rejects(waiting, { code: 'ABORTED' })
  t.equal(await other, 2)
  await pool.close()
  await t.rejects(pool.run({ do: 'echo' }, { timeoutMs }), { code: 'CLOSED' })
})

t.test('a pool of processes that are dear to start stops a task and keeps its process; one that does not stop is killed in its time', async (t) => {
  const pool = open({ size: 1, stopsTasks: true })
  const abort = new AbortController()
  const pid = await pool.run({ do: 'pid' }, { timeoutMs })
  const running = pool.run({ do: 'until-stopped' }, { timeoutMs, signal: abort.signal })
  abort.abort()
  await t.rejects(running, { code: 'ABORTED' })
  t.equal(await pool.run({ do: 'pid' }, { timeoutMs }), pid)
  const again = new AbortController()
  const hung = pool.run({ do: 'hang' }, { timeoutMs: 300, signal: again.signal })
  again.abort()
  await t.rejects(hung, { code: 'ABORTED' })
  t.not(await pool.run({ do: 'pid' }, { timeoutMs }), pid)
  await pool.close()
})

t.test('a process writes no file and sees no environment', async (t) => {
  const pool = open({ size: 1 })
  t.equal(await pool.run({ do: 'write', value: join(tmpdir(), 'pool-test') }, { timeoutMs }), 'ERR_ACCESS_DENIED')
  t.same(((await pool.run({ do: 'environment' }, { timeoutMs })) as string[]).filter((name) => !/^NODE_CHANNEL/.test(name)), [])
  await pool.close()
})

t.test('an entry that does not start fails its tasks', async (t) => {
  const pool = open({ entry: new URL('../fixtures/no-such-file.ts', import.meta.url) })
  await t.rejects(pool.run({ do: 'echo' }, { timeoutMs }), { code: 'START_FAILED' })
  await pool.close()
})

t.test('who has waited long enough goes, and a process that still starts keeps no program alive', async (t) => {
  const folder = t.testdir({
    'never-ready.mjs': `process.on('disconnect', () => process.exit())`,
    'program.mjs': `
      import { ProcessPool } from ${JSON.stringify(new URL('../../../processors/pool/index.ts', import.meta.url).href)}
      const pool = new ProcessPool({ name: 'test', entry: new URL('./never-ready.mjs', import.meta.url), size: 1, recycleAfter: 1, maxRssBytes: 1e9, maxHeapMiB: 64, startTimeoutMs: 600_000 })
      await pool.run({}, { timeoutMs: 600_000, waitMs: 1 }).catch(({ code }) => { process.exitCode = code === 'BUSY' ? 7 : 1 })`,
  })
  const program = fork(join(folder, 'program.mjs'), [], { stdio: 'ignore' })
  t.same(await once(program, 'exit'), [7, null])
})

t.test('a process ends when its parent is killed, also in the middle of an endless loop', async (t) => {
  const parent = fork(new URL('../fixtures/pool-parent.ts', import.meta.url), [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const [pid] = (await once(parent, 'message')) as [number]
  t.ok(isAlive(pid))
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  while (isAlive(pid)) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  t.pass('it is gone')
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
