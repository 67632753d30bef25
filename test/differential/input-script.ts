/** The input of a random case. */
import { type Advance, type Input, type Operator, waits } from './case.ts'
import type { Line } from './choices.ts'
import { topicsOf } from './known.ts'

/** Longer than any window and grace. */
const LONG_AFTER = 1_000

export function script(operators: readonly Operator[], lines: readonly Line[], late: boolean): (Input | Advance)[] {
  const topics = operators.flatMap(topicsOf)
  // See `deliberate/`: what headers a record without partner has, and a result of windows, and when the former is given out if others are late.
  const haveToWait = operators.some(waits)
  const inOrder = haveToWait && !late
  const noHeaders = haveToWait || operators.some((operator) => 'windows' in operator && (operator.windows.kind !== 'time' || ('onClose' in operator && operator.onClose)))
  // See `deliberate/`: a deletion at the time of what it deletes.
  const isVersioned = operators.some((operator) => 'history' in operator)
  const times = new Set<number>()
  const onWallClock = operators.some((operator) => 'punctuate' in operator && operator.punctuate?.clock === 'wall-clock-time')
  let now = 0
  const inputs = lines.flatMap(({ topic, key, value, step, wait, headers }): (Input | Advance)[] => {
    now += inOrder ? Math.abs(step) : Math.max(0, step)
    let timestamp = inOrder ? now : Math.max(0, now + Math.min(0, step))
    while (isVersioned && times.has(timestamp)) {
      timestamp++
    }
    times.add(timestamp)
    const input = { topic: topics[topic % topics.length]!, key, value, timestamp, headers: noHeaders ? [] : headers }
    return onWallClock && wait > 0 ? [{ advance: wait }, input] : [input]
  })
  // The last records of all: everything before them has waited long enough.
  const last = haveToWait ? topics.map((topic): Input => ({ topic, key: 'a', value: 'x', timestamp: now + LONG_AFTER, headers: [] })) : []
  return [...inputs, ...last]
}
