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
  readonly extractor: (value: V, key: K) => KO | null | undefined
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
}

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
export function keepSubscriptions<KO>(
  node: string,
  join: Pick<ForeignKeyJoin<never, never, KO, never, never>, 'foreignKey' | 'subscriptionTopic'>,
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
      if (foreignKey !== null) {
        const kept = subscriptionKey(join.foreignKey.serialize(topic, foreignKey, NO_HEADERS), subscription.primaryKey)
        const ends = subscription.instruction === 'unsubscribe' || subscription.instruction === 'unsubscribe-and-answer'
        store.put(kept, ends ? null : { value: subscription, timestamp })
      }
      context.forward({ key: null, value: { foreignKey, subscription }, timestamp, headers })
    },
  }
}

/** Answers a subscription with the row the right table has now, under the greater timestamp of both. */
export function answerSubscription<KO, VO>(
  foreign: TableView<KO, VO>
): Processor<null, Subscribed<KO>, Uint8Array, SubscriptionResponse<VO>> {
  let context: ProcessorContext<Uint8Array, SubscriptionResponse<VO>>
  let read: TableReader<KO, VO>
  return {
    init(given) {
      context = given
      read = foreign.open(given)
    },
    process({ value: { foreignKey, subscription }, timestamp, headers }) {
      const { instruction, hash, primaryKey, primaryPartition } = subscription
      if (instruction === 'unsubscribe') {
        return
      }
      const found = foreignKey === null ? undefined : read(foreignKey)
      if (instruction === 'subscribe-and-answer-if-found' && found === undefined) {
        return
      }
      const foreignValue = found === undefined || instruction === 'unsubscribe-and-answer' ? null : found.value
      context.forward({
        key: primaryKey,
        value: { hash, foreignValue, primaryPartition },
        timestamp: found === undefined ? timestamp : Math.max(timestamp, found.timestamp),
        headers,
      })
    },
  }
}

/** Tells everybody who subscribed to a right row what has become of it. */
export function answerSubscribers<KO, VO>(
  node: string,
  join: Pick<ForeignKeyJoin<never, never, KO, never, never>, 'foreignKey' | 'subscriptionTopic'>,
  storeName: string
): Processor<KO, Change<VO>, Uint8Array, SubscriptionResponse<VO>> {
  let context: ProcessorContext<Uint8Array, SubscriptionResponse<VO>>
  let store: Subscriptions
  let topic: string
  return {
    init(given) {
      context = given
      store = given.getStateStore(storeName)
      topic = `${given.applicationId}-${join.subscriptionTopic}-fk`
    },
    process({ key, value: { newValue, outOfOrder }, timestamp, headers }) {
      if (outOfOrder === true) {
        dropped(context, node, 'out-of-order')
        return
      }
      const prefix = subscriptionPrefix(join.foreignKey.serialize(topic, key, NO_HEADERS))
      for (const [, { value }] of store.prefixScan(prefix)) {
        const { hash, primaryKey, primaryPartition } = value
        context.forward({ key: primaryKey, value: { hash, foreignValue: newValue, primaryPartition }, timestamp, headers })
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
