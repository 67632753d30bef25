/** Processors of random cases. */
import { type Operator, type Processing, shapeOf, waits } from './case.ts'
import type { Choice } from './choices.ts'

export function processing({ value, add, mod, flag2, processing }: Choice): Processing {
  const { store, later, tell, children, clock, every, from, times } = processing
  return {
    value,
    ...(store ? { store: add } : {}),
    ...(mod > 1 ? { copies: { mod, later } } : {}),
    ...(tell === undefined ? {} : { tell }),
    ...(children.length === 0 ? {} : { children }),
    ...(clock === undefined ? {} : { punctuate: { clock, every, clear: flag2, ...(from === undefined ? {} : { from }), ...(times === undefined ? {} : { times }) } }),
  }
}

/**
 * Leaves out what nobody promises. The test driver of Kafka Streams has one task for a whole topology: its stream time is that of all
 * subtopologies, and punctuators of several fire in turns; which of two fires first that are due at the same time is an accident.
 * Joins in which records wait are made for records in order.
 */
export function withPromisedTimes(operators: readonly Operator[], isOneTask: boolean): Operator[] {
  const inOrder = operators.some(waits)
  // See `deliberate/`: where what was held back comes from.
  const heldBack = operators.some(({ op }) => op === 'tableSuppress' || op === 'windowSuppress')
  let punctuators = 0
  return operators.map((operator) => {
    if (operator.op !== 'process' && operator.op !== 'processValues') {
      return operator
    }
    const { punctuate, copies, tell, ...rest } = operator
    const fits = !inOrder && punctuators < (isOneTask ? 2 : 1)
    const odd = punctuate !== undefined && punctuators === 1 ? { from: (punctuate.from ?? 0) + 1 } : {}
    punctuators += punctuate === undefined ? 0 : 1
    return {
      ...rest,
      ...(copies === undefined ? {} : { copies: inOrder ? { ...copies, later: 0 } : copies }),
      ...(tell === undefined || (tell === 'stream-time' && !isOneTask) || (tell === 'metadata' && heldBack) ? {} : { tell }),
      ...(punctuate === undefined || !fits ? {} : { punctuate: { ...punctuate, ...odd, ...(isOneTask ? {} : { clock: 'wall-clock-time' as const }) } }),
    }
  })
}

/** Nothing of it goes through a repartition topic, and every part of it hangs together; global tables are in no task. */
export function isOneTask(operators: readonly Operator[], isRepartitioned: (position: number) => boolean): boolean {
  const part = operators.map((_, position) => position)
  const rootOf = (position: number): number => (part[position] === position ? position : rootOf(part[position]!))
  operators.forEach((operator, position) => {
    const sides = 'of' in operator ? [operator.of, ...('with' in operator && shapeOf(operators[operator.with]!) !== 'global' ? [operator.with] : [])] : []
    for (const side of sides) {
      part[rootOf(side)] = rootOf(position)
    }
  })
  const inTask = part.filter((_, position) => shapeOf(operators[position]!) !== 'global')
  return !operators.some((_, position) => isRepartitioned(position)) && new Set(inTask.map(rootOf)).size === 1
}
