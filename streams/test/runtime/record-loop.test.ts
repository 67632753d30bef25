/** Turns of a stream thread over its tasks. */
import t from 'tap'
import { newCounters } from '../../runtime/thread-counters.ts'
import { RecordLoop, type RecordLoopOptions } from '../../runtime/record-loop.ts'

t.test('a task that fills every turn leaves the others their own', async (t) => {
  const served: string[] = []
  const enough = Promise.withResolvers<void>()
  const entry = (id: string) => ({
    id, status: 'running', paused: new Set(), state: { uncommittedBytes: 0 },
    task: {
      // Longer than a turn may take, and never done.
      process: () => {
        for (const end = performance.now() + 11; performance.now() < end;) {}
        if (served.push(id) === 9) {
          enough.resolve()
        }
        return 256
      },
      punctuate: () => false,
    },
  })
  const running = ['first', 'second', 'third'].map(entry)
  const loop = new RecordLoop({
    tasks: { running, all: running }, collector: { bytes: 0 }, uncommittedMaxBytes: 1, counters: newCounters(), progress: undefined,
    commitIfDue: () => undefined, onFailed: enough.reject,
  } as unknown as RecordLoopOptions)
  loop.wake()
  await enough.promise
  loop.stop()
  t.same(served, ['first', 'second', 'third', 'first', 'second', 'third', 'first', 'second', 'third'])
})
