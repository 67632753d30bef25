import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openTaskState, rocksdbEngine, StateDirectory, StateFolder } from '../index.ts'
import type { Held } from './fixtures/hold-directory.ts'

t.test('two processes cannot share a state directory (C13)', async (t) => {
  const path = join(t.testdir(), 'state')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/hold-directory.ts'), path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const [line] = await once(child.stdout, 'data')
  const { processId }: Held = JSON.parse(String(line))
  await t.rejects(StateDirectory.open(path), { code: 'STATE_DIRECTORY_LOCKED', message: /state.*in use by another process.*stateDir/ })
  child.kill('SIGKILL')
  await ended
  const directory = await StateDirectory.open(path)
  t.equal(directory.processId, processId, 'the lock is free when its holder is dead, and the identity stays')
  await t.rejects(StateDirectory.open(path), { code: 'STATE_DIRECTORY_LOCKED' }, 'nor can two parts of one process')
  await directory.close()
  await (await StateDirectory.open(path)).close()
})

t.test('incarnations are recorded before they are used, and outlive the process (B7)', async (t) => {
  const path = join(t.testdir(), 'state')
  const directory = await StateDirectory.open(path)
  t.same(await directory.incarnations(), [])
  await directory.recordIncarnation({ transactionalId: 'app/1' })
  // A thread works on the folder without the lock.
  const thread = new StateFolder(path)
  await Promise.all([
    thread.recordIncarnation({ transactionalId: 'app/2', memberId: 'm2' }),
    directory.recordIncarnation({ transactionalId: 'app/1', memberId: 'm1' }),
  ])
  writeFileSync(join(path, '.incarnations', 'app%2F3.json.x.draft'), '{"transac')
  await directory.close()
  const again = await StateDirectory.open(path)
  t.same(await again.incarnations(), [
    { transactionalId: 'app/1', memberId: 'm1' },
    { transactionalId: 'app/2', memberId: 'm2' },
  ])
  await again.forget('app/1')
  await again.forget('never recorded')
  t.same(await again.incarnations(), [{ transactionalId: 'app/2', memberId: 'm2' }])
  writeFileSync(join(path, '.incarnations', 'broken.json'), '{}')
  await t.rejects(again.incarnations(), { code: 'STATE_DIRECTORY_INVALID', message: /broken\.json/ })
  await again.close()
})

t.test('a record that cannot be written says which, and leaves no draft of it', async (t) => {
  const folder = new StateFolder(t.testdir({ '.incarnations': { 'app.json': {} } }))
  await t.rejects(folder.recordIncarnation({ transactionalId: 'app' }), { code: 'STATE_WRITE_FAILED', message: /\.incarnations\/app\.json failed: .*free space/ })
  t.same(readdirSync(join(folder.path, '.incarnations')), ['app.json'])
})

t.test('a task has a folder of a safe name, and loses it whole', async (t) => {
  const path = join(t.testdir(), 'state')
  const directory = await StateDirectory.open(path)
  const ids = ['orders_0', 'orders_1', '../../etc_0', 'ä b:c_2', '.lock', '..', 'a.']
  for (const id of ids) {
    const location = await directory.taskLocation(id)
    t.ok(location.startsWith(`${path}/`) && !location.slice(path.length + 1).includes('/'), location)
    const state = await openTaskState({ engine: rocksdbEngine, location, stores: [] })
    await state.close()
  }
  t.same(await directory.tasks(), [...ids].sort())
  await directory.deleteTask('orders_0')
  await directory.deleteTask('orders_0')
  t.same(await directory.tasks(), ids.filter((id) => id !== 'orders_0').sort())
  t.equal(existsSync(join(path, 'orders_0')), false)
  await t.rejects(directory.taskLocation('x'.repeat(256)), { code: 'OPTIONS_INVALID', message: /256.*255/ })
  await t.rejects(directory.taskLocation(''), { code: 'OPTIONS_INVALID' })
  // A deletion that a crash interrupted is finished by the next open.
  mkdirSync(join(path, '.deleting-x', 'sub'), { recursive: true })
  await directory.close()
  const again = await StateDirectory.open(path)
  t.notOk(readdirSync(path).includes('.deleting-x'))
  await again.close()
})

t.test('a directory that cannot be used says so', async (t) => {
  const folder = t.testdir({ file: 'text', state: { '.process-id': 'nonsense\n' } })
  await t.rejects(StateDirectory.open(join(folder, 'file')), { code: 'STATE_DIRECTORY_INVALID', message: /file/ })
  await t.rejects(StateDirectory.open(join(folder, 'state')), { code: 'STATE_DIRECTORY_INVALID', message: /process-id/ })
  await t.rejects(StateDirectory.open(join(folder, 'state')), { code: 'STATE_DIRECTORY_INVALID' }, 'and frees the lock')
})
