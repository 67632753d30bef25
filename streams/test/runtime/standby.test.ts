import { StateStoreError } from 'millrace-state-stores'
import t from 'tap'
import type { ActivationOptions } from '../../runtime/activation.ts'
import { feedStandby } from '../../runtime/standby.ts'
import type { TaskEntry } from '../../runtime/task-entry.ts'

/** A task whose state cannot be opened until the test lets it. */
function setup(open: (entry: TaskEntry) => Promise<void>) {
  const warnings: string[] = []
  const abort = new AbortController()
  const entry = { id: 's_0', changelogs: [], partition: 0, highWatermarks: new Map() } as unknown as TaskEntry
  const progress = Promise.withResolvers<void>()
  const feeding = feedStandby(
    entry,
    { activation: {} as ActivationOptions, open, onProgress: () => progress.resolve(), onWarning: (warning) => warnings.push(warning) },
    abort.signal,
  )
  return { warnings, abort, feeding, progress: progress.promise }
}

t.test('a copy that cannot be fed fails nobody: it says so once and tries again, over a database that was opened anew', async (t) => {
  const opened: { closed: boolean }[] = []
  const { warnings, abort, feeding, progress } = setup(async (entry) => {
    if (entry.state === undefined) {
      const state = { closed: false, close: async () => void (state.closed = true) }
      opened.push(state)
      entry.state = state as unknown as TaskEntry['state']
    }
    if (opened.length < 2) {
      throw new StateStoreError('STATE_WRITE_FAILED', 'the disk is full')
    }
  })
  await progress
  t.same(opened.map(({ closed }) => closed), [true, false])
  t.match(warnings, [/copy of task s_0 cannot be fed.*the disk is full/])
  t.equal(warnings.length, 1)
  abort.abort(new Error('promoted'))
  await t.rejects(feeding, 'it ends only when it is told to')
})

t.test('told to stop while it waits to try again, it stops at once', async (t) => {
  // A busy machine may stand still once.
  let soonest = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 5 && soonest >= 500; attempt++) {
    const tried = Promise.withResolvers<void>()
    const { abort, feeding } = setup(async () => {
      tried.resolve()
      throw new Error('no')
    })
    await tried.promise
    const started = performance.now()
    abort.abort(new Error('taken away'))
    await t.rejects(feeding)
    soonest = Math.min(soonest, performance.now() - started)
  }
  t.ok(soonest < 500, `${Math.round(soonest)} ms`)
})
