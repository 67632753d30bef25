/**
 * Rules B2 to B5: processes die in each part of a call, and at each step of the commits that carry it in and carry its result
 * out; another goes on, with their disk, without it, or elsewhere. A call may be made again, under the same key and with the
 * same input, until its result is committed, and never after; each result is there once, per key as of an undisturbed run.
 */
import { rmSync } from 'node:fs'
import t from 'tap'
import { FAILPOINTS } from '../../runtime/failpoints.ts'
import { until } from '../integration/kafka-support.ts'
import { type OutputRecord, TestCluster } from '../integration/streams-support.ts'
import { CallService } from './call-service.ts'
import topology, { type CallSettings, PHASES, STORE } from './calls-topology.ts'
import { Child } from './child.ts'
import { equalsUndisturbed } from './undisturbed.ts'
import { storedCounts, tally } from './word-load.ts'

const LIMIT_MS = 400_000
t.setTimeout(LIMIT_MS)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const PARTITIONS = 2
const KEYS = 13
/** The first commits announce the tasks. */
const COMMIT = 6
const KILLS = 6
/** Each record is two calls. */
const CALLS = 2

type Assertions = Pick<typeof t, 'same' | 'equal' | 'ok' | 'comment'>

/** One application, its service, and the disks its processes have had. */
class Callers {
  readonly applicationId: string
  readonly service = new CallService()
  readonly input: { key: string; value: string; timestamp: number }[] = []
  readonly children: Child[] = []
  readonly #start = Date.now()
  readonly #sessionTimeoutMs: number
  #settings: CallSettings | undefined
  #disks = 0

  constructor(name: string, sessionTimeoutMs: number) {
    this.applicationId = cluster.name(name)
    this.#sessionTimeoutMs = sessionTimeoutMs
  }

  async open(): Promise<void> {
    const [source, sink] = await Promise.all(['source', 'sink'].map((what) => cluster.topic(`${this.applicationId}-${what}`, PARTITIONS)))
    this.#settings = { source: source!, sink: sink!, service: await this.service.listen() }
  }

  get settings(): CallSettings {
    return this.#settings!
  }

  /** Where the next one runs: where the last one did, there without what it left, elsewhere. */
  nextDisk(last: string): string {
    switch (this.#disks++ % 3) {
      case 1:
        rmSync(last, { recursive: true })
        return last
      case 2:
        return cluster.folder()
      default:
        return last
    }
  }

  child(stateDir: string, die?: CallSettings['die'], failpoint?: string): Child {
    const child = new Child(
      {
        applicationId: this.applicationId,
        topology: './calls-topology.ts',
        settings: die === undefined ? this.settings : { ...this.settings, die },
        stateDir,
        threads: 'in-process',
        bootstrapServers: cluster.bootstrapServers,
        sessionTimeoutMs: this.#sessionTimeoutMs,
        // None ends by it.
        transactionTimeoutMs: 600_000,
        replicationFactor: 1,
      },
      failpoint === undefined ? {} : { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: failpoint },
    )
    this.children.push(child)
    return child
  }

