import type { TestCluster } from '../integration/streams-support.ts'

/** How often is looked: what is measured is no finer. */
const LOOK_MS = 10

/** Longest time, ms, in which a partition had records to process and none was committed. Looks until told to stop. */
export class Pauses {
  readonly #cluster: TestCluster
  readonly #groupId: string
  readonly #topics: readonly string[]
  readonly #longest = new Map<string, number>()
  readonly #done: Promise<void>
  #stopped = false

  constructor(cluster: TestCluster, groupId: string, topics: readonly string[]) {
    this.#cluster = cluster
    this.#groupId = groupId
    this.#topics = topics
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    const { ours } = this.#cluster
    const metadata = await ours.metadata(this.#topics, { fresh: true })
    const partitions = [...metadata].flatMap(([topic, { partitions }]) => partitions.map(({ partition }) => ({ topic, partition })))
    const last = new Map<string, { committed: number; since: number }>()
    while (!this.#stopped) {
      // The ends first: what is committed beyond them was not waiting.
      const ends = await ours.listOffsets(partitions, 'latest', 'read_committed')
      const offsets = await ours.group().fetchOffsets(this.#groupId, partitions, { requireStable: false })
      const now = performance.now()
      for (const { topic, partition, offset } of offsets) {
        const key = `${topic}-${partition}`
        const known = last.get(key)
        if (known === undefined || known.committed !== offset || offset >= ends.get(key)!) {
          last.set(key, { committed: offset, since: now })
        } else {
          this.#longest.set(key, Math.max(this.#longest.get(key) ?? 0, now - known.since))
        }
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  /** Forgets what was seen so far. */
  reset(): void {
    this.#longest.clear()
  }

  /** The longest of all partitions. */
  get longest(): number {
    return Math.round(Math.max(0, ...this.#longest.values()))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }
}
