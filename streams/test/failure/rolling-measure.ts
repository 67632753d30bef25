/**
 * How long a rolling restart makes a partition wait: MILLRACE_STACK=… node streams/test/failure/rolling-measure.ts [--keys N]
 *
 * Two and three processes, with standbys and without, each stopped in good order and started again while 800 lines a
 * second come in. `--keys`: keys of the state that is there before. Figures go to docs/streams/operating.md.
 */
import { parseArgs } from 'node:util'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { endlessLines } from './load.ts'
import { Pauses } from './pauses.ts'
import { topics } from './word-load.ts'

const { values } = parseArgs({ options: { keys: { type: 'string', default: '400000' } } })
const keys = Number(values.keys)
const cluster = new TestCluster()
await cluster.connect()
process.stdout.write(`${keys} keys\nprocesses  standbys  stopping, s        ready again, s      longest pause of a partition, ms: stopping / starting\n`)
try {
  for (const processes of [2, 3]) {
    for (const standbyReplicas of [0, 1]) {
      await measure(processes, standbyReplicas)
    }
  }
} finally {
  await cluster.close()
}

async function measure(processes: number, standbyReplicas: number): Promise<void> {
  const name = `measure-${processes}-${standbyReplicas}`
  const settings = await topics(cluster, name, 8)
  const applicationId = cluster.name(name)
  const repartition = `${applicationId}-by-word-repartition`
  const folders = Array.from({ length: processes }, () => cluster.folder())
  const start = async (i: number) => {
    const child = new Child({ applicationId, settings, stateDir: folders[i]!, bootstrapServers: cluster.bootstrapServers, replicationFactor: 1, standbyReplicas })
    await child.running()
    return child
  }
  const children = await Promise.all(folders.map((_, i) => start(i)))
  for (let from = 0; from < keys; from += 10_000) {
    await cluster.send(settings.source, Array.from({ length: Math.min(10_000, keys - from) }, (_, i) => ({ key: `of-before-${from + i}`, value: 'grain' })))
  }
  await cluster.consumed(applicationId, settings.source, 300_000)
  await cluster.consumed(applicationId, repartition, 300_000)
  await settled(children)
  const load = endlessLines(cluster, settings.source)
  const pauses = new Pauses(cluster, applicationId, [settings.source, repartition])
  const stops: number[] = []
  const starts: number[] = []
  const whileStopping: number[] = []
  const whileStarting: number[] = []
  for (let i = 0; i < processes; i++) {
    pauses.reset()
    const stoppedAt = performance.now()
    await children[i]!.stop()
    stops.push((performance.now() - stoppedAt) / 1_000)
    await settled(children.filter((child) => !child.ended))
    whileStopping.push(pauses.longest)
    pauses.reset()
    const startedAt = performance.now()
    children[i] = await start(i)
    starts.push((performance.now() - startedAt) / 1_000)
    await settled(children)
    whileStarting.push(pauses.longest)
  }
  await pauses.stop()
  await load.stop()
  await Promise.all(children.map((child) => child.stop()))
  const shown = (figures: readonly number[], digits = 0) => figures.map((figure) => figure.toFixed(digits)).join(' ')
  process.stdout.write(`${String(processes).padEnd(11)}${String(standbyReplicas).padEnd(10)}${shown(stops, 1).padEnd(20)}${shown(starts, 1).padEnd(20)}${shown(whileStopping)} / ${shown(whileStarting)}\n`)
}

/** Every task runs once, spread evenly, for two seconds on end: nothing moves any more. */
async function settled(children: readonly Child[]): Promise<void> {
  let before = ''
  let since = performance.now()
  for (;;) {
    const now = JSON.stringify(await Promise.all(children.map(async (child) => [...(await child.tasks())].toSorted())))
    if (now !== before || now.split(',').length < 16) {
      before = now
      since = performance.now()
    } else if (performance.now() - since > 2_000) {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
