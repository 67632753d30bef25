/** The broker the benchmark runs on: the one it is told, else one of its own, from the stack's lock file, alone. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { clean, up } from '../../stack/index.ts'

/** Its own folder, so that the stack of the checkout and its data are left alone. */
const FOLDER = fileURLToPath(new URL('../../.millrace/benchmark', import.meta.url))

/**
 * Runs `body` with the address of the broker and a signal that is aborted by SIGINT and SIGTERM: whatever runs ends then,
 * and everything is tidied on the way out.
 */
export async function withBroker<T>(say: (line: string) => void, body: (bootstrapServers: string, signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => stop.abort(new Error(`stopped by ${signal}`))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  try {
    const given = process.env['MILLRACE_STACK']
    if (given !== undefined) {
      return await body(addressIn(given), stop.signal)
    }
    try {
      const { kafka } = await up({ folder: FOLDER, say, ports: 'any', only: ['kafka'], signal: stop.signal })
      return await body(kafka, stop.signal)
    } finally {
      await clean({ folder: FOLDER, say })
    }
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

function addressIn(file: string): string {
  const { kafka } = JSON.parse(readFileSync(file, 'utf8')) as { kafka?: unknown }
  if (typeof kafka !== 'string') {
    throw new Error(`${file}, named by MILLRACE_STACK, has no field kafka: it must be 'host:port'`)
  }
  return kafka
}
