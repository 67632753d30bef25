/**
 * The topics a thread goes by: prepared before it joins its group, and looked at again while it runs (rule C15), because
 * partitions may come. What has changed is told to the group in a round of its own; nothing is asked inside one.
 */
import type { Topology } from '../graph/topology.ts'
import { patternSources } from '../graph/topic-patterns.ts'
import type { KafkaCluster } from '../kafka/contract.ts'
import { isRetriable } from '../kafka/kafka-error.ts'
import type { RuntimeConfig } from './config.ts'
import { InputAge, retentionWarnings } from './input-age.ts'
import type { TopicCatalog } from './topic-catalog.ts'
import type { PreparedTopics } from './topics.ts'
import { outputTopics, prepareTopics } from './topics.ts'

/** Rounds of one rebalance follow each other within so long: one look is enough for all of them. */
const ROUND_MS = 1_000

export interface InputTopicsOptions {
  readonly cluster: KafkaCluster
  readonly topology: Topology
  readonly config: RuntimeConfig
  readonly catalog: TopicCatalog
  /** Other partitions are to be read than before. */
  onChanged(): void
  onWarning(message: string): void
}

export class InputTopics {
  readonly #options: InputTopicsOptions
  #now: PreparedTopics | undefined
  /** Counts of the source topics when the thread began. */
  #first: ReadonlyMap<string, number> = new Map()
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #looking: Promise<void> | undefined
  #lookedAt = 0
  #said = ''

  constructor(options: InputTopicsOptions) {
    this.#options = options
  }

  get prepared(): boolean {
    return this.#now !== undefined
  }

  /** What tasks are made of now. */
  get now(): PreparedTopics {
    if (this.#now === undefined) {
      throw new Error('The topics are not prepared yet.')
    }
    return this.#now
  }

  /** Before the thread joins. Errors of `prepareTopics`. */
  async prepare(): Promise<void> {
    const { catalog, cluster, config, topology } = this.#options
    this.#now = await prepareTopics(cluster, topology, config)
    this.#first = this.#now.sources
    for (const { name, pattern } of patternSources(this.#now.topology).filter(({ topics }) => topics.length === 0)) {
      this.#options.onWarning(`No topic matches the pattern ${pattern} of '${name}' yet (the whole name must match): topics are looked for every ${config.metadataMaxAgeMs} ms (metadataMaxAgeMs).`)
    }
    this.#lookedAt = performance.now()
    await catalog.load([...outputTopics(topology, config), ...this.#now.subscribed])
  }

  /** Rule A8: says which topics would lose what is made of records that are old already. Never rejects. */
  async checkAge(): Promise<void> {
    const { catalog, cluster, config, onWarning } = this.#options
    const { topology, sources } = this.now
    const age = new InputAge({ cluster, groupId: config.applicationId, topology, counts: sources, now: Date.now() })
    const warnings = await retentionWarnings(age, topology, catalog).catch((error: Error) => [`The age of unread records could not be looked up: ${error.message}`])
    for (const warning of this.#stopped ? [] : warnings) {
      onWarning(warning)
    }
  }

  /** Looks from now on every `metadataMaxAgeMs`. */
  watch(): void {
    this.#timer = setInterval(() => this.look(), this.#options.config.metadataMaxAgeMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stopped = true
  }

  /** A partition that came while the application ran: nobody has decided to leave out what is in it. */
  cameLater(topic: string, partition: number): boolean {
    return partition >= (this.#first.get(topic) ?? 0)
  }

  /** The group had a round: perhaps because another member has seen partitions that are not known here yet. */
  afterRound(): void {
    if (performance.now() - this.#lookedAt > ROUND_MS) {
      this.look()
    }
  }

  /** Looks now. Never rejects: what cannot be asked today is asked again. */
  look(): Promise<void> {
    this.#lookedAt = performance.now()
    this.#looking ??= this.#look()
      .catch((error: Error) => {
        if (!this.#stopped && !isRetriable(error)) {
          this.#options.onWarning(`New partitions could not be looked for: ${error.message}`)
        }
      })
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async #look(): Promise<void> {
    const { catalog, cluster, config, topology, onChanged } = this.#options
    const before = this.now
    const now = await prepareTopics(cluster, topology, config, before)
    if (this.#stopped) {
      return
    }
    this.#say(now)
    // Internal topics keep their counts: a record in a partition that somebody added to one would be read by nobody.
    const internal = new Set(topology.subtopologies.flatMap(({ internalTopics }) => internalTopics.map(({ name }) => name)))
    const others = [...now.existing].filter(([topic, count]) => !internal.has(topic) && catalog.get(topic)?.partitions !== count)
    await catalog.load(others.map(([topic]) => topic), true)
    // The same object while it says the same: whoever told the group compares no more than that.
    const same = JSON.stringify(now.descriptions) === JSON.stringify(before.descriptions)
    this.#now = same ? { ...now, descriptions: before.descriptions } : now
    if (others.length > 0 || now.sources.size !== before.sources.size || [...now.sources].some(([topic, count]) => before.sources.get(topic) !== count)) {
      onChanged()
    }
  }

  /** Once for each change. */
  #say({ refused }: PreparedTopics): void {
    const message = refused
      .map(({ topic, partitions, taken, error }) => `The topic '${topic}' has ${partitions} partitions now, of which only the first ${taken} are read; what is written to the others waits. ${error.message} (${error.code})`)
      .join('\n')
    if (message !== '' && message !== this.#said) {
      this.#options.onWarning(message)
    }
    this.#said = message
  }
}
