import { type Serde, Serdes } from '../serdes.ts'
import type { AnySerde, KeyPartitioner } from '../graph/topology.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import { demandedTable } from './demanded-table.ts'
import type { KTable } from './k-table.ts'
import {
  answerSubscribers,
  answerSubscription,
  type ForeignKeyJoin,
  keepSubscriptions,
  resolve,
  subscribe,
} from './operators/foreign-key-join.ts'
import { type SubscriptionResponse, responseSerde, subscriptionSerde } from './operators/subscription.ts'
import { recordsToChanges, tableSource } from './operators/table-source.ts'
import type { ForeignKeyJoinOptions, ForeignKeyOuterJoinOptions } from './options.ts'
import { requireName, requireSameGraph, serdeFor } from './stream-state.ts'
import type { TableJoinOperation } from './table-join.ts'

/**
 * Joins every row of `left` with the row of `right` whose key `extractor` takes from it. Two topics of the application
 * lie between the tables, so they may have unequal partition counts: `<name>-subscription-registration-topic` carries
 * wishes to the right rows, `<name>-subscription-response-topic` their answers. What stands between and in which bytes
 * is Kafka Streams' (KIP-213); names too, as with its TableJoined.
 */
export function joinByForeignKey<K, V, KO, VO, VR>(
  operation: TableJoinOperation,
  left: KTable<K, V>,
  right: KTable<KO, VO>,
  extractor: (value: V, key: K) => KO | null | undefined,
  joiner: (value: V, foreignValue: VO | null, key: K) => VR | null,
  options: ForeignKeyJoinOptions<K, V, KO, VO, VR> & Partial<Pick<ForeignKeyOuterJoinOptions<K, V, KO, VO, VR>, 'rightKey'>>
): KTable<K, VR> {
  const { graph } = left.state
  const { topology } = graph
  const name = requireName(left.state, operation, options?.name, 'goes through two topics and keeps subscriptions in a store')
  const what = `${operation} '${name}'`
  requireFunction(extractor, `The extractor of the foreign key of ${what}`)
  requireFunction(joiner, `The joiner of ${what}`)
  requireSameGraph(left.state, right.state, operation)
  const { onError, rightKey } = options
  if (operation === 'outerJoin') {
    requireFunction(rightKey, `rightKey of ${what}, the key of a row of the other table that no row names,`)
    right.oldValues.enable()
  }
  const registration = topology.addRepartitionTopic(`${name}-subscription-registration`, undefined, 'topic')
  const response = topology.addRepartitionTopic(`${name}-subscription-response`, undefined, 'topic')
  const join: ForeignKeyJoin<K, V, KO, VO, VR> = {
    left: operation !== 'join',
    rightKey,
    extractor,
    joiner,
    key: serdeFor(what, 'input.key', options.input?.key, left.state.key),
    value: serdeFor(what, 'input.value', options.input?.value, left.state.value),
    foreignKey: serdeFor(what, 'other.key', options.other?.key, right.state.key),
    subscriptionTopic: `${registration.repartition}-${registration.suffix}`,
  }
  const foreignValue = serdeFor(what, 'other.value', options.other?.value, right.state.value)
  left.oldValues.enable()
  const subscriptions = `${name}-subscription-store`
  const bytes = Serdes.bytes()
  const subscription = openingToo(subscriptionSerde, join.key, join.value)

  // Where the left rows are: each change becomes a wish.
  const asked = graph.process([left.state], 'subscribe', (node) => subscribe(node, join), {
    name: `${name}-subscription-registration-processor`,
    onError,
  })
  const sink = { key: join.foreignKey, value: subscription, partitioner: ofKey(options.otherPartitioner) }
  topology.addNode({ ...sink, kind: 'sink', name: `${name}-subscription-registration-sink`, topic: registration }, asked.node)

  // Where the right rows are.
  const registered = `${name}-subscription-registration-source`
  topology.addDerivedSource(registered, registration, { key: join.foreignKey, value: subscription })
  topology.addStore(
    { kind: 'key-value', name: subscriptions, key: bytes, value: subscription, timestamped: true, logged: true, topicConfig: {} },
    { kind: 'own' }
  )
  const received = graph.process(
    [{ ...right.state, node: registered }],
    'keepSubscriptions',
    (node) => keepSubscriptions(node, join, subscriptions),
    { name: `${name}-subscription-receive`, stores: [subscriptions] }
  )
  const answered = graph.process([received], 'answerSubscription', () => answerSubscription(join, right.view), {
    name: `${name}-subscription-join-foreign`,
    stores: right.view.stores,
  })
  const told = graph.process([right.state], 'answerSubscribers', (node) => answerSubscribers(node, join, subscriptions), {
    name: `${name}-foreign-join-subscription`,
    stores: [subscriptions],
  })
  topology.copartition(new Set([...right.state.sources, registered]))
  const answer = responseSerde<VO>(foreignValue)
  topology.addNode(
    {
      kind: 'sink',
      name: `${name}-subscription-response-sink`,
      topic: response,
      key: bytes,
      value: answer,
      partitioner: options.partitioner === undefined ? toPrimaryPartition : ofWrittenKey(options.partitioner, join.key),
    },
    [answered.node, told.node]
  )

  // Where the left rows are again.
  const responded = `${name}-subscription-response-source`
  topology.addDerivedSource(responded, response, { key: join.key, value: answer })
  const sources = new Set([...left.state.sources, responded])
  topology.copartition(sources)
  const resolved = graph.process([{ ...left.state, node: responded }], 'resolve', (node) => resolve(node, join, left.view), {
    name: `${name}-subscription-response-resolver`,
    onError,
    stores: left.view.stores,
  })
  const result = {
    what,
    operation: 'result',
    node: `${name}-result`,
    supplier: (node: string, store: string | undefined) => (store === undefined ? recordsToChanges(node) : tableSource(node, store)),
  }
  return demandedTable<K, VR>({ ...resolved, key: join.key, sources }, result, options)
}

/** The serde, opened together with others that are used beside it. */
function openingToo<T>(serde: Serde<T>, ...others: readonly AnySerde[]): Serde<T> {
  return {
    serialize: serde.serialize,
    deserialize: serde.deserialize,
    open: async () => {
      await Promise.all(others.map((other) => other.open?.()))
    },
  }
}

const toPrimaryPartition: KeyPartitioner = (_topic, record) => (record.value as SubscriptionResponse<unknown>).primaryPartition

/** A partitioner of the join's tables sees keys only: values are not those of the tables. */
function ofKey(partitioner: KeyPartitioner | undefined): KeyPartitioner | undefined {
  return partitioner === undefined
    ? undefined
    : (topic, record, partitions) => partitioner(topic, { ...record, value: null }, partitions)
}

/** The same for answers, whose keys are in bytes. */
function ofWrittenKey(partitioner: KeyPartitioner, key: AnySerde): KeyPartitioner {
  return (topic, record, partitions) =>
    partitioner(topic, { ...record, key: key.deserialize(topic, record.key, record.headers), value: null }, partitions)
}
