/**
 * A foreign-key join of two tables (KIP-213), in Kafka Streams' five steps. `subscribe` runs where the left rows are and
 * sends each row's wish to the right row it names; `keepSubscriptions` writes it down there, `answerSubscription`
 * answers it, `answerSubscribers` answers all of them when the right row changes; `resolve` runs where the left row is
 * again and joins it with the answer, unless the row has changed since it asked.
 */
import { Buffer } from 'node:buffer'
import { dropped } from '../../graph/dropped.ts'
import type { AnySerde } from '../../graph/topology.ts'
import type { KeyValueStore, Processor, ProcessorContext, ValueAndTimestamp } from '../../processor.ts'
import { NO_HEADERS } from '../../record.ts'
import type { Change } from '../change.ts'
import { murmur3 } from './murmur3.ts'
import { type Instruction, type Subscription, type SubscriptionResponse, subscriptionKey, subscriptionPrefix } from './subscription.ts'
import type { TableReader, TableView } from './table-view.ts'

/** What all steps of one join share. */
export interface ForeignKeyJoin<K, V, KO, VO, VR> {
  readonly left: boolean
  /** Of an outer join: the key in the result of a right row that no left row names. */
  readonly rightKey?: (foreignKey: KO) => K
  readonly extractor: (value: V, key: K) => KO | null | undefined
  /** `value` is null only in an outer join. */
  readonly joiner: (value: V, foreignValue: VO | null, key: K) => VR | null
  readonly key: AnySerde
  readonly value: AnySerde
  readonly foreignKey: AnySerde
  /** Name of the topic of subscriptions without the application's prefix: the serdes are given names made from it. */
  readonly subscriptionTopic: string
}

type Subscriptions = KeyValueStore<Uint8Array, ValueAndTimestamp<Subscription>>

/** A subscription that has been kept, on its way to be answered. */
export interface Subscribed<KO> {
  readonly foreignKey: KO | null
  readonly subscription: Subscription
  /** In outer joins: the foreign key has its first subscription now, or none any more. */
  readonly named?: 'first' | 'none'
}

/** What the steps at the right rows need. */
type RightHalf<K, KO> = Pick<ForeignKeyJoin<K, never, KO, never, never>, 'key' | 'foreignKey' | 'subscriptionTopic' | 'rightKey'>

/** Turns each change of a left row into what its old and its new foreign key must be told. */
export function subscribe<K, V, KO, VO, VR>(
  node: string,
  join: ForeignKeyJoin<K, V, KO, VO, VR>
): Processor<K, Change<V>, KO | null, Subscription> {
  let context: ProcessorContext<KO | null, Subscription>
  let topic: string
  let partition: number
  const foreignKeyOf = (key: K, value: V | null) => (value === null ? null : (join.extractor(value, key) ?? null))
  const same = (a: KO, b: KO) =>
    Buffer.compare(join.foreignKey.serialize(`${topic}-fk`, a, NO_HEADERS), join.foreignKey.serialize(`${topic}-fk`, b, NO_HEADERS)) === 0
  return {
    init(given) {
      context = given
      topic = `${given.applicationId}-${join.subscriptionTopic}`
      partition = Number(given.taskId.slice(given.taskId.lastIndexOf('_') + 1))
    },
    process({ key, value: { oldValue, newValue, outOfOrder }, timestamp, headers }) {
      if (outOfOrder === true) {
        dropped(context, node, 'out-of-order')
        return
      }
      if (oldValue === null && newValue === null) {
        return
      }
      const hash = newValue === null ? null : murmur3(join.value.serialize(`${topic}-vh`, newValue, NO_HEADERS))
      const primaryKey = join.key.serialize(`${topic}-pk`, key, NO_HEADERS)
      const tell = (foreignKey: KO | null, instruction: Instruction) =>
        context.forward({ key: foreignKey, value: { hash, instruction, primaryKey, primaryPartition: partition }, timestamp, headers })
      const before = foreignKeyOf(key, oldValue)
      const now = foreignKeyOf(key, newValue)
      const moved = before !== null && (now === null || !same(before, now))
      if (join.left) {
        // Every change is answered, one to no foreign key too: it is the answer that makes the result.
        if (moved) {
          tell(before, 'unsubscribe')
        }
        tell(now, 'subscribe-and-answer')
        return
      }
      if (now === null) {
        if (newValue !== null) {
          dropped(context, node, 'null-join-key')
        }
        if (before !== null) {
          tell(before, 'unsubscribe-and-answer')
        }
        return
      }
      if (moved) {
        tell(before, 'unsubscribe')
      }
      // Nobody knows here whether the old foreign key had given a result: a new one that gives none must take it back.
      tell(now, moved ? 'subscribe-and-answer' : 'subscribe-and-answer-if-found')
    },
  }
}

/** Keeps the subscription, or forgets it, and hands it on to be answered. One to no foreign key is only handed on. */
export function keepSubscriptions<K, KO>(
  node: string,
  join: RightHalf<K, KO>,
  storeName: string
): Processor<KO | null, Subscription | null, null, Subscribed<KO>> {
  let context: ProcessorContext<null, Subscribed<KO>>
  let store: Subscriptions
  let topic: string
  return {
    init(given) {
      context = given
      store = given.getStateStore(storeName)
      topic = `${given.applicationId}-${join.subscriptionTopic}-fk`
    },
    process({ key: foreignKey, value: subscription, timestamp, headers }) {
      if (subscription === null || (foreignKey === null && subscription.instruction !== 'subscribe-and-answer')) {
        dropped(context, node, 'null-key-or-value')
        return
      }
      if (foreignKey === null) {
        context.forward({ key: null, value: { foreignKey, subscription }, timestamp, headers })
        return
      }
      const key = join.foreignKey.serialize(topic, foreignKey, NO_HEADERS)
      const before = join.rightKey !== undefined && isNamed(store, key)
      const ends = subscription.instruction === 'unsubscribe' || subscription.instruction === 'unsubscribe-and-answer'
      store.put(subscriptionKey(key, subscription.primaryKey), ends ? null : { value: subscription, timestamp })
      const after = join.rightKey !== undefined && isNamed(store, key)
      const named = before === after ? undefined : after ? 'first' : 'none'
      context.forward({ key: null, value: { foreignKey, subscription, named }, timestamp, headers })
    },
  }
}

