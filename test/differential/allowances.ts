/** What of Kafka Streams is done otherwise in a random case, so that deliberate differences do not hide others. */
import { type Allowance, type Operator, waits } from './case.ts'

const ASKS_FOR_OLD_VALUES = /^table(Count|Reduce|Aggregate|Filter|FilterNot|LeftJoin|OuterJoin)$|^foreignKey|^window(Group|Filter|FilterNot|LeftJoin|OuterJoin)$/
const COMPUTES = /^table(Filter|FilterNot|MapValues|TransformValues|Suppress|Join|LeftJoin|OuterJoin)$|^foreignKey|^window(Filter|FilterNot|MapValues|Join|LeftJoin|OuterJoin)$/

/** See `deliberate/`: a table whose old values are used and that comes from a stream's aggregation; windows. */
export function allowancesOf(operators: readonly Operator[], persistent: boolean): { readonly allowances?: readonly Allowance[] } {
  const sides = (operator: Operator): number[] => ('of' in operator ? [operator.of, ...('with' in operator ? [operator.with] : [])] : [])
  const fromAggregation = (position: number): boolean => {
    const operator = operators[position]!
    return operator.op === 'count' || operator.op === 'aggregate' || operator.op === 'cogroup' || 'windows' in operator || (COMPUTES.test(operator.op) && sides(operator).some(fromAggregation))
  }
  const found = operators.some((operator) => ASKS_FOR_OLD_VALUES.test(operator.op) && sides(operator).some(fromAggregation))
  const allowances: Allowance[] = found ? ['no-initial-old-value'] : []
  if (operators.some((operator) => 'windows' in operator)) {
    allowances.push('no-null-values-in-windows')
  }
  if (!persistent && operators.some((operator) => operator.op === 'streamJoin' || waits(operator))) {
    allowances.push('no-null-values-in-joins')
  }
  return allowances.length === 0 ? {} : { allowances }
}
