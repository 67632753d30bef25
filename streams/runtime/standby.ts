/**
 * A copy of a task's state, fed from its changelogs beside processing: a standby, or a warm-up before a task moves. It is
 * the task's own database, so taking over means to stop feeding and to read the rest.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { CommittedOffset } from '../kafka/contract.ts'
import type { ActivationOptions } from './activation.ts'
import { applyChunk, committedOffset, restoreStores } from './activation.ts'
import type { StoreChangelog, TaskEntry } from './task-entry.ts'

export interface StandbyOptions {
  readonly activation: ActivationOptions
  /** Opens the entry's state, anew if a rebuild was interrupted. */
  open(entry: TaskEntry): Promise<void>
  /** The copy has come nearer to its changelogs. */
  onProgress(entry: TaskEntry): void
  onWarning(message: string): void
}

/** After a failure (a changelog that is not there yet, retention has overtaken the copy): prevents a busy loop. */
const RETRY_MS = 1_000
/** How often is asked how far a source topic that is read as a table was committed: the copy may not lead it (rule D5). */
const COMMITTED_MS = 1_000

/**
 * Feeds until `signal` aborts; rejects only then. Whatever goes wrong is tried again: a copy that cannot be fed fails
 * nobody, it only does not catch up. The task's own activation says what is wrong with its changelog.
 */
export async function feedStandby(entry: TaskEntry, options: StandbyOptions, signal: AbortSignal): Promise<void> {
  let warned = ''
  for (;;) {
    signal.throwIfAborted()
    try {
      await options.open(entry)
      await restoreStores(entry, await committedSources(entry, options), options.activation, signal)
      options.onProgress(entry)
      await follow(entry, options, signal)
    } catch (error) {
      signal.throwIfAborted()
      const { message } = error as Error
      if (message !== warned) {
        warned = message
        options.onWarning(`The copy of task ${entry.id} cannot be fed and is tried again: ${message}`)
      }
      if ((error as { code?: unknown }).code === 'STATE_WRITE_FAILED') {
        // A full disk: though there may be room again, an engine writes nothing behind what it could not write.
        const { state } = entry
        entry.state = undefined
        await state?.close()
      }
    }
    await delay(RETRY_MS, undefined, { signal })
  }
}

/** Until one of the changelogs fails, or `signal` aborts; the others are stopped then. */
async function follow(entry: TaskEntry, options: StandbyOptions, signal: AbortSignal): Promise<void> {
  const abort = new AbortController()
  const together = AbortSignal.any([signal, abort.signal])
  const follows = entry.changelogs.map((changelog) => (changelog.source === undefined ? followChangelog(entry, changelog, options, together) : followSource(entry, changelog, options, together)))
  try {
    await Promise.all(follows)
  } catch (error) {
    abort.abort(error)
    await Promise.allSettled(follows)
    throw error
  }
}

async function followChangelog(entry: TaskEntry, changelog: StoreChangelog, options: StandbyOptions, signal: AbortSignal): Promise<void> {
  const position = entry.state!.position(changelog.key)!
  await options.activation.restorer.read({
    topic: changelog.topic,
    partition: entry.partition,
    from: position.offset,
    to: Number.MAX_SAFE_INTEGER,
    follow: true,
    copy: true,
    signal,
    apply: async (records) => {
      await applyChunk(entry, changelog, records, Number.MAX_SAFE_INTEGER, position.topicId, options.activation)
      options.onProgress(entry)
    },
  })
}

/** A source topic in the role of the changelog has records that nobody has processed yet: only the committed ones count. */
async function followSource(entry: TaskEntry, changelog: StoreChangelog, options: StandbyOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    await delay(COMMITTED_MS, undefined, { signal })
    const to = committedOffset(changelog, entry, await committedSources(entry, options))
    const { offset, topicId } = entry.state!.position(changelog.key)!
    await options.activation.restorer.read({
      topic: changelog.topic,
      partition: entry.partition,
      from: offset,
      to,
      copy: true,
      signal,
      apply: async (records) => {
        await applyChunk(entry, changelog, records, to, topicId, options.activation)
      },
    })
    entry.highWatermarks.set(changelog.key, Math.max(to, offset))
    options.onProgress(entry)
  }
}

function committedSources(entry: TaskEntry, { activation }: StandbyOptions): Promise<readonly CommittedOffset[]> {
  const sources = entry.changelogs.filter((changelog) => changelog.source !== undefined)
  return sources.length === 0 ? Promise.resolve([]) : activation.offsets.committed(sources.map(({ topic }) => ({ topic, partition: entry.partition })))
}
