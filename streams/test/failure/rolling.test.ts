/** Three processes with standbys are restarted one after the other, in good order, under load. */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { type Line, lines, outputProblems, topics } from './word-load.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

/** Longest time, ms, in which a partition had records to process and none was committed. Asks until told to stop. */
class Pauses {
  longest = 0
  readonly #groupId: string
  readonly #topic: string
  #stopped = false
  readonly #done: Promise<void>

  constructor(groupId: string, topic: string) {
    this.#groupId = groupId
    this.#topic = topic
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    const last = new Map<number, { committed: number; since: number }>()
    while (!this.#stopped) {
      const [ends, [group]] = await Promise.all([cluster.admin.fetchTopicOffsets(this.#topic), cluster.admin.fetchOffsets({ groupId: this.#groupId, topics: [this.#topic] })])
      const now = Date.now()
      for (const { partition, offset } of group?.partitions ?? []) {
        const committed = Number(offset)
        const known = last.get(partition)
        const behind = committed < Number(ends.find((end) => end.partition === partition)!.high)
        if (known === undefined || known.committed !== committed || !behind) {
          last.set(partition, { committed, since: now })
        } else {
          this.longest = Math.max(this.longest, now - known.since)
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async stop(): Promise<number> {
    this.#stopped = true
    await this.#done
    return this.longest
  }
}

t.test('a rolling restart: every task goes on elsewhere at once, no generation is dropped, the counts are exact', async (t) => {
  const settings = await topics(cluster, 'rolling')
  const applicationId = cluster.name('rolling')
  const folders = [0, 1, 2].map(() => cluster.folder())
  const start = (i: number) =>
    new Child({ applicationId, settings, stateDir: folders[i]!, bootstrapServers: cluster.bootstrapServers, sessionTimeoutMs: 30_000, replicationFactor: 1, standbyReplicas: 1 })
  const children = [0, 1, 2].map(start)
  await Promise.all(children.map((child) => child.running()))
  const input: Line[] = []
  let stopped = false
  const sending = (async () => {
    while (!stopped) {
      const more = lines(input.length, 40)
      input.push(...more)
      await cluster.send(settings.source, more)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  await cluster.consumed(applicationId, settings.source)
  const pauses = new Pauses(applicationId, settings.source)
  const counters: { readonly [name: string]: number }[] = []
  for (let i = 0; i < 3; i++) {
    counters.push(...(await children[i]!.stop()).counters!)
    children[i] = start(i)
    await children[i]!.running()
  }
  t.comment(`longest pause of a partition ${await pauses.stop()} ms (heartbeats every 500 ms)`)
  t.ok(pauses.longest < 15_000, 'no session has ended')
  stopped = true
  await sending
  await cluster.consumed(applicationId, settings.source)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`)
  counters.push(...(await Promise.all(children.map((child) => child.stop()))).flatMap((report) => report.counters!))
  t.equal(counters.reduce((sum, each) => sum + each['commitsDropped']!, 0), 0)
  t.equal(counters.reduce((sum, each) => sum + each['membershipsLost']!, 0), 0)
  t.same(await outputProblems(cluster, settings, input), [])
})
