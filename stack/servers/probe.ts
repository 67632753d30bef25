import { connect } from 'node:net'
import { loopback } from './contract.ts'

/** A server that accepts but does not answer is not ready; the next probe follows at once. */
const PROBE_TIMEOUT_MILLISECONDS = 2_000

/** Sends a request and hands over the first bytes of the answer; undefined if there is none in time. */
export function firstBytes(port: number, request: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: loopback })
    const finish = (answer?: Buffer): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(PROBE_TIMEOUT_MILLISECONDS, () => finish())
    socket.once('error', () => finish())
    socket.once('close', () => finish())
    socket.once('connect', () => socket.write(request))
    socket.once('data', finish)
  })
}

/** Whether a GET is answered with 200. */
export async function isOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MILLISECONDS) })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}
