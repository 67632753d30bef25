/** What the generator knows of the records that leave an operator, and which of them may meet. */
import { type Operator, waits } from './case.ts'

/** What is known of an operator's records. */
export interface Known {
  /** Topics they come from. */
  readonly topics: ReadonlySet<string>
  /** They came through a repartition topic somewhere. */
  readonly repartitioned: boolean
  readonly keyChanged: boolean
  /** One record of a topic may have become several of them. */
  readonly several: boolean
}

export function topicsOf(operator: Operator): readonly string[] {
  return operator.op === 'stream' ? operator.topics : operator.op === 'table' || operator.op === 'globalTable' ? [operator.topic] : []
}

/**
 * Two sides may meet if the order in which one input record reaches them is decided: when they have no topic in common, or
 * when no repartition topic lies between (which of two topics is read first is nobody's promise, not even Kafka Streams').
 */
export function mayMeet(left: Known, right: Known): boolean {
  const apart = [...left.topics].every((topic) => !right.topics.has(topic))
  return apart || !(left.repartitioned || right.repartitioned || left.keyChanged)
}

/**
 * The answer to a row of a foreign-key join counts only while the row stands. Of two changes that wait in one topic, whether the
 * first is answered before the second is read is nobody's promise either.
 */
export function mayBeAnswered(left: Known): boolean {
  return !(left.repartitioned && left.several)
}

const CHANGES_KEY: ReadonlySet<Operator['op']> = new Set(['map', 'flatMap', 'selectKey', 'process', 'windowToStream'])
const MULTIPLIES: ReadonlySet<Operator['op']> = new Set(['flatMap', 'flatMapValues', 'process', 'processValues', 'tableCount', 'tableReduce', 'tableAggregate', 'windowGroup'])
const REPARTITIONS: ReadonlySet<Operator['op']> = new Set(['repartition', 'tableCount', 'tableReduce', 'tableAggregate', 'windowGroup', 'foreignKeyJoin', 'foreignKeyLeftJoin'])
const REPARTITIONS_CHANGED_KEYS: ReadonlySet<Operator['op']> = new Set([
  'toTable', 'count', 'reduce', 'aggregate', 'joinTable', 'leftJoinTable', 'streamJoin', 'streamLeftJoin', 'streamOuterJoin',
  'windowCount', 'windowReduce', 'windowAggregate', 'cogroup', 'windowCogroup',
])

export function knownOf(operator: Operator, known: readonly Known[]): Known {
  if (!('of' in operator)) {
    return { topics: new Set(topicsOf(operator)), repartitioned: false, keyChanged: false, several: false }
  }
  const sides = [known[operator.of]!, ...('with' in operator ? [known[operator.with]!] : [])]
  const joinsStreams = operator.op === 'merge' || operator.op === 'cogroup' || operator.op === 'windowCogroup' || operator.op === 'streamJoin' || waits(operator)
  const keyChanged = sides[0]!.keyChanged || (joinsStreams && sides[1]!.keyChanged)
  const through = REPARTITIONS.has(operator.op) || (REPARTITIONS_CHANGED_KEYS.has(operator.op) && (keyChanged || 'by' in operator))
  return {
    topics: new Set(sides.flatMap((side) => [...side.topics])),
    repartitioned: through || sides.some((side) => side.repartitioned),
    keyChanged: !through && (keyChanged || CHANGES_KEY.has(operator.op)),
    several: sides.length > 1 || sides[0]!.several || MULTIPLIES.has(operator.op) || 'windows' in operator,
  }
}
