import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { FromProcess, ToProcess } from './messages.ts'

/**
 * A thread of its own ends the process when its parent is gone: the main thread may be lost in a parser's loop and would never
 * see the channel close.
 */
const watchdog = `
const parent = require('node:worker_threads').workerData
setInterval(() => {
  if (process.ppid !== parent) {
    process.kill(process.pid, 'SIGKILL')
  }
}, 500)
`

/**
 * The process side of a pool: takes one task at a time and answers it. Ends when the pool goes away.
 * @param handle must not keep anything of one task for the next; its signal is aborted in pools that stop their tasks (`stopsTasks`)
 */
export function serve(handle: (input: unknown, signal: AbortSignal) => Promise<unknown>, prepare: () => Promise<void> = async () => {}): void {
  const send = (message: FromProcess): void => {
    process.send?.(message)
  }
  process.on('disconnect', () => process.exit(0))
  let running: { readonly id: number; readonly stop: AbortController } | undefined
  process.on('message', (message: ToProcess) => {
    if (message.kind === 'abort') {
      if (running?.id === message.id) {
        running.stop.abort()
      }
      return
    }
    const stop = new AbortController()
    running = { id: message.id, stop }
    handle(message.input, stop.signal).then(
      (value) => send({ kind: 'result', id: message.id, value }),
      (error: unknown) => send({ kind: 'error', id: message.id, name: error instanceof Error ? error.name : 'Error' }),
    )
  })
  // The parent as it is now: by the time the thread runs, it may be gone.
  const guard = new Worker(watchdog, { eval: true, workerData: process.ppid })
  guard.unref()
  // Not ready before it is guarded: a loop in the first task would be for ever.
  Promise.all([once(guard, 'online'), prepare()]).then(() => send({ kind: 'ready' }), () => process.exit(70))
}
