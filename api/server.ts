import multipart from '@fastify/multipart'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { isUnavailable } from '../connectors/index.ts'
import { mayDo, type Role } from './authenticator.ts'
import type { ApiContext } from './context.ts'
import { ApiError, type ApiErrorCode, errorBody } from './errors.ts'
import * as limits from './limits.ts'
import { askRoute } from './routes/ask.ts'
import { contentRoute } from './routes/content.ts'
import { correctionRoute } from './routes/corrections.ts'
import { documentRoutes } from './routes/documents.ts'
import { pageRoute } from './routes/pages.ts'
import { reviewPage, reviewRoutes } from './routes/review.ts'
import { searchRoute } from './routes/search.ts'
import { uploadRoute } from './routes/upload.ts'
import { vendorMemoryRoutes } from './routes/vendor-memory.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route of tenants says who may use it. */
    role?: Role
  }
  interface FastifyRequest {
    /** Of the token; set before any route under /v1/documents runs. */
    tenantId: string
    /** Of the token. */
    user: string
  }
}

/** The HTTP server with all its routes, not listening yet. */
export async function createServer(context: ApiContext): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: limits.MULTIPART_OVERHEAD,
    connectionTimeout: limits.SOCKET_IDLE_MS,
    requestTimeout: limits.REQUEST_TIMEOUT_MS,
    keepAliveTimeout: limits.KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    // a number, so that nobody chooses what stands in our logs
    requestIdHeader: false,
    genReqId: () => crypto.randomUUID(),
    http: { headersTimeout: limits.HEADERS_TIMEOUT_MS, maxHeaderSize: limits.MAXIMUM_HEADER_BYTES },
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, request, reply) => sendError(context, error, request, reply),
    clientErrorHandler: (error, socket) => {
      if (socket.writable) {
        socket.end(rawAnswer(error.code))
      }
    },
  })
  app.server.maxConnections = limits.MAXIMUM_CONNECTIONS
  // only multipart bodies are read
  app.removeAllContentTypeParsers()
  // schemas describe; the routes check themselves, with answers that name field, limit and fix
  app.setValidatorCompiler(() => () => true)
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(context, error, request, reply))
  app.setNotFoundHandler((request, reply) => sendError(context, new ApiError('NOT_FOUND'), request, reply))

  await app.register(multipart, { limits: { fileSize: Number.POSITIVE_INFINITY } })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Millrace documents', version: '1', description: 'Documents in, validated records out.' },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
  })

  app.decorateRequest('tenantId', '')
  app.decorateRequest('user', '')
  app.addHook('onResponse', async (request, reply) => {
    context.observer?.requestEnded({
      route: request.routeOptions.url ?? 'none', method: request.method, status: reply.statusCode, seconds: reply.elapsedTime / 1_000,
    })
  })
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) {
      reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    }
  })

  await app.register(async (scope) => {
    scope.addHook('onRoute', ({ config, method, url }) => {
      if (config?.role === undefined) {
        throw new Error(`The route ${String(method)} ${url} does not say which role may use it.`)
      }
    })
    // before the body is touched: nobody we do not know makes us read one
    scope.addHook('onRequest', async (request) => {
      const identity = await context.authenticator.authenticate(request.headers.authorization)
      if (identity === undefined) {
        throw new ApiError('UNAUTHENTICATED', { field: 'Authorization' })
      }
      request.tenantId = identity.tenantId
      request.user = identity.user
      const role = request.routeOptions.config.role
      if (role === undefined || !mayDo(identity.roles, role)) {
        throw new ApiError('ROLE_MISSING', { field: 'Authorization', ...(role === undefined ? {} : { limit: role }) })
      }
    })
    uploadRoute(scope, context)
    documentRoutes(scope, context)
    contentRoute(scope, context)
    searchRoute(scope, context)
    await scope.register(async (bodies) => askRoute(bodies, context))
    reviewRoutes(scope, context)
    pageRoute(scope, context)
    vendorMemoryRoutes(scope, context)
    await scope.register(async (bodies) => correctionRoute(bodies, context))
  })
  reviewPage(app)
  app.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  await app.ready()
  return app
}

function sendError(context: ApiContext, error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = asApiError(error)
  if (known.status >= 500) {
    context.onError(`request ${request.id} of ${request.tenantId || 'nobody'}: ${known.code}${causeOf(known)}`)
  }
  if (known.detail.retryAfterSeconds !== undefined) {
    reply.header('retry-after', known.detail.retryAfterSeconds)
  }
  if (known.code === 'UNAUTHENTICATED') {
    reply.header('www-authenticate', 'Bearer')
  }
  // headers of the content that is not sent now
  for (const name of ['content-disposition', 'content-length', 'etag', 'accept-ranges']) {
    reply.removeHeader(name)
  }
  return reply
    .code(known.status)
    .type('application/json; charset=utf-8')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(errorBody(known.code, String(request.id), known.detail))
}

function asApiError(error: Error): ApiError {
  if (error instanceof ApiError) {
    return error
  }
  if (isUnavailable(error)) {
    return new ApiError('DATABASE_UNAVAILABLE', { retryAfterSeconds: limits.RETRY_AFTER_SECONDS, cause: error })
  }
  const { code = '', statusCode } = error as Partial<FastifyError>
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiError('MEDIA_TYPE_UNSUPPORTED', { field: 'Content-Type', limit: 'multipart/form-data' })
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiError('BODY_TOO_LARGE', { field: 'Content-Length' })
    case 'FST_ERR_REOPENED_CLOSE_SERVER':
      return new ApiError('STOPPING', { retryAfterSeconds: limits.RETRY_AFTER_SECONDS })
    default:
      return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? new ApiError('REQUEST_INVALID', { cause: error }) : new ApiError('INTERNAL', { cause: error })
  }
}

/** Codes and class names; messages of others may quote what came in. */
function causeOf({ detail: { cause } }: ApiError): string {
  const names: string[] = []
  for (let at = cause; at instanceof Error && names.length < 4; at = at.cause) {
    names.push('code' in at && at.code !== undefined ? `${at.name} ${String(at.code)}` : at.name)
  }
  return names.length === 0 ? '' : ` (${names.join(', ')})`
}

/** For what is not even HTTP: there is no request and no reply. */
function rawAnswer(code: string | undefined): string {
  const answers: { readonly [code: string]: readonly [ApiErrorCode, string] | undefined } = {
    ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', '408 Request Timeout'],
    HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', '431 Request Header Fields Too Large'],
  }
  const [error, status] = answers[code ?? ''] ?? (['REQUEST_INVALID', '400 Bad Request'] as const)
  const detail = error === 'HEADERS_TOO_LARGE' ? { limit: limits.MAXIMUM_HEADER_BYTES } : {}
  const body = JSON.stringify(errorBody(error, crypto.randomUUID(), detail))
  return `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}
