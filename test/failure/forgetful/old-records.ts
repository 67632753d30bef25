/**
 * Rule A8: what is made of records of a year ago carries their timestamps, and brokers delete by those. Internal topics must
 * not lose it: killed in the middle of a replay, without its disk, an application goes on as if nothing had been.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Child } from '../../../streams/test/failure/child.ts'
import { equalsUndisturbed } from '../../../streams/test/failure/undisturbed.ts'
import type { TestCluster } from '../../../streams/test/integration/streams-support.ts'
import { eventually } from '../../connectors/integration/support.ts'
import { logStart } from './application.ts'
import topology, { SHORT } from './replay-topology.ts'

type Assertions = Pick<Test, 'same' | 'equal' | 'match' | 'ok' | 'comment'>

const YEAR_MS = 365 * 86_400_000

/** Out of order by up to a second, so that some are late. */
function records(from: number, count: number, start: number) {
  return Array.from({ length: count }, (_, index) => {
    const i = from + index
    return { key: `k${i}`, value: `${(i * 7) % 5}: ${i}`, timestamp: start + i * 20 - ((i * 389) % 1_100), partition: 0 }
  })
}

export async function yearReplayed(t: Assertions, cluster: TestCluster): Promise<void> {
  const settings = { source: await cluster.topic('replay-source', 1), sink: await cluster.topic('replay-sink', 1) }
  const doomed = await cluster.topic('replay-doomed', 1, SHORT)
  const options = {
    applicationId: cluster.name('replay'),
    topology: new URL('./replay-topology.ts', import.meta.url).href,
    settings,
    stateDir: cluster.folder(),
    bootstrapServers: cluster.bootstrapServers,
    sessionTimeoutMs: 120_000,
    replicationFactor: 1,
  }
  const start = Math.floor((Date.now() - YEAR_MS) / 1_000) * 1_000
  const input: ReturnType<typeof records> = []
  const send = async (count: number) => {
    const more = records(input.length, count, start)
    input.push(...more)
    await cluster.send(settings.source, more)
  }
  const repartition = `${options.applicationId}-by-value-repartition`
  /** The broker has deleted since what was too old: also a record that was written after everything else. */
  const looked = async () => {
    const [end] = (await cluster.highWatermarks(doomed)).values()
    await cluster.send(doomed, [{ key: 'k', value: 'v' }])
    await eventually('the broker deletes by age', async () => (await logStart(cluster, doomed)) === end! + 1)
  }
  /** Without its disk, but for who the process is: its successor does not wait for the session to end. */
  const loseTasks = () => {
    for (const name of readdirSync(options.stateDir).filter((each) => !each.startsWith('.'))) {
      rmSync(join(options.stateDir, name), { recursive: true })
    }
  }

  await send(100)
  for (const failpoint of ['endTxn.answered:8', 'offsets.sent:8']) {
    const child = new Child(options, { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: failpoint })
    while (!child.ended) {
      await send(20)
      await Promise.race([child.exited, cluster.consumed(options.applicationId, settings.source).catch(() => undefined)])
    }
    t.match(await child.exited, { signal: 'SIGKILL' }, failpoint)
    await looked()
    loseTasks()
  }
  t.comment(`killed twice within ${input.length} records`)
  const last = new Child(options)
  await last.running()
  await send(200)
  await cluster.consumed(options.applicationId, settings.source)
  await cluster.consumed(options.applicationId, repartition)
  const { counters } = await last.stop()
  t.ok(counters![0]!['recordsRestored']! > 0, 'from the changelogs')

  const wanted = equalsUndisturbed(t, topology, settings, input, await cluster.committed(settings.sink), start)
  t.ok(['tumbling', 'suppressed', 'sessions', 'totals', 'versions'].every((name) => wanted.some((line) => line.includes(name))), 'every store has something to tell')
}