  async send(count: number): Promise<void> {
    const more = Array.from({ length: count }, (_, index) => {
      const i = this.input.length + index
      return { key: `key-${(i * 5) % KEYS}`, value: `value ${i}`, timestamp: this.#start + i }
    })
    this.input.push(...more)
    await cluster.send(this.settings.source, more)
  }

  consumed(): Promise<void> {
    return cluster.consumed(this.applicationId, this.settings.source)
  }

  /** Sends until told to stop. */
  load(): () => Promise<void> {
    let stopped = false
    const sending = (async () => {
      while (!stopped) {
        await this.send(2)
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
    })()
    return () => {
      stopped = true
      return sending
    }
  }

  /** Sends until it has died where it should. */
  async feed(t: Assertions, child: Child, where: string): Promise<void> {
    await Promise.race([child.exited, child.running().catch(() => undefined)])
    while (!child.ended) {
      await this.send(5)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const { signal } = await child.exited
    if (signal !== 'SIGKILL') {
      throw new Error(`${where}: ${child.summary}`)
    }
    t.comment(`${where}, ${this.input.length} records`)
    await this.evict()
  }

  /** As those do who see a process die: nobody waits for its session to end. */
  async evict(): Promise<void> {
    const { members } = (await cluster.admin.describeGroups([this.applicationId])).groups[0]!
    if (members.length > 0) {
      await cluster.ours.group().leave(this.applicationId, members.map(({ memberId }) => memberId), 'it has died')
    }
  }

  /** Until every call has its result. */
  async answered(): Promise<readonly OutputRecord[]> {
    const wanted = CALLS * this.input.length
    let results: readonly OutputRecord[] = []
    await until(
      async () => {
        const ends = await cluster.highWatermarks(this.settings.sink)
        results = [...ends.values()].reduce((sum, end) => sum + end, 0) < wanted ? [] : await cluster.committed(this.settings.sink)
        return results.length >= wanted
      },
      `${this.applicationId}: ${wanted} results`,
      LIMIT_MS,
    )
    return results
  }

  /** `stateDir`: of the last one, which ran all tasks. */
  async compare(t: Assertions, results: readonly OutputRecord[], stateDir: string): Promise<void> {
    const { calls } = this.service
    const found = results.map((record) => {
      const [answer, fence, idempotencyKey] = record.value!.toString().split('|')
      return { ...record, value: Buffer.from(answer!), fence: Number(fence), idempotencyKey: idempotencyKey! }
    })
    const oracle = (b: Parameters<typeof topology>[0], { source, sink }: CallSettings) => topology(b, { source, sink })
    for (const key of new Set(this.input.map((record) => record.key))) {
      equalsUndisturbed(t, oracle, this.settings, this.input.filter((record) => record.key === key), found.filter((record) => `${record.key}` === key), this.#start)
    }
    t.same(await storedCounts(stateDir, STORE, (id) => !id.startsWith('global')), new Map([...tally(this.input.map(({ key }) => key))].map(([key, count]) => [key, CALLS * count])), 'the store')

    const problems: string[] = []
    const inputs = new Map<string, string>()
    const fences = new Map<string, number[]>()
    for (const { idempotencyKey, input, fence } of calls) {
      const before = inputs.get(idempotencyKey) ?? input
      if (before !== input) {
        problems.push(`${idempotencyKey} names '${before}' and '${input}'`)
      }
      inputs.set(idempotencyKey, input)
      fences.set(idempotencyKey, [...(fences.get(idempotencyKey) ?? []), fence])
    }
    // Whoever drops a generation makes the calls again whose results were in it.
    const drops = this.children.flatMap(({ warnings }) => warnings.filter((warning) => warning.includes('generation was dropped'))).length
    for (const { idempotencyKey, fence } of found) {
      const made = fences.get(idempotencyKey) ?? []
      if (Math.max(...made) !== fence) {
        problems.push(`${idempotencyKey}: its result is of generation ${fence}, and it was called in ${made}`)
      }
      if (made.length - new Set(made).size > drops) {
        problems.push(`${idempotencyKey} was called in generations ${made}`)
      }
    }
    t.same(problems, [])
    t.equal(inputs.size, CALLS * this.input.length, 'a key a call')
    t.equal(new Set(found.map(({ idempotencyKey }) => idempotencyKey)).size, inputs.size, 'a result a key')
    t.comment(`${calls.length} calls for ${inputs.size} results, ${drops} generations dropped`)
  }

  async close(): Promise<void> {
    await Promise.all(this.children.filter(({ ended }) => !ended).map((child) => child.kill()))
    this.service.close()
  }
}

/** In each part of a call, and at each step of a commit: first of those that carry records in, then of those that carry results out. */
async function oneAfterTheOther(t: Assertions, name: string, deaths: readonly ((typeof PHASES)[number] | (typeof FAILPOINTS)[number])[]): Promise<void> {
  const callers = new Callers(name, 300_000)
  await callers.open()
  let disk = cluster.folder()
  const next = () => (disk = callers.nextDisk(disk))
  try {
    for (const death of deaths) {
      const phase = PHASES.find((each) => each === death)
      if (phase !== undefined) {
        const child = callers.child(next(), { at: phase, times: 20 })
        await callers.feed(t, child, phase)
        continue
      }
      callers.service.hold()
      const admitting = callers.child(next(), undefined, `${death}:${COMMIT}`)
      await callers.feed(t, admitting, `${death}, with records`)
      const completing = callers.child(next(), undefined, `${death}:${COMMIT}`)
      await Promise.race([completing.exited, completing.running().then(() => callers.consumed(), () => undefined)])
      callers.service.release()
      await callers.feed(t, completing, `${death}, with results`)
    }
    const last = callers.child(next())
    const results = await callers.answered()
    await last.stop()
    await callers.compare(t, results, disk)
    if (deaths.includes('answered')) {
      t.ok(callers.service.calls.length > results.length, 'a call that was answered is made again')
    }
  } finally {
    await callers.close()
  }
}

t.test('killed in each part of a call and at each step of its commits', async (t) => {
  const half = Math.ceil(FAILPOINTS.length / 2)
  await Promise.all([
    oneAfterTheOther(t, 'parts', [...PHASES, ...FAILPOINTS.slice(0, 1)]),
    oneAfterTheOther(t, 'sent', FAILPOINTS.slice(1, half)),
    oneAfterTheOther(t, 'decided', FAILPOINTS.slice(half)),
  ])
})

t.test('killed at random under load, while another goes on', async (t) => {
  const callers = new Callers('random', 6_000)
  await callers.open()
  try {
    const disks = [cluster.folder(), cluster.folder()]
    const running = disks.map((disk) => callers.child(disk))
    const stop = callers.load()
    /** Whoever has not found the other yet does not see it die: its session decides. */
    const share = (child: Child, tasks: number) => until(async () => (await child.tasks()).length === tasks, `${callers.applicationId}: ${tasks} tasks`, LIMIT_MS)
    for (let kill = 0; kill < KILLS; kill++) {
      await Promise.all(running.map((child) => share(child, PARTITIONS / 2)))
      const target = callers.service.calls.length + Math.floor(Math.random() * 60)
      await until(() => callers.service.calls.length >= target, `${callers.applicationId}: ${target} calls`, LIMIT_MS)
      const victim = kill % 2
      await running[victim]!.kill()
      disks[victim] = callers.nextDisk(disks[victim]!)
      running[victim] = callers.child(disks[victim]!)
    }
    await stop()
    await Promise.all([callers.answered(), ...running.map((child) => share(child, PARTITIONS / 2))])
    await running[0]!.kill()
    await share(running[1]!, PARTITIONS)
    await running[1]!.stop()
    await callers.compare(t, await callers.answered(), disks[1]!)
  } finally {
    await callers.close()
  }
})
