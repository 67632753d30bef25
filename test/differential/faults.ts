/** What fails in a random case: functions that throw, and text that a source cannot read. */
import type { Condition, Operator } from './case.ts'

/**
 * With Kafka Streams' handlers, what an operator did before it threw stays; ours is taken back (`deliberate/`). Here only those throw that
 * have done nothing yet: not those that do one thing after the other for one record, as windows and joins of streams do.
 */
export function withFaults(operators: readonly Operator[], faults: readonly (Condition | undefined)[]): Operator[] {
  return operators.map((operator, position) => {
    const when = faults[position]
    return when === undefined ? operator : withFault(operator, when)
  })
}

function withFault(operator: Operator, when: Condition): Operator {
  const refusing = (topic: string) => `${topic}-refuses-${when.on === 'key' ? 'b' : 'zz'}`
  switch (operator.op) {
    case 'stream':
      return { ...operator, topics: operator.topics.map(refusing) }
    case 'table':
      return { ...operator, topic: refusing(operator.topic) }
    case 'map':
    case 'mapValues':
    case 'flatMap':
    case 'flatMapValues':
    case 'tableMapValues':
    case 'tableTransformValues':
    case 'windowMapValues':
    case 'tableCount':
    case 'process':
    case 'processValues':
      return { ...operator, value: { fn: 'throwIf', when } }
    case 'reduce':
    case 'aggregate':
    case 'cogroup':
    case 'tableReduce':
    case 'tableAggregate':
    case 'windowGroup':
      return { ...operator, add: { ...operator.add, throwIf: when } }
    case 'joinTable':
    case 'leftJoinTable':
    case 'joinGlobal':
    case 'leftJoinGlobal':
    case 'tableJoin':
    case 'tableLeftJoin':
    case 'tableOuterJoin':
    case 'windowJoin':
    case 'windowLeftJoin':
    case 'windowOuterJoin':
    case 'foreignKeyJoin':
    case 'foreignKeyLeftJoin':
      return { ...operator, joiner: { ...operator.joiner, throwIf: when } }
    default:
      return operator
  }
}
