import { readFile } from 'node:fs/promises'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { describeMermaid, livePageHandler, type Shown, topologyToJSON } from 'millrace'
import type { Registry } from 'prom-client'
import type { DocumentCounter } from './document-counter.ts'
import { requireOwnHost } from './own-host.ts'
import type { RefusedRuleSets } from './refused-rule-sets.ts'
import type { StatusSource } from './status.ts'

export interface OpsContext {
  readonly status: StatusSource
  readonly counter: Pick<DocumentCounter, 'changesAfter'>
  readonly refused: Pick<RefusedRuleSets, 'list'>
  readonly metrics: Registry
  readonly streams: Shown
  readonly host: string
}

const WEB = new URL('../web/', import.meta.url)
/** Nothing but our own files, and nothing from anywhere else. */
const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
} as const

const EVENT_PERIOD_MS = 1_000
/** A page that hangs in a tunnel must not fill memory with what it does not read. */
const MAXIMUM_UNREAD_BYTES = 1024 * 1024
/** A client that sends its headers a byte at a time would hold a connection for ever. */
const HEADERS_TIMEOUT_MS = 10_000

/** The operators' server with all its routes, not listening yet. It reads no bodies. */
export async function createOpsServer(context: OpsContext): Promise<FastifyInstance> {
  const { status, counter, refused, metrics } = context
  const app = Fastify({ logger: false, bodyLimit: 1_024, forceCloseConnections: true, http: { headersTimeout: HEADERS_TIMEOUT_MS } })
  app.removeAllContentTypeParsers()
  app.addHook('onRequest', requireOwnHost(context.host))
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  })
  app.setErrorHandler((error: { readonly statusCode?: number; readonly code?: string }, _request, reply) => {
    reply.code(error.statusCode ?? 500)
    return { error: { code: error.code ?? 'INTERNAL' } }
  })

  app.get('/health', async () => ({ status: 'alive' }))
  app.get('/ready', async (_request, reply) => {
    const readiness = status.readiness()
    reply.code(readiness.ready ? 200 : 503)
    return readiness
  })
  app.get('/metrics', async (_request, reply) => {
    const text = await metrics.metrics()
    reply.type(metrics.contentType)
    return text
  })
  app.get('/status', async () => await status.status())
  app.get('/tasks', async () => ({ tasks: (await status.status()).threads.flatMap(({ thread, tasks }) => tasks.map((task) => ({ thread, ...task }))) }))
  app.get('/topology', async (_request, reply) => {
    const { topology } = context.streams
    if (topology === undefined) {
      reply.code(503)
      return { error: { code: 'NOT_STARTED' } }
    }
    return { ...topologyToJSON(topology), mermaid: describeMermaid(topology) }
  })
  app.get<{ readonly Querystring: { readonly after?: string } }>('/changes', async ({ query }) => ({ changes: counter.changesAfter(Number(query.after ?? 0) || 0) }))
  app.get('/rules/refused', async () => ({ refused: refused.list() }))
  const engine = livePageHandler(context.streams)
  app.get<{ readonly Params: { readonly '*': string } }>('/engine/*', async ({ raw, params }, reply) => {
    reply.hijack()
    raw.url = `/${params['*']}`
    await engine(raw, reply.raw).catch(() => raw.destroy())
  })
  app.get('/events', (request, reply) => streamStatus(status, request, reply))
  for (const [path, [file, type]] of Object.entries(FILES)) {
    app.get(path, async (_request, reply) => {
      reply.type(type).header('content-security-policy', PAGE_POLICY)
      return await readFile(new URL(file, WEB), 'utf8')
    })
  }
  await app.ready()
  return app
}

/** Server-sent events: one status a second for as long as somebody reads. */
function streamStatus(status: StatusSource, request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  const send = (): void => {
    if (raw.writableLength < MAXIMUM_UNREAD_BYTES) {
      status.status().then((now) => raw.write(`data: ${JSON.stringify(now)}\n\n`), () => raw.end())
    }
  }
  send()
  const timer = setInterval(send, EVENT_PERIOD_MS)
  request.raw.on('close', () => clearInterval(timer))
  raw.on('error', () => clearInterval(timer))
}
