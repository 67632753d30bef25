/** The broker the benchmark runs on: the one it is told, else one of its own, from the stack's lock file, alone. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { clean, up } from '../../stack/index.ts'

/** Its own folder, so that the stack of the checkout and its data are left alone. */
const FOLDER = fileURLToPath(new URL('../../.millrace/benchmark', import.meta.url))

export async function withBroker<T>(say: (line: string) => void, body: (bootstrapServers: string) => Promise<T>): Promise<T> {
  const given = process.env['MILLRACE_STACK']
  if (given !== undefined) {
    const { kafka } = JSON.parse(readFileSync(given, 'utf8')) as { kafka?: unknown }
    if (typeof kafka !== 'string') {
      throw new Error(`${given}, named by MILLRACE_STACK, has no field kafka: it must be 'host:port'`)
    }
    return body(kafka)
  }
  const stop = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => stop.abort(new Error(`${signal}: stopped`))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  try {
    const { kafka } = await up({ folder: FOLDER, say, ports: 'any', only: ['kafka'], signal: stop.signal })
    const aborted = new Promise<never>((_resolve, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason)))
    return await Promise.race([body(kafka), aborted])
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    await clean({ folder: FOLDER, say })
  }
}
