/**
 * Rule C13: two containers with one volume. Each counts its processes anew, so that both are process 1, and has a network of its
 * own: nothing but the volume's file system can tell them apart.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { Held } from '../fixtures/hold-directory.ts'

// A database that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

const HOLD = join(import.meta.dirname, '../fixtures/hold-directory.ts')
/** What a container has of its own, as far as the machine lets anybody have it: without it, processes of one machine are left. */
const CONTAINER = ['--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--net', '--uts', '--ipc']
const contained = spawnSync('unshare', [...CONTAINER, 'true']).status === 0

async function start(path: string) {
  const command = [...(contained ? ['unshare', ...CONTAINER] : []), process.execPath, HOLD, path]
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  // Of the last process that has its end of the pipe, so of the one inside: its lock goes before.
  const ended = once(child, 'close')
  const [line] = await once(createInterface(child.stdout), 'line')
  const held: Held = JSON.parse(line)
  return {
    held,
    ended,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

t.test('two containers with one volume: the second is refused while the first lives, whatever their process numbers are', async (t) => {
  const path = join(t.testdir(), 'volume')
  t.comment(contained ? 'in namespaces of their own' : 'this machine has no namespaces for us: two processes')
  const first = await start(path)
  t.equal(first.held.refused, undefined)
  const second = await start(path)
  t.match(second.held.refused, { code: 'STATE_DIRECTORY_LOCKED', message: `${path} is in use by another process. Give each process its own (stateDir), or stop the other one` })
  await second.ended
  const third = await start(path)
  t.equal(third.held.refused?.code, 'STATE_DIRECTORY_LOCKED', 'one that was refused has freed nothing')
  await third.ended
  await first.kill()

  const next = await start(path)
  t.equal(next.held.refused, undefined, 'whoever was killed blocks nobody')
  t.equal(next.held.processId, first.held.processId, 'the volume keeps its identity')
  if (contained) {
    t.same([first, second, third, next].map(({ held }) => held.pid), [1, 1, 1, 1])
  }
  await next.kill()
})
