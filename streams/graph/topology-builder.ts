import { wholeNumber } from '../duration.ts'
import type { ErrorPolicy } from '../error-policy.ts'
import { StreamsError } from '../errors.ts'
import type { Processor } from '../processor.ts'
import { Serdes } from '../serdes.ts'
import { assemble } from './assemble.ts'
import { inFlightStoreName } from './internal-topics.ts'
import { checkName, checkTopic } from './names.ts'
import type {
  AsyncSpec,
  Changelog,
  GlobalSpec,
  NodeSpec,
  RepartitionReference,
  SinkSettings,
  SinkSpec,
  SourceSettings,
  SourceSpec,
  StoreSpec,
} from './node-spec.ts'
import { checkOffsetReset } from './offset-reset.ts'
import type { StoreBuilder } from './store-builder.ts'
import { checkSerde } from './store-builder.ts'
import { matchesTopic } from './topic-patterns.ts'
import { storeUpdater } from './store-updater.ts'
import type { AnyAsyncOperator, AnyProcessor, Topology, TopicNameExtractor } from './topology.ts'

export interface ProcessorSettings {
  /** Names of stores and global tables it uses; they may be added later, but before `build`. */
  readonly stores?: readonly string[]
  readonly onError?: ErrorPolicy
}

export interface BuildOptions {
  /** Group id, and prefix of internal topics. */
  readonly applicationId: string
}

/**
 * The Processor API: sources, processors, sinks and stores by name, as `org.apache.kafka.streams.Topology`. The DSL
 * writes its graphs with it too. Names of nodes are unique; parents must exist before their children, so there are no
 * cycles. Every method throws a `StreamsError` that says what to change.
 */
export class TopologyBuilder {
  readonly #nodes = new Map<string, NodeSpec>()
  readonly #parents = new Map<string, readonly string[]>()
  readonly #stores = new Map<string, StoreSpec>()
  readonly #connections = new Map<string, Set<string>>()
  readonly #globals = new Map<string, GlobalSpec>()
  readonly #repartitions = new Map<string, RepartitionReference & { readonly partitions?: number }>()
  readonly #copartitioned: ReadonlySet<string>[] = []
  /** Which source reads a topic. */
  readonly #readers = new Map<string, string>()
  /** By the source that reads what matches. */
  readonly #patterns = new Map<string, RegExp>()
  #built = false

  /** Reads topics by name, or every topic whose whole name matches a pattern; those that come later are read from their first record on. */
  addSource(name: string, topics: string | readonly string[] | RegExp, settings: SourceSettings): this {
    this.#addSource(checkName('source', name), topics, settings)
    return this
  }

  addProcessor<KIn, VIn, KOut, VOut>(
    name: string,
    supplier: () => Processor<KIn, VIn, KOut, VOut>,
    parents: string | readonly string[],
    settings: ProcessorSettings = {}
  ): this {
    return this.addNode(
      {
        kind: 'processor',
        name: checkName('processor', name),
        supplier: freshProcessors(name, supplier as () => AnyProcessor),
        onError: settings.onError,
      },
      parents,
      settings.stores
    )
  }

  /** `stores` are those that `prepare` and `complete` use; the in-flight table `<name>-in-flight` comes with it. */
  addAsyncProcessor(name: string, operator: AnyAsyncOperator, parents: string | readonly string[], stores: readonly string[] = []): this {
    return this.addNode({ kind: 'async', name: checkName('async processor', name), operator }, parents, stores)
  }

  addSink(name: string, topic: string | TopicNameExtractor, parents: string | readonly string[], settings: SinkSettings): this {
    return this.addNode({ ...settings, kind: 'sink', name: checkName('sink', name), topic }, parents)
  }

  addStateStore(store: StoreBuilder, ...processors: readonly string[]): this {
    this.addStore(store, store.logged ? { kind: 'own' } : { kind: 'none' })
    for (const processor of processors) {
      this.connectProcessorAndStateStores(processor, store.name)
    }
    return this
  }

