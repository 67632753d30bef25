import { StreamsError } from '../errors.ts'
import { checkName, checkTopic } from '../graph/names.ts'
import type { Changelog, SourceSettings } from '../graph/node-spec.ts'
import type { StoreBuilder } from '../graph/store-builder.ts'
import type { Topology } from '../graph/topology.ts'
import type { BuildOptions } from '../graph/topology-builder.ts'
import { refusePromise } from '../not-awaited.ts'
import { OldValues } from './change.ts'
import { GlobalKTable } from './global-k-table.ts'
import { KStream } from './k-stream.ts'
import { KTable, materialize } from './k-table.ts'
import { tableSource } from './operators/table-source.ts'
import type { GlobalTableOptions, StreamOptions, TableOptions } from './options.ts'
import { DslGraph, type StreamState } from './stream-state.ts'

/** What a topology module exports by default. It is run once per stream thread: it must only describe, and always the same. */
export type TopologyFunction = (builder: StreamsBuilder) => void

/** Where a topology begins: topics in, streams and tables out. */
export class StreamsBuilder {
  readonly #graph = new DslGraph()

  /**
   * Reads one topic or several with the same serdes. Reading a topic twice gives the same source, if the options are equal.
   *
   * A pattern reads every topic whose whole name matches (`/orders-.*\/`), and needs a `name`. Topics that come while the
   * application runs are read, too, from their first record on.
   */
  stream<K, V>(topics: string | readonly string[], options: StreamOptions<K, V>): KStream<K, V>
  stream<K, V>(pattern: RegExp, options: StreamOptions<K, V> & { readonly name: string }): KStream<K, V>
  stream<K, V>(topics: string | readonly string[] | RegExp, options: StreamOptions<K, V>): KStream<K, V> {
    return new KStream<K, V>(topics instanceof RegExp ? this.#pattern(topics, options) : this.#source('stream', topics, options, options?.name))
  }

  /**
   * Reads a topic as the latest value of each key, kept in the store `name` (default: the topic). The topic itself is
   * the store's changelog, so nothing is written twice; give it `cleanup.policy=compact`.
   */
  table<K, V>(topic: string, options: TableOptions<K, V>): KTable<K, V> {
    const source = this.#source('table', topic, options, undefined)
    const name = checkName('store', options.name ?? topic)
    const ownChangelog = options.timestampExtractor !== undefined || options.historyRetention !== undefined
    const { key, value, engine, historyRetention } = options
    const changelog: Changelog = ownChangelog ? { kind: 'own' } : { kind: 'source', topic }
    const view = materialize<K, V>(this.#graph, name, key, value, { engine, historyRetention }, changelog)
    const state = this.#graph.process([source], 'table', (node) => tableSource(node, name), {
      name: options.name,
      onError: options.onError,
      stores: [name],
    })
    return new KTable<K, V>(state, view, new OldValues(), name)
  }

  /** Reads a topic whole into every stream thread, kept in the store `name` (default: the topic), to be joined by any key. */
  globalTable<K, V>(topic: string, options: GlobalTableOptions<K, V>): GlobalKTable<K, V> {
    const name = checkName('store', options?.name ?? topic)
    const { key, value, engine, timestampExtractor, onError } = options ?? {}
    this.#graph.topology.addGlobalStore(
      { kind: 'key-value', name, key, value, engine, timestamped: true, logged: true, topicConfig: {} },
      topic,
      { key, value, timestampExtractor, onError, offsetReset: 'earliest' }
    )
    return new GlobalKTable<K, V>(this.#graph, name)
  }

  /** Adds a store for processors to name in their `stores`. */
  addStateStore<K, V>(store: StoreBuilder<K, V>): this {
    this.#graph.addStateStore(store as StoreBuilder)
    return this
  }

  /** Makes the topology concrete. A builder builds once. */
  build(options: BuildOptions): Topology {
    return this.#graph.topology.build(options)
  }

  #pattern(pattern: RegExp, options: StreamOptions<unknown, unknown>): StreamState {
    const { name, key, value, timestampExtractor, onError, offsetReset = 'earliest', retryTopic = false } = options ?? {}
    if (name === undefined) {
      throw new StreamsError('TOPOLOGY_INVALID', `stream(${pattern}) needs a name, stream(${pattern}, { name: 'orders', … }): its tasks and their state are called by it, for the topics it matches change.`)
    }
    this.#graph.topology.addDerivedSource(checkName('source', name), pattern, { key, value, timestampExtractor, onError, offsetReset, retryTopic })
    return { graph: this.#graph, node: name, path: name, key, value, keyChanged: false, sources: new Set([name]), nullKeys: [] }
  }

  #source(operation: string, topics: string | readonly string[], options: SourceSettings, name: string | undefined): StreamState {
    if (typeof topics !== 'string' && !Array.isArray(topics)) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `${operation}() takes the name of a topic${operation === 'stream' ? ', a list of names or a pattern' : '; topics by pattern are for stream()'}.`
      )
    }
    const given = typeof topics === 'string' ? [topics] : [...new Set<string>(topics)]
    if (given.length === 0) {
      throw new StreamsError('TOPOLOGY_INVALID', `${operation}() reads no topic: give at least one name.`)
    }
    for (const topic of given) {
      checkTopic(topic)
    }
    const { key, value, timestampExtractor, onError, offsetReset = 'earliest', retryTopic = false } = options ?? {}
    const settings = { key, value, timestampExtractor, onError, offsetReset, retryTopic }
    const path = name ?? given.join('+')
    const node = this.#sharedSource(given, settings) ?? this.#newSource(given, settings, name)
    return { graph: this.#graph, node, path, key, value, keyChanged: false, sources: new Set([node]), nullKeys: [] }
  }

  /** The source that reads exactly these topics already, in exactly this way. Anything else that overlaps is refused. */
  #sharedSource(topics: readonly string[], settings: SourceSettings): string | undefined {
    const reader = topics.map((topic) => this.#graph.topology.readerOf(topic)).find((source) => source !== undefined)
    if (reader === undefined || 'repartition' in reader.topics) {
      return undefined
    }
    const sameTopics =
      reader.topics.length === topics.length && topics.every((topic) => (reader.topics as readonly string[]).includes(topic))
    const options = ['key', 'value', 'timestampExtractor', 'offsetReset', 'retryTopic', 'onError'] as const
    const different = options.filter((option) => reader[option] !== settings[option])
    if (!sameTopics || different.length > 0) {
      const why = sameTopics ? `with other options (${different.join(', ')})` : 'together with other topics'
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `The topic '${topics.find((topic) => (reader.topics as readonly string[]).includes(topic))}' is already read by '${reader.name}' ${why}: ` +
          'a topic is read once. Take both branches from one stream, or pass the same serde and option objects to both.'
      )
    }
    return reader.name
  }

  #newSource(topics: readonly string[], settings: SourceSettings, name: string | undefined): string {
    const node = name === undefined ? `${topics.join('+')}/source` : checkName('source', name)
    this.#graph.topology.addDerivedSource(node, topics, settings)
    return node
  }
}

/** Runs a topology function and builds what it describes; throws if it is not one, or is asynchronous. */
export function buildTopology(topology: TopologyFunction, options: BuildOptions): Topology {
  if (typeof topology !== 'function') {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `A topology is a function (builder: StreamsBuilder) => void, the default export of its module, not ${typeof topology}.`
    )
  }
  const builder = new StreamsBuilder()
  refusePromise(
    topology(builder),
    'the topology function',
    'it is run in every stream thread and must describe the same each time; what it needs is loaded as a global table'
  )
  return builder.build(options)
}
