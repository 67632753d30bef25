import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** The name in a Host header without its port. */
const nameOf = (header: string): string => header.replace(/:\d+$/, '').replace(/^\[|\]$/g, '').toLowerCase()

/**
 * On loopback the listener answers loopback names only. A web page elsewhere can point a name of its own at 127.0.0.1 (DNS
 * rebinding) and would read our answers as its own; the Host header gives it away.
 */
export function requireOwnHost(listening: string): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const guarded = isLoopback(nameOf(listening))
  return async (request, reply) => {
    if (guarded && !isLoopback(nameOf(request.headers.host ?? ''))) {
      await reply.code(421).send({ error: { code: 'HOST_UNKNOWN' } })
    }
  }
}
