/**
 * The smoke test: the smoke topology in processes that join, leave, are killed, lose their disks or wake as zombies, on a
 * broker that dies, under load all the while. Afterwards every output is held against the input.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { TestCluster } from '../../streams/test/integration/streams-support.ts'
import { SmokeLoad } from '../../streams/test/smoke/load.ts'
import { finishSmoke, sendSmoke, smokeProblems, smokeSettings } from '../../streams/test/smoke/run.ts'
import type { SmokeSettings, SmokeTopic } from '../../streams/test/smoke/topology.ts'
import type { Brokers } from '../brokers/brokers.ts'
import { Fleet } from './fleet.ts'

export interface SmokeOptions {
  readonly brokers: Brokers
  readonly windowMs: number
  readonly standbys: number
  readonly recordsPerSecond: number
  /** Records that must have gone in between two events, and been processed in every partition. */
  readonly recordsBetween: number
  /** What happens, one after the other. */
  readonly events: Iterable<SmokeEvent>
  say(line: string): void
}

export interface SmokeResult {
  readonly problems: readonly string[]
  readonly counts: ReadonlyMap<SmokeTopic, number>
  readonly sent: number
  /** Memberships that processes found lost when they woke, or were cut off. */
  readonly membershipsLost: number
}

export const SMOKE_EVENTS = ['join', 'roll', 'kill', 'lose-disk', 'zombie', 'broker', 'leave'] as const
export type SmokeEvent = (typeof SMOKE_EVENTS)[number]

const PARTITIONS = 4
const KEYS = 12
const CHUNKS_PER_SECOND = 20
/** Without limit: the broker is away for as long as it takes to start again. */
const PATIENCE = { initialRetryTime: 100, maxRetryTime: 500, retries: 1_000 }

class Run {
  readonly options: SmokeOptions
  readonly cluster: TestCluster
  readonly settings: SmokeSettings
  readonly applicationId: string
  readonly fleet: Fleet
  readonly load: SmokeLoad
  membershipsLost = 0
  #stopped = false

  constructor(options: SmokeOptions, cluster: TestCluster, settings: SmokeSettings) {
    this.options = options
    this.cluster = cluster
    this.settings = settings
    this.applicationId = cluster.name('smoke')
    this.fleet = new Fleet({ cluster, applicationId: this.applicationId, settings, standbys: options.standbys })
    // As fast as the clock, so that what lies in the small windows depends on the rate alone.
    this.load = new SmokeLoad({ keys: KEYS, windowMs: options.windowMs, stepMs: 1_000 / options.recordsPerSecond })
  }

  /** Sends until told to stop. A chunk whose outcome is not known goes again: what lies in the topic counts. */
  async send(): Promise<void> {
    while (!this.#stopped) {
      const chunk = this.load.take(Math.ceil(this.options.recordsPerSecond / CHUNKS_PER_SECOND))
      for (let sent = false; !sent; ) {
        sent = await sendSmoke(this.cluster, this.settings, chunk).then(
          () => true,
          (error: Error) => {
            if (!error.name.startsWith('KafkaJS')) {
              throw error
            }
            return false
          },
        )
      }
      await delay(1_000 / CHUNKS_PER_SECOND)
    }
  }

  stop(): void {
    this.#stopped = true
  }

  /** Of every partition of the input the records whose processing is committed; none while the broker does not say. */
  async processed(): Promise<readonly number[]> {
    const topic = this.settings.topics.data
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
    const offsets = await this.cluster.ours.group().fetchOffsets(this.applicationId, partitions, { requireStable: false }).catch(() => [])
    return offsets.map(({ offset }) => offset)
  }

  /** Waits until more records have been processed in every partition: nobody's tasks are left behind. */
  async goesOn(): Promise<void> {
    // Each partition has a key at least.
    const more = Math.ceil(this.options.recordsBetween / KEYS)
    let before: readonly number[] = []
    for (;;) {
      const now = await this.processed()
      if (before.length === 0) {
        before = now
      } else if (now.length > 0 && now.every((offset, i) => offset >= before[i]! + more)) {
        return
      }
      await delay(50)
    }
  }

  async count(stopping: Promise<{ readonly [name: string]: number }>): Promise<void> {
    this.membershipsLost += (await stopping)['membershipsLost'] ?? 0
  }
}

const EVENTS: { readonly [event in SmokeEvent]: (run: Run) => Promise<void> } = {
  async join({ fleet }) {
    await fleet.start(Math.max(0, ...fleet.numbers) + 1)
  },
  async roll(run) {
    const number = run.fleet.numbers[0]!
    await run.count(run.fleet.stop(number))
    await run.fleet.start(number)
  },
  async kill({ fleet }) {
    const number = fleet.numbers[0]!
    await fleet.kill(number)
    await fleet.start(number)
  },
  async 'lose-disk'({ fleet }) {
    const number = fleet.numbers[0]!
    await fleet.kill(number)
    fleet.loseDisk(number)
    await fleet.start(number)
  },
  async zombie(run) {
    const number = run.fleet.numbers[0]!
    await run.fleet.freeze(number)
    await run.goesOn()
    await run.fleet.thaw(number)
  },
  async broker({ options: { brokers } }) {
    await brokers.killBroker(1)
    await brokers.startBroker(1)
  },
  async leave(run) {
    await run.count(run.fleet.stop(run.fleet.numbers[0]!))
  },
}

/** Runs all events under load, then to the end of the input, and compares. */
export async function runSmoke(options: SmokeOptions): Promise<SmokeResult> {
  const cluster = new TestCluster(options.brokers.address(1), PATIENCE)
  await cluster.connect()
  try {
    return await run(new Run(options, cluster, await smokeSettings(cluster, 'smoke', PARTITIONS, options.windowMs)))
  } finally {
    await cluster.close()
  }
}

async function run(it: Run): Promise<SmokeResult> {
  const { fleet, options } = it
  try {
    await Promise.all([fleet.start(1), fleet.start(2)])
    const sending = it.send()
    await it.goesOn()
    for (const event of options.events) {
      const before = Date.now()
      await EVENTS[event](it)
      await it.goesOn()
      options.say(`${event}: ${((Date.now() - before) / 1_000).toFixed(1)} s, ${fleet.numbers.length} processes, ${it.load.count} records sent`)
    }
    it.stop()
    await sending
    await finishSmoke(it.cluster, it.applicationId, it.settings, it.load, PARTITIONS)
    for (const number of fleet.numbers) {
      await it.count(fleet.stop(number))
    }
    return { ...(await smokeProblems(it.cluster, it.settings)), sent: it.load.count, membershipsLost: it.membershipsLost }
  } finally {
    it.stop()
    await fleet.end()
  }
}
