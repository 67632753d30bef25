import { mock } from 'node:test'
import t from 'tap'
import { Progress } from '../../runtime/progress.ts'
import type { StreamThreads } from '../../runtime/stream-threads.ts'
import type { Suspect } from '../../runtime/suspects.ts'
import { ThreadWatch } from '../../runtime/thread-watch.ts'

t.before(() => mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_000 }))
t.teardown(() => mock.timers.reset())

/** A thread that sits in one record for so long, twice, and comes back; what its supervisor knows then. */
function twice(heldMs: number): readonly Suspect[] {
  const progress = new Progress()
  const threads = { hosts: [{ thread: 0, progress }], tell: () => undefined } as unknown as StreamThreads
  const watch = new ThreadWatch({ threads, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500, topology: () => undefined, warn: () => undefined })
  watch.start()
  mock.timers.tick(130)
  for (let run = 0; run < 2; run++) {
    progress.enter('0_1', Date.now())
    progress.turn('lines', 1, 42)
    progress.operator = 3
    mock.timers.tick(heldMs)
    progress.leave()
    mock.timers.tick(700)
  }
  watch.stop()
  return watch.suspects
}

t.test('whoever may have been evicted while it sat in a record is noted, though nobody looked after the session had ended (C10)', async (t) => {
  const suspect = { topic: 'lines', partition: 1, offset: 42, operator: 3 }
  t.same(twice(4_000), [])
  // The broker counts from the last heartbeat, which may be an interval old when the record begins.
  t.same(twice(5_600), [suspect])
  t.same(twice(6_300), [suspect])
  t.same(twice(20_000), [suspect])
})
