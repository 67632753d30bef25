// The topology's process is killed at every step of the commit and at random under load. Whatever it was doing: outputs,
// stores and both databases are those of a run that nobody disturbed, record for record.
import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import t from 'tap'
import { SEED } from '../../state-stores/test/seeded.ts'
import { FAILPOINTS } from '../../streams/runtime/failpoints.ts'
import { leaks } from '../pipeline/leaks.ts'
import { readCommitted, readCommittedByPeer } from '../pipeline/read-topic.ts'
import { topics } from '../../topology/topics.ts'
import { Workload } from '../pipeline/workload.ts'

const KILLS = 20
/** Announcing tasks takes the first commits; by this one documents are in it. */
const COMMIT = 6

t.setTimeout(1_200_000)
const workload = await Workload.open({ seed: SEED, count: 420 })
const { disturbed } = workload
t.teardown(() => workload.close())

t.test('an undisturbed run', async (t) => {
  const begin = Date.now()
  const expected = await workload.undisturbedRun()
  for (const place of ['topic/text', 'topic/chunks', 'topic/processed', 'topic/duplicates', 'topic/review', 'topic/deadLetter', 'store/first-seen', 'store/known-invoices', 'store/document-states', 'postgresql/', 'cassandra/']) {
    t.ok([...expected.keys()].some((at) => at.startsWith(place)), `there is something in ${place} to compare`)
  }
  t.comment(`${workload.documents.length} documents in ${((Date.now() - begin) / 1000).toFixed(1)} s, ${expected.size} entries to compare`)
})

t.test('killed at every step of the commit', async (t) => {
  t.same(await workload.finish(await workload.begin()), [], 'before anything is killed')

  for (const failpoint of FAILPOINTS) {
    await t.test(failpoint, async (t) => {
      const first = await disturbed.start({ failpoint: `${failpoint}:${COMMIT}` })
      const load = workload.load()
      t.match(await first.exited, { signal: 'SIGKILL' })
      await disturbed.progress('documents are under way', () => disturbed.pending > 0)
      await load.stop()
      const second = await disturbed.start()
      await second.ready()
      t.comment(`runs again ${((Date.now() - second.startedAt) / 1000).toFixed(1)} s after its start`)
      t.same(await workload.finish(second), [])
    })
  }
})

t.test(`killed ${KILLS} times at random under load`, async (t) => {
  const load = workload.load()
  for (let kill = 1; kill <= KILLS; kill++) {
    const instance = await disturbed.start()
    await instance.ready()
    // Somewhere in the next events, or at once: progress decides, not the clock.
    const target = disturbed.events + randomInt(80)
    await disturbed.progress(`kill ${kill}`, () => disturbed.events >= target || workload.left === 0)
    await instance.kill()
    t.comment(`kill ${kill} with ${disturbed.pending} documents under way, ${workload.left} not sent yet`)
  }
  await load.stop()
  const last = await disturbed.start()
  await last.ready()
  await workload.sendRest()
  t.same(await workload.finish(last), [])
})

t.test('state directory deleted: restored from the changelogs, and equal', async (t) => {
  rmSync(disturbed.config.stateDir, { recursive: true })
  const restored = await disturbed.start()
  await restored.ready()
  await disturbed.send(workload.last)
  t.same(await workload.finish(restored), [], 'every content seen before is known as before')
})

t.test('a client that is not ours reads the same', async (t) => {
  for (const { name } of Object.values(topics(disturbed.config.topicPrefix)).filter(({ name }) => /\.(processed|archive|lifecycle|duplicates|review|dead-letter)$/.test(name))) {
    const own = await readCommitted(disturbed.environment.cluster, name)
    const other = await readCommittedByPeer(disturbed.kafka, name, own.length)
    const plain = (records: typeof own): unknown[] => records.map(({ partition, offset, key, value }) => [partition, offset, key?.toString('hex'), value?.toString('hex')])
    t.same(plain(other), plain(own), `${own.length} records of ${name.slice(disturbed.config.topicPrefix.length)}`)
  }
})

t.test('no log says what a document says', async (t) => {
  t.same(leaks(disturbed.logs(), workload.documents), [])
})
