// Two processes share four partitions. One is killed; the other takes over its tasks, and nothing is lost or doubled.
import t from 'tap'
import { SEED } from '../../state-stores/test/seeded.ts'
import { Workload } from '../pipeline/workload.ts'

t.setTimeout(600_000)
const workload = await Workload.open({ seed: SEED, count: 180 })
const { disturbed } = workload
t.teardown(() => workload.close())

t.test('an undisturbed run', async (t) => {
  const expected = await workload.undisturbedRun()
  t.ok(expected.size > workload.documents.length, `${expected.size} entries to compare`)
})

t.test('one of two processes is killed under load', async (t) => {
  const survivor = await workload.begin()
  const all = (await survivor.runningTasks()).length
  t.ok(all > workload.disturbed.config.partitions, `${all} tasks`)

  const second = await disturbed.start({ name: 'second' })
  // Asked one after the other while tasks move: what both say counts only once nothing does.
  let shared: readonly string[]
  do {
    shared = (await Promise.all([survivor.runs(all / 2), second.runs(all / 2)])).flat()
  } while (shared.length !== all || new Set(shared).size !== all)
  const load = workload.load()
  const before = disturbed.events
  await disturbed.progress('both work, and documents are under way', () => disturbed.events >= before + 60 && disturbed.pending > 0)

  const killedAt = Date.now()
  await second.kill()
  await survivor.runs(all)
  t.comment(`taken over ${((Date.now() - killedAt) / 1000).toFixed(1)} s after the kill; the session times out after ${disturbed.config.sessionTimeoutMs / 1000} s`)
  await load.stop()
  await workload.sendRest()
  await disturbed.allEnded()
  await disturbed.send(workload.last)
  t.same(await workload.finish(survivor), [], 'all stores are the survivor\'s')
})
