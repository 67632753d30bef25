/** The processes of a smoke test: started, stopped, killed, frozen, each with a state directory of its own. */
import { rmSync } from 'node:fs'
import { decodeSubscription } from '../../streams/membership/protocol.ts'
import { Child } from '../../streams/test/failure/child.ts'
import type { TestCluster } from '../../streams/test/integration/streams-support.ts'
import { SMOKE_TOPOLOGY } from '../../streams/test/smoke/run.ts'
import type { SmokeSettings } from '../../streams/test/smoke/topology.ts'

export interface FleetOptions {
  readonly cluster: TestCluster
  readonly applicationId: string
  readonly settings: SmokeSettings
  readonly standbys: number
}

/** Tag by which a member of the group tells whose it is. */
const INSTANCE = 'instance'

export class Fleet {
  readonly #options: FleetOptions
  readonly #folders = new Map<number, string>()
  readonly #running = new Map<number, Child>()

  constructor(options: FleetOptions) {
    this.#options = options
  }

  /** Numbers of the processes that run. */
  get numbers(): number[] {
    return [...this.#running.keys()]
  }

  async start(number: number): Promise<void> {
    const { applicationId, cluster, settings, standbys } = this.#options
    const stateDir = this.#folders.get(number) ?? cluster.folder()
    this.#folders.set(number, stateDir)
    const child = new Child({
      applicationId,
      topology: SMOKE_TOPOLOGY,
      settings,
      stateDir,
      bootstrapServers: cluster.bootstrapServers,
      sessionTimeoutMs: 10_000,
      replicationFactor: 1,
      standbyReplicas: standbys,
      clientTags: { [INSTANCE]: String(number) },
    })
    this.#running.set(number, child)
    await child.running()
  }

  /** In good order. Returns its counters, summed over its threads. */
  async stop(number: number): Promise<{ readonly [name: string]: number }> {
    const { counters = [] } = await this.#take(number).stop()
    const sum: { [name: string]: number } = {}
    for (const [name, value] of counters.flatMap((each) => Object.entries(each))) {
      sum[name] = (sum[name] ?? 0) + value
    }
    return sum
  }

  /** By SIGKILL. */
  async kill(number: number): Promise<void> {
    await this.#take(number).kill()
  }

  /** Its state is gone. */
  loseDisk(number: number): void {
    rmSync(this.#folders.get(number)!, { recursive: true, force: true })
  }

  /** Stops it in the middle of whatever it does, and takes it out of the group: from now on it is a zombie. */
  async freeze(number: number): Promise<void> {
    const { cluster, applicationId } = this.#options
    const memberIds = await this.#memberIds(number)
    this.#running.get(number)!.process.kill('SIGSTOP')
    await cluster.ours.group().leave(applicationId, memberIds, 'taken for dead')
  }

  /** Resolves once it has noticed that it was out of the group, and runs again. */
  async thaw(number: number): Promise<void> {
    const child = this.#running.get(number)!
    const thawedAt = Date.now()
    child.process.kill('SIGCONT')
    await child.report(({ state }) => state === 'REBALANCING', thawedAt)
    await child.report(({ state }) => state === 'RUNNING', thawedAt)
  }

  /** Members are described while the group is stable only. */
  async #memberIds(number: number): Promise<string[]> {
    const { cluster, applicationId } = this.#options
    for (;;) {
      const { members } = (await cluster.admin.describeGroups([applicationId])).groups[0]!
      const theirs = members.filter(({ memberMetadata }) => memberMetadata.length > 0 && decodeSubscription(memberMetadata).tags?.[INSTANCE] === String(number))
      if (theirs.length > 0) {
        return theirs.map(({ memberId }) => memberId)
      }
    }
  }

  /** For a test that failed. */
  async end(): Promise<void> {
    await Promise.all(this.numbers.map((number) => this.kill(number)))
  }

  #take(number: number): Child {
    const child = this.#running.get(number)!
    this.#running.delete(number)
    return child
  }
}
