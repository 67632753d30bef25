import { requireFunction } from '../graph/topology-builder.ts'
import { OldValues } from './change.ts'
import { KTable, keptIn } from './k-table.ts'
import { type JoinKeeps, joinedView, type TableJoiner, tableJoinHalf, tableJoinMerge } from './operators/table-table-join.ts'
import type { TableOperatorOptions } from './options.ts'
import { requireSameGraph } from './stream-state.ts'

export type TableJoinOperation = 'join' | 'leftJoin' | 'outerJoin'

const KEEPS: { readonly [O in TableJoinOperation]: JoinKeeps } = {
  join: { left: false, right: false },
  leftJoin: { left: true, right: false },
  outerJoin: { left: true, right: true },
}

/**
 * Joins two tables by their common key: each half looks a change up in the other table, the merge behind them is the
 * result. It keeps nothing of its own unless it is given a store; whoever reads it then joins the two tables' rows.
 */
export function joinTables<K, VL, VR, VO>(
  operation: TableJoinOperation,
  left: KTable<K, VL>,
  right: KTable<K, VR>,
  joiner: TableJoiner<K, VL, VR, VO>,
  options: TableOperatorOptions<K, VO> = {}
): KTable<K, VO> {
  requireFunction(joiner, `The joiner of ${operation} behind '${left.state.path}'`)
  requireSameGraph(left.state, right.state, operation)
  const { graph } = left.state
  const keeps = KEEPS[operation]
  const key = options.store?.key ?? left.state.key ?? right.state.key
  const kept = keptIn(left.state, operation, key, options.value, options)
  const store = kept?.store
  // A join in which rows can be without a partner must know whether there was a row, to be silent when there was none.
  if (keeps.left) {
    left.oldValues.enable()
  }
  if (keeps.right) {
    right.oldValues.enable()
  }
  const oldValues = new OldValues(left.oldValues, right.oldValues)
  const sources = new Set([...left.state.sources, ...right.state.sources])
  graph.topology.copartition(sources)
  // A window has its final result when both tables have told theirs.
  const graces = [left, right].flatMap(({ state: { windowGraceMs } }) => (windowGraceMs === undefined ? [] : [windowGraceMs]))
  const windowGraceMs = graces.length === 0 ? undefined : Math.max(...graces)
  const name = options.name ?? store
  const { onError } = options
  const fromLeft = graph.process(
    [left.state],
    `${operation}-this`,
    (node) => tableJoinHalf<K, VL, VR, VO>(node, { other: right.view, joiner, keepsOwn: keeps.left, keepsOther: keeps.right }, oldValues),
    { name: name === undefined ? undefined : `${name}-join-this`, onError, stores: right.view.stores }
  )
  const fromRight = graph.process(
    [right.state],
    `${operation}-other`,
    (node) =>
      tableJoinHalf<K, VR, VL, VO>(
        node,
        { other: left.view, joiner: (r, l, k) => joiner(l, r, k), keepsOwn: keeps.right, keepsOther: keeps.left },
        oldValues
      ),
    { name: name === undefined ? undefined : `${name}-join-other`, onError, stores: left.view.stores }
  )
  const state = graph.process(
    [{ ...left.state, node: fromLeft.node }, fromRight],
    operation,
    () => tableJoinMerge<K, VO>(store),
    { name, onError, stores: store === undefined ? [] : [store] },
    { key, value: options.value, sources, windowGraceMs }
  )
  const view = kept === undefined ? joinedView(left.view, right.view, joiner, keeps) : kept.view
  return new KTable<K, VO>(state, view, oldValues, store)
}
