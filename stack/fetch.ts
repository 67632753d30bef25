import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { StackError } from './errors.ts'
import type { Source } from './sources.ts'

export interface FetchOptions {
  /** Attempts after which a download is given up; each goes on where the last one broke off. */
  readonly attempts?: number
  /** First pause between attempts in milliseconds; it doubles each time. */
  readonly backoff?: number
  /** Milliseconds without a byte after which a connection counts as dead: a silent proxy must not hang the set-up. */
  readonly silence?: number
  readonly onBytes?: (count: number) => void
}

/** An answer that another attempt would not change. */
class Refused extends Error {}

/**
 * Downloads a file of known size and sha256 to `target`. Breaks in the middle are resumed (HTTP Range), passing faults
 * retried; the file appears under its name only when its hash is right.
 *
 * Throws StackError HASH_MISMATCH (nothing is kept) or DOWNLOAD_FAILED (the beginning is kept for the next run).
 */
export async function download(
  find: () => Promise<Source> | Source, expected: { readonly sha256: string; readonly size: number }, target: string, options: FetchOptions = {}
): Promise<void> {
  const { attempts = 5, backoff = 500 } = options
  const part = `${target}.part`
  await mkdir(dirname(target), { recursive: true })
  let last: unknown
  let url = ''
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (attempt > 0) {
      await pause(backoff * 2 ** (attempt - 1))
    }
    let resumed = false
    try {
      const source = await find()
      url = source.url
      resumed = await transfer(source, expected.size, part, options)
    } catch (error) {
      last = error
      if (error instanceof Refused || error instanceof StackError) {
        break
      }
      continue
    }
    const sha256 = await sha256Of(part)
    if (sha256 === expected.sha256) {
      await rename(part, target)
      return
    }
    await rm(part, { force: true })
    last = new StackError('HASH_MISMATCH', `${url} has sha256 ${sha256}, the lock says ${expected.sha256}: the file is not what was tested, nothing of it was kept`)
    if (!resumed) {
      throw last
    }
  }
  if (last instanceof StackError) {
    throw last
  }
  const reason = last instanceof Error ? `${last.message}${last.cause instanceof Error ? ` (${last.cause.message})` : ''}` : String(last)
  throw new StackError('DOWNLOAD_FAILED', `${url || 'a file'} could not be downloaded: ${reason}`, { cause: last })
}

/** One attempt. True if it went on from an earlier beginning. */
async function transfer(source: Source, size: number, part: string, options: FetchOptions): Promise<boolean> {
  const { silence = 60_000, onBytes } = options
  let start = await sizeOf(part)
  if (start === size) {
    return true
  }
  if (start > size) {
    start = 0
  }
  const abort = new AbortController()
  const watch = setTimeout(() => abort.abort(new Error(`no data for ${silence / 1000} s`)), silence)
  try {
    const headers: Record<string, string> = { ...source.headers, 'accept-encoding': 'identity' }
    if (start > 0) {
      headers['range'] = `bytes=${start}-`
    }
    const response = await fetch(source.url, { headers, signal: abort.signal })
    const resumed = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${start}-`) === true
    if (!response.ok || !response.body || (response.status === 206 && !resumed)) {
      await response.body?.cancel()
      if (response.status === 416 || response.status === 206) {
        await rm(part, { force: true })
      }
      const passing = response.status >= 500 || [206, 408, 416, 425, 429].includes(response.status)
      throw new (passing ? Error : Refused)(`the server answered ${response.status}`)
    }
    const file = await open(part, resumed ? 'a' : 'w')
    try {
      let total = resumed ? start : 0
      for await (const chunk of response.body) {
        watch.refresh()
        total += chunk.length
        if (total > size) {
          await file.truncate(0)
          throw new Refused(`the server sends more than the ${size} bytes that the lock says`)
        }
        await file.writeFile(chunk)
        onBytes?.(chunk.length)
      }
      if (total < size) {
        throw new Error(`the connection broke after ${total} of ${size} bytes`)
      }
    } finally {
      await file.close()
    }
    return resumed
  } finally {
    clearTimeout(watch)
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}

/** The sha256 of a file, in hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