  connectProcessorAndStateStores(processor: string, ...stores: readonly string[]): this {
    this.#mutable()
    const node = this.#nodes.get(processor)
    if (node === undefined) {
      throw new StreamsError('TOPOLOGY_INVALID', `There is no processor '${processor}' to connect ${list(stores)} to: add it first.`)
    }
    if (node.kind === 'source' || node.kind === 'sink') {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `'${processor}' is a ${node.kind}, which uses no stores: connect ${list(stores)} to a processor.`
      )
    }
    const connected = this.#connections.get(processor) ?? new Set()
    for (const store of stores) {
      connected.add(store)
    }
    this.#connections.set(processor, connected)
    return this
  }

  /**
   * A store that is what its topic says (KIP-813): the engine keeps the last value of each key in it and restores it from the
   * topic itself, without a changelog. Processors in the same tasks only read it; they need records of the same partitions.
   */
  addReadOnlyStateStore(store: StoreBuilder, topic: string, settings: Pick<SourceSettings, 'onError'> = {}): this {
    if (store.kind !== 'key-value' || store.ttlMs !== undefined) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `The read-only store '${store.name}' must be a key-value store without a ttl: its topic is not the engine's to write tombstones to.`
      )
    }
    const { name, key, value, timestamped } = store
    const writer = `${name}/update`
    this.addStore(store, { kind: 'source', topic, writer })
    this.#addSource(`${name}/source`, topic, { ...settings, key, value })
    return this.addNode({ kind: 'processor', name: writer, supplier: () => storeUpdater(writer, name, timestamped) }, `${name}/source`, [name])
  }

  /** A table that every stream thread holds whole. Its topic is its changelog. */
  addGlobalStore(store: StoreBuilder, topic: string, settings: SourceSettings): this {
    this.#mutable()
    checkTopic(topic)
    this.#storeNameFree(store.name)
    if (store.kind !== 'key-value' || store.ttlMs !== undefined) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `The global store '${store.name}' must be a key-value store without a ttl: nobody processes its records, so no time passes for it, and its topic is not the engine's to write tombstones to.`
      )
    }
    this.#topicFree(topic)
    const source = this.#sourceSpec(`${store.name}/global-source`, [topic], settings)
    this.#readers.set(topic, source.name)
    this.#globals.set(store.name, { source, store })
    return this
  }

  /** Makes the topology concrete. A builder builds once. */
  build(options: BuildOptions): Topology {
    this.#mutable()
    const applicationId = checkName('application id', options?.applicationId)
    const topology = assemble(applicationId, {
      nodes: this.#nodes,
      parents: this.#parents,
      stores: this.#stores,
      connections: this.#connections,
      globals: this.#globals,
      repartitions: this.#repartitions,
      copartitioned: this.#copartitioned,
    })
    this.#built = true
    return topology
  }

  // What follows is for the DSL: names it derives are not checked, repartition topics are named by their operator.

  /** @internal */
  addNode(node: Exclude<NodeSpec, SourceSpec>, parents: string | readonly string[], stores: readonly string[] = []): this {
    this.#mutable()
    this.#nodeNameFree(node.name)
    const parentNames = typeof parents === 'string' ? [parents] : [...new Set(parents)]
    if (parentNames.length === 0) {
      throw new StreamsError('TOPOLOGY_INVALID', `'${node.name}' has no parent: name the node whose records it takes.`)
    }
    for (const parent of parentNames) {
      const kind = this.#nodes.get(parent)?.kind
      if (kind === undefined) {
        throw new StreamsError('TOPOLOGY_INVALID', `The parent '${parent}' of '${node.name}' does not exist: add it first.`)
      }
      if (kind === 'sink') {
        throw new StreamsError('TOPOLOGY_INVALID', `The parent '${parent}' of '${node.name}' is a sink: nothing comes after a sink.`)
      }
    }
    if (node.kind === 'sink') {
      this.#checkSink(node)
    }
    this.#nodes.set(node.name, node)
    this.#parents.set(node.name, parentNames)
    if (node.kind === 'async') {
      this.#addInFlightStore(node)
    }
    if (stores.length > 0) {
      this.connectProcessorAndStateStores(node.name, ...stores)
    }
    return this
  }

  /** @internal */
  addStore(store: StoreBuilder, changelog: Changelog): this {
    this.#mutable()
    this.#storeNameFree(store.name)
    this.#stores.set(store.name, { builder: store, changelog })
    return this
  }

  /** @internal */
  addDerivedSource(name: string, topics: string | readonly string[] | RegExp | RepartitionReference, settings: SourceSettings): this {
    this.#addSource(name, topics, settings)
    return this
  }

  /** @internal */
  addRepartitionTopic(name: string, partitions?: number, suffix: RepartitionReference['suffix'] = 'repartition'): RepartitionReference {
    this.#mutable()
    checkName('repartition', name)
    if (this.#repartitions.has(name)) {
      throw new StreamsError('NAME_DUPLICATE', `Two operators repartition under the name '${name}': each topic needs its own.`)
    }
    if (partitions !== undefined) {
      wholeNumber(`partitions of the repartition '${name}'`, partitions)
    }
    const reference = { repartition: name, suffix }
    this.#repartitions.set(name, { ...reference, partitions })
    return reference
  }

  /** @internal */
  copartition(sources: ReadonlySet<string>): this {
    this.#mutable()
    if (sources.size > 0) {
      this.#copartitioned.push(new Set(sources))
    }
    return this
  }

  /** @internal */
  has(node: string): boolean {
    return this.#nodes.has(node)
  }

  /** @internal */
  isLogged(store: string): boolean {
    return this.#stores.get(store)?.changelog.kind !== 'none'
  }

  /** @internal The source node that reads a topic. */
  readerOf(topic: string): SourceSpec | undefined {
    const node = this.#nodes.get(this.#readers.get(topic) ?? '')
    return node?.kind === 'source' ? node : undefined
  }

  #addSource(name: string, topics: string | readonly string[] | RegExp | RepartitionReference, settings: SourceSettings): void {
    this.#mutable()
    this.#nodeNameFree(name)
    if (topics instanceof RegExp) {
      this.#addPattern(name, topics, settings)
      return
    }
    const given = typeof topics === 'string' ? [topics] : topics
    if ('repartition' in given) {
      this.#nodes.set(name, this.#sourceSpec(name, given, settings))
      this.#parents.set(name, [])
      return
    }
    if (given.length === 0) {
      throw new StreamsError('TOPOLOGY_INVALID', `The source '${name}' reads no topic: give at least one.`)
    }
    for (const topic of given) {
      this.#topicFree(checkTopic(topic))
      this.#readers.set(topic, name)
    }
    this.#nodes.set(name, this.#sourceSpec(name, [...given], settings))
    this.#parents.set(name, [])
  }

  #addPattern(name: string, pattern: RegExp, settings: SourceSettings): void {
    const taken = [...this.#readers].find(([topic]) => matchesTopic(pattern, topic))
    if (taken !== undefined) {
      throw new StreamsError('TOPOLOGY_INVALID', `The pattern ${pattern} of '${name}' matches the topic '${taken[0]}', which '${taken[1]}' reads already: a topic is read once. Let the pattern leave it out.`)
    }
    if (settings?.retryTopic === true) {
      throw new StreamsError('CONFIG_INVALID', `The source '${name}': retryTopic needs topics by name; which topics ${pattern} matches is known only while it runs. Replay to the source instead (--to source).`)
    }
    this.#patterns.set(name, pattern)
    this.#nodes.set(name, { ...this.#sourceSpec(name, [], settings), pattern })
    this.#parents.set(name, [])
  }

  #sourceSpec(name: string, topics: SourceSpec['topics'], settings: SourceSettings): SourceSpec {
    const what = `The source '${name}'`
    checkSerde(settings?.key, what, 'key')
    checkSerde(settings?.value, what, 'value')
    const reset = checkOffsetReset(what, settings.offsetReset ?? 'earliest')
    if (settings.timestampExtractor !== undefined) {
      requireFunction(settings.timestampExtractor, `${what}: timestampExtractor`)
    }
    return { ...settings, kind: 'source', name, topics, offsetReset: reset }
  }

  #checkSink(node: SinkSpec): void {
    const what = `The sink '${node.name}'`
    checkSerde(node.key, what, 'key')
    checkSerde(node.value, what, 'value')
    if (typeof node.topic === 'string') {
      checkTopic(node.topic)
    } else if (typeof node.topic !== 'function' && typeof node.topic?.repartition !== 'string') {
      throw new StreamsError('TOPOLOGY_INVALID', `${what} needs a topic: its name, or a function of the record that returns it.`)
    }
  }

  #addInFlightStore(node: AsyncSpec): void {
    const name = inFlightStoreName(node.name)
    const bytes = Serdes.bytes()
    this.addStore(
      { kind: 'key-value', name, key: bytes, value: bytes, timestamped: false, logged: true, topicConfig: {} },
      { kind: 'in-flight' }
    )
    this.connectProcessorAndStateStores(node.name, name)
  }

  #nodeNameFree(name: string): void {
    if (this.#nodes.has(name)) {
      throw new StreamsError('NAME_DUPLICATE', `Two operators are named '${name}': give each its own name.`)
    }
  }

  #storeNameFree(name: string): void {
    if (this.#stores.has(name) || this.#globals.has(name)) {
      throw new StreamsError(
        'NAME_DUPLICATE',
        `Two stores are named '${name}': give each its own name, or connect the one to both processors.`
      )
    }
  }

  #topicFree(topic: string): void {
    const reader = this.#readers.get(topic)
    if (reader !== undefined) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `The topic '${topic}' is already read by '${reader}': a topic is read once. Take both branches from one stream, with the same serdes and options.`
      )
    }
    const matching = [...this.#patterns].find(([, pattern]) => matchesTopic(pattern, topic))
    if (matching !== undefined) {
      throw new StreamsError('TOPOLOGY_INVALID', `The topic '${topic}' matches the pattern ${matching[1]} of '${matching[0]}' already: a topic is read once. Let the pattern leave it out.`)
    }
  }

  #mutable(): void {
    if (this.#built) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        'The topology has been built: a builder builds once and takes nothing afterwards. Make a new builder.'
      )
    }
  }
}

/**
 * Every task has its own processors, and makes them anew after an abort: one that was handed out twice would carry
 * fields from one task, or from what never happened, into another.
 */
export function freshProcessors(name: string, supplier: () => AnyProcessor): () => AnyProcessor {
  requireFunction(supplier, `The supplier of '${name}'`)
  const made = new WeakSet<AnyProcessor>()
  return () => {
    const processor = supplier()
    if (typeof processor?.process !== 'function' || made.has(processor)) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `The supplier of '${name}' must return a new processor, an object with a process function, each time it is called.`
      )
    }
    made.add(processor)
    return processor
  }
}

export function requireFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') {
    throw new StreamsError('TOPOLOGY_INVALID', `${what} must be a function, not ${value === null ? 'null' : typeof value}.`)
  }
}

function list(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ')
}
