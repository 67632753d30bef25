/** How often a random case has which operator. */
import type { Operator } from './case.ts'

const KINDS: readonly (readonly [weight: number, kind: Operator['op']])[] = [
  [3, 'stream'], [8, 'table'], [3, 'globalTable'], [3, 'filter'], [2, 'filterNot'], [4, 'map'], [4, 'mapValues'], [4, 'flatMap'], [3, 'flatMapValues'],
  [4, 'selectKey'], [4, 'merge'], [3, 'split'], [9, 'process'], [7, 'processValues'], [4, 'repartition'], [4, 'toTable'], [4, 'toStream'], [5, 'count'], [5, 'reduce'], [6, 'aggregate'], [5, 'cogroup'],
  [5, 'tableCount'], [5, 'tableReduce'], [6, 'tableAggregate'], [4, 'tableFilter'], [3, 'tableFilterNot'], [5, 'tableMapValues'], [5, 'tableTransformValues'],
  [6, 'windowFilter'], [4, 'windowFilterNot'], [6, 'windowMapValues'], [14, 'windowJoin'], [14, 'windowLeftJoin'], [14, 'windowOuterJoin'], [8, 'windowGroup'],
  [6, 'joinTable'], [6, 'leftJoinTable'], [4, 'joinGlobal'], [4, 'leftJoinGlobal'],
  [8, 'tableJoin'], [8, 'tableLeftJoin'], [8, 'tableOuterJoin'], [9, 'foreignKeyJoin'], [9, 'foreignKeyLeftJoin'],
  [8, 'windowCount'], [8, 'windowReduce'], [10, 'windowAggregate'], [8, 'windowCogroup'], [14, 'windowSuppress'], [12, 'windowToStream'], [6, 'tableSuppress'],
  [6, 'streamJoin'], [10, 'streamLeftJoin'], [10, 'streamOuterJoin'],
]

/** Half of the cases are of anything; the others of what seldom meets by chance: tables behind tables, windows behind windows. */
export const FLAVOURS = [/./, /./, /^(stream|map|process|toTable|count|reduce|aggregate)$|^(table|foreignKey)/, /^(stream|selectKey|process)$|^window/]
  .map((flavour) => KINDS.filter(([, kind]) => flavour.test(kind)))
  .map((kinds) => ({ kinds, total: kinds.reduce((sum, [weight]) => sum + weight, 0) }))

export function kindOf(number: number, flavour: number): Operator['op'] {
  const { kinds, total } = FLAVOURS[flavour]!
  let left = number % total
  for (const [weight, kind] of kinds) {
    left -= weight
    if (left < 0) {
      return kind
    }
  }
  throw new RangeError('the weights do not add up')
}
