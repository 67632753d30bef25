import { Worker } from 'node:worker_threads'
import type { FromProcess, ToProcess } from './messages.ts'

/**
 * A thread of its own ends the process when its parent is gone: the main thread may be lost in a parser's loop and would never
 * see the channel close.
 */
const watchdog = `
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) {
    process.kill(process.pid, 'SIGKILL')
  }
}, 500)
`

/**
 * The process side of a pool: takes one task at a time and answers it. Ends when the pool goes away.
 * @param handle must not keep anything of one task for the next
 */
export function serve(handle: (input: unknown) => Promise<unknown>, prepare: () => Promise<void> = async () => {}): void {
  const send = (message: FromProcess): void => {
    process.send?.(message)
  }
  process.on('disconnect', () => process.exit(0))
  process.on('message', (message: ToProcess) => {
    handle(message.input).then(
      (value) => send({ kind: 'result', id: message.id, value }),
      (error: unknown) => send({ kind: 'error', id: message.id, name: error instanceof Error ? error.name : 'Error' }),
    )
  })
  const guard = new Worker(watchdog, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } })
  guard.unref()
  prepare().then(() => send({ kind: 'ready' }), () => process.exit(70))
}
