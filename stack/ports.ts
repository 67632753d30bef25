import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Whether a loopback port can be listened on now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Below the range that kernels hand out for outgoing connections, so that none of those takes the port before its server does. */
const LOWEST = 15_000
const HIGHEST = 32_000

/** A free loopback port, not one of `taken`. */
async function anyFree(taken: ReadonlySet<number>): Promise<number> {
  while (true) {
    const port = randomInt(LOWEST, HIGHEST)
    if (!taken.has(port) && (await isFree(port))) {
      return port
    }
  }
}

/**
 * Chooses a port for each name: the one it had last time if that is free, else the preferred one, else any free one.
 * Keeping a server's port lets clients that reconnect find it again after a restart.
 */
export async function choosePorts(
  preferred: Readonly<Record<string, number>>, last: Readonly<Record<string, number>> = {}
): Promise<Record<string, number>> {
  const chosen: Record<string, number> = {}
  const taken = new Set<number>()
  for (const name of Object.keys(preferred)) {
    let port: number | undefined
    for (const candidate of [last[name], preferred[name]]) {
      if (candidate && !taken.has(candidate) && (await isFree(candidate))) {
        port = candidate
        break
      }
    }
    port ??= await anyFree(taken)
    taken.add(port)
    chosen[name] = port
  }
  return chosen
}
