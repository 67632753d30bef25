import t from 'tap'
import { TaskTimes } from '../../runtime/task-times.ts'

const NOW = Date.UTC(2026, 10, 21)

/** A task with so many times, each as far as a clock of today; behind calls, also of how far they held it. */
function timesOf(count: number, behindCalls: boolean): TaskTimes {
  const times = new TaskTimes('0_3', () => undefined)
  const held = Array.from({ length: count }, (_, n) => times.time(`windows-${n}`, behindCalls ? [{ lowestPending: () => NOW - 1 }] : []))
  for (const [n, time] of held.entries()) {
    time.advance(NOW + n)
  }
  t.ok(held.every(({ time }, n) => time === (behindCalls ? NOW - 1 : NOW + n)))
  return times
}

t.test('as many times fit an offset as the message of a task with more says', async (t) => {
  for (const [fit, behindCalls] of [[140, false], [70, true]] as const) {
    const restored = new TaskTimes('0_3', () => undefined)
    restored.restore(timesOf(fit, behindCalls).encode()!)
    t.equal(restored.time(`windows-${fit - 1}`, []).time, NOW + fit - 1)
    const numbers = (fit + 10) * (behindCalls ? 2 : 1)
    t.throws(() => timesOf(fit + 10, behindCalls).encode(), {
      code: 'TOPOLOGY_INVALID',
      message: `Task 0_3 keeps ${numbers} numbers in the metadata of its offsets, ${numbers * 18 - 1} characters where 2600 fit: those of about 140 windowed operators and stores, `
        + 'or of 70 behind asynchronous calls, which take two each. Put a repartition() between them.',
    })
  }
})
