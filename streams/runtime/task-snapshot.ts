import type { TaskEntry } from './task-entry.ts'
import type { TaskSnapshot } from './thread-counters.ts'

export function snapshotTask(entry: TaskEntry): TaskSnapshot {
  let lag = 0
  for (const [key, offset] of entry.committed) {
    lag += Math.max(0, (entry.highWatermarks.get(key) ?? offset) - offset)
  }
  const { task } = entry
  let inFlight = 0
  const operators = task?.inFlight() ?? []
  const open = entry.state !== undefined && entry.status !== 'closed' ? entry.state : undefined
  const behind = entry.status === 'restoring' && open !== undefined ? entry.changelogLag : Number.MAX_SAFE_INTEGER
  for (const { pending } of operators) {
    inFlight += pending
  }
  return {
    id: entry.id,
    status: entry.status,
    lag,
    restored: entry.restoredRecords,
    inFlight,
    operators,
    processed: task?.counters.processed ?? 0,
    skipped: task?.counters.skipped ?? 0,
    dropped: task?.counters.dropped ?? 0,
    deadLettered: task?.counters.deadLettered ?? 0,
    ...(behind === Number.MAX_SAFE_INTEGER ? {} : { remaining: behind }),
    ...(open === undefined ? {} : { stateBytes: open.approximateBytes(), stateMemoryBytes: open.memoryBytes(), uncommittedBytes: open.uncommittedBytes }),
    ...(task === undefined ? {} : { measured: task.measure() }),
    ...(entry.status === 'standby' ? { copy: { lag: entry.changelogLag === Number.MAX_SAFE_INTEGER ? undefined : entry.changelogLag } } : {}),
  }
}
