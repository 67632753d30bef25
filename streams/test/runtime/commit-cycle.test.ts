import t from 'tap'
import { LatencyHistogram } from '../../metrics/latency-histogram.ts'
import { CommitCycle, type CommitCycleOptions } from '../../runtime/commit-cycle.ts'
import type { RuntimeConfig } from '../../runtime/config.ts'
import type { TaskCommit } from '../../runtime/contract.ts'
import type { TaskEntry } from '../../runtime/task-entry.ts'
import { newCounters } from '../../runtime/thread-counters.ts'

/** A task with something to commit in each of its next `generations`. */
class BusyTask {
  closed = 0
  readonly status: TaskEntry['status']
  readonly task = this
  readonly state = { applyFrozen: async (): Promise<void> => undefined }
  readonly changelogs = []
  readonly committed = new Map()
  readonly commitRequested = false
  readonly #name: string
  readonly #generations: number

  constructor(name: string, status: TaskEntry['status'], generations: number) {
    this.#name = name
    this.status = status
    this.#generations = generations
  }

  get commitNeeded(): boolean {
    return this.closed < this.#generations
  }

  closeGeneration(): TaskCommit {
    this.closed++
    return { task: this.#name, offsets: [{ topic: this.#name, partition: 0, offset: this.closed, metadata: '' }], emptyInFlight: [] }
  }

  generationCommitted(): void {}
}

function cycleOf(tasks: readonly BusyTask[], others: Partial<CommitCycleOptions> = {}): CommitCycle {
  const nothing = () => undefined
  const options = {
    tasks: {
      get all() {
        return tasks.values()
      },
    },
    collector: { close: () => ({ writers: () => [], resolve: async () => undefined, recycle: nothing }) },
    producer: { producer: { sendOffsets: async () => undefined, commit: async () => undefined } },
    membership: { identity: { groupId: 'g', memberId: 'm', generationId: 1 } },
    purger: { committed: nothing },
    config: { commitIntervalMs: 0, processingGuarantee: 'exactly_once_v2' } as RuntimeConfig,
    counters: newCounters(),
    commitLatency: new LatencyHistogram(),
    failpoint: nothing,
    full: () => false,
    wake: nothing,
    onCommitted: nothing,
    ...others,
  }
  return new CommitCycle(options as unknown as CommitCycleOptions)
}

t.test('what is handed over waits for its own generations only, not for a lull of the tasks that stay (C2)', async (t) => {
  const leaving = new BusyTask('leaving', 'suspended', 2)
  const staying = new BusyTask('staying', 'running', 50)
  await cycleOf([leaving, staying]).flush()
  t.equal(leaving.commitNeeded, false)
  t.equal(staying.closed, 2, 'it closes the same generations, and goes on')
})

t.test('nothing to hand over: nothing is waited for but the commit under way', async (t) => {
  const staying = new BusyTask('staying', 'running', 50)
  const cycle = cycleOf([staying])
  cycle.ifDue()
  await cycle.flush()
  t.equal(staying.closed, 1)
})

t.test('after a commit that is in the topics but not in the database there is none: its error is the thread\'s (C11)', async (t) => {
  const task = new BusyTask('full', 'running', 2)
  task.state.applyFrozen = () => Promise.reject(new Error('no room'))
  const failed = Promise.withResolvers<Error>()
  const cycle = cycleOf([task], { onFailed: failed.resolve, wake: () => cycle.ifDue() })
  cycle.ifDue()
  t.match(await failed.promise, { message: 'no room' })
  await cycle.idle()
  t.equal(task.closed, 1, 'a second generation would find the first one still frozen')
})