function isNamed(store: Subscriptions, foreignKey: Uint8Array): boolean {
  for (const _ of store.prefixScan(subscriptionPrefix(foreignKey))) {
    return true
  }
  return false
}

/**
 * Answers a subscription with the row the right table has now, under the greater timestamp of both. In an outer join the
 * row leaves the result as nobody's with its first subscription, and comes back with the end of the last.
 */
export function answerSubscription<K, KO, VO>(
  join: RightHalf<K, KO>,
  foreign: TableView<KO, VO>
): Processor<null, Subscribed<KO>, Uint8Array, SubscriptionResponse<VO>> {
  let context: ProcessorContext<Uint8Array, SubscriptionResponse<VO>>
  let read: TableReader<KO, VO>
  let topic: string
  return {
    init(given) {
      context = given
      read = foreign.open(given)
      topic = `${given.applicationId}-${join.subscriptionTopic}-pk`
    },
    process({ value: { foreignKey, subscription, named }, timestamp, headers }) {
      const { instruction, hash, primaryKey, primaryPartition } = subscription
      const silent = instruction === 'unsubscribe'
      if (silent && named === undefined) {
        return
      }
      const found = foreignKey === null ? undefined : read(foreignKey)
      const newest = found === undefined ? timestamp : Math.max(timestamp, found.timestamp)
      if (found !== undefined && named !== undefined) {
        const key = join.key.serialize(topic, join.rightKey!(foreignKey!), NO_HEADERS)
        const foreignValue = named === 'none' ? found.value : null
        context.forward({ key, value: { hash: null, foreignValue, unreferenced: true }, timestamp: newest, headers })
      }
      if (silent || (instruction === 'subscribe-and-answer-if-found' && found === undefined)) {
        return
      }
      const foreignValue = found === undefined || instruction === 'unsubscribe-and-answer' ? null : found.value
      context.forward({ key: primaryKey, value: { hash, foreignValue, primaryPartition }, timestamp: newest, headers })
    },
  }
}

/** Tells everybody who subscribed to a right row what has become of it; in an outer join its own place, if there is nobody. */
export function answerSubscribers<K, KO, VO>(
  node: string,
  join: RightHalf<K, KO>,
  storeName: string
): Processor<KO, Change<VO>, Uint8Array, SubscriptionResponse<VO>> {
  let context: ProcessorContext<Uint8Array, SubscriptionResponse<VO>>
  let store: Subscriptions
  let topic: string
  return {
    init(given) {
      context = given
      store = given.getStateStore(storeName)
      topic = `${given.applicationId}-${join.subscriptionTopic}`
    },
    process({ key, value: { newValue, oldValue, outOfOrder }, timestamp, headers }) {
      if (outOfOrder === true) {
        dropped(context, node, 'out-of-order')
        return
      }
      const prefix = subscriptionPrefix(join.foreignKey.serialize(`${topic}-fk`, key, NO_HEADERS))
      let named = false
      for (const [, { value }] of store.prefixScan(prefix)) {
        named = true
        const { hash, primaryKey, primaryPartition } = value
        context.forward({ key: primaryKey, value: { hash, foreignValue: newValue, primaryPartition }, timestamp, headers })
      }
      if (join.rightKey !== undefined && !named && (newValue !== null || oldValue !== null)) {
        const own = join.key.serialize(`${topic}-pk`, join.rightKey(key), NO_HEADERS)
        context.forward({ key: own, value: { hash: null, foreignValue: newValue, unreferenced: true }, timestamp, headers })
      }
    },
  }
}

/**
 * Joins an answer with the left row, if that is still the one that asked: a row that has changed has asked again, and an
 * answer to its former value would come out as a result that never was.
 */
export function resolve<K, V, KO, VO, VR>(
  node: string,
  join: ForeignKeyJoin<K, V, KO, VO, VR>,
  rows: TableView<K, V>
): Processor<K, SubscriptionResponse<VO> | null, K, VR | null> {
  let context: ProcessorContext<K, VR | null>
  let read: TableReader<K, V>
  let topic: string
  return {
    init(given) {
      context = given
      read = rows.open(given)
      topic = `${given.applicationId}-${join.subscriptionTopic}-vh`
    },
    process({ key, value: response, timestamp, headers }) {
      if (key === null || response === null) {
        dropped(context, node, 'null-key-or-value')
        return
      }
      if (response.unreferenced === true) {
        const { foreignValue } = response
        const result = foreignValue === null ? null : (join.joiner(null as V, foreignValue, key) ?? null)
        context.forward({ key, value: result, timestamp, headers })
        return
      }
      const row = read(key)
      const hash = row === undefined ? null : murmur3(join.value.serialize(topic, row.value, NO_HEADERS))
      if (hash === null ? response.hash !== null : response.hash === null || Buffer.compare(hash, response.hash) !== 0) {
        dropped(context, node, 'superseded')
        return
      }
      const joins = row !== undefined && (response.foreignValue !== null || join.left)
      context.forward({ key, value: joins ? (join.joiner(row.value, response.foreignValue, key) ?? null) : null, timestamp, headers })
    },
  }
}
