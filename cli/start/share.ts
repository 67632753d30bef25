import { readdir } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 500
/** Files that the source does not take within this time will not be taken: the run begins, and counts what comes. */
const LIMIT_MS = 60_000

/** Waits until what an earlier run left in the share has been taken, so that it is not counted as this one's. */
export async function sharesEmpty(share: string, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  const until = Date.now() + LIMIT_MS
  for (;;) {
    const entries = await readdir(share, { recursive: true, withFileTypes: true })
    // the source keeps what it is done with, and what it set aside, in folders that begin with a dot
    const waiting = entries.filter((entry) => entry.isFile() && !`${entry.parentPath.slice(share.length)}/${entry.name}`.includes('/.'))
    if (waiting.length === 0 || Date.now() > until) {
      return
    }
    say(`waiting for ${waiting.length} files of an earlier run in the share`)
    await pause(POLL_MS, undefined, { signal })
  }
}
