/**
 * The live page of an application: its topology with rate, lag, calls in flight, state and errors of every operator, and which
 * instance has which task. `GET /` the page, `/topology` its structure, `/status` what it shows now; the page asks once a second.
 */
import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Topology } from '../graph/topology.ts'
import { topologyToJSON } from '../graph/json.ts'
import { GuardedServer, type ListenOptions, namesLoopback } from '../http/guarded-server.ts'
import type { StreamsMetadata } from '../queries/group-metadata.ts'
import type { ThreadSnapshot } from '../runtime/thread-counters.ts'
import { type LiveStatus, liveStatus } from './live-status.ts'

export interface LivePageOptions extends ListenOptions {
  /** Whether somebody may look. False, or an error: 403. Names of topics, stores and operators are shown, never a record. */
  readonly authorize?: (request: { readonly headers: IncomingHttpHeaders; readonly remoteAddress: string | undefined }) => boolean | Promise<boolean>
}

/** The application, as `KafkaStreams` is one. */
export interface Shown {
  readonly state: string
  readonly topology: Topology | undefined
  metrics(): Promise<readonly ThreadSnapshot[]>
  metadataForAllStreamsClients(): Promise<readonly StreamsMetadata[]>
}

const ASSETS = new URL('./assets/', import.meta.url)
const FILES: { readonly [path: string]: readonly [file: string, type: string] } = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
}
/** Nothing but our own files, and nothing from anywhere else. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Content-Security-Policy': POLICY }
/** However many look, the threads are asked at most this often. */
const FRESH_MS = 500

/** Answers requests for the page of an application; to be mounted in a server that decides who may look. */
export function livePageHandler(app: Shown): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let sample: { readonly at: number; readonly status: Promise<LiveStatus> } | undefined
  const status = (topology: Topology): Promise<LiveStatus> => {
    const now = performance.now()
    if (sample === undefined || now - sample.at > FRESH_MS) {
      sample = { at: now, status: look(app, topology) }
    }
    return sample.status
  }
  return async (request, response) => {
    response.on('error', () => undefined)
    const path = new URL(request.url ?? '/', 'http://page').pathname
    const file = Object.hasOwn(FILES, path) ? FILES[path] : undefined
    if (request.method !== 'GET') {
      send(response, 405, 'application/json', error('METHOD_REFUSED', 'The page is read: use GET.'))
    } else if (file !== undefined) {
      send(response, 200, file[1], await readFile(new URL(file[0], ASSETS), 'utf8'))
    } else if (path !== '/topology' && path !== '/status') {
      send(response, 404, 'application/json', error('NOT_FOUND', 'There are /, /topology and /status.'))
    } else if (app.topology === undefined) {
      send(response, 503, 'application/json', error('NOT_RUNNING', 'The application has not been started.'))
    } else {
      send(response, 200, 'application/json', JSON.stringify(path === '/topology' ? topologyToJSON(app.topology) : await status(app.topology)))
    }
  }
}

async function look(app: Shown, topology: Topology): Promise<LiveStatus> {
  // Nobody can say who has what while the group rebalances or the coordinator does not answer; the rest is shown all the same.
  const [threads, instances] = await Promise.all([app.metrics(), app.metadataForAllStreamsClients().catch(() => undefined)])
  return liveStatus(Date.now(), app.state, topology, threads, instances)
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

function error(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } })
}

export class LivePage {
  readonly #server: GuardedServer

  /** Listens. `CONFIG_INVALID` when it may not, or cannot. */
  static async open(app: Shown, options: LivePageOptions = {}): Promise<LivePage> {
    const { authorize } = options
    const answer = livePageHandler(app)
    const admits = async ({ headers, socket }: IncomingMessage): Promise<boolean> => {
      try {
        return authorize === undefined ? namesLoopback(headers) : (await authorize({ headers, remoteAddress: socket.remoteAddress })) === true
      } catch {
        return false // What it says is not for strangers.
      }
    }
    const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      if (await admits(request)) {
        await answer(request, response)
      } else {
        send(response, 403, 'application/json', error('REFUSED', 'This is not for you to see.'))
      }
    }
    return new LivePage(await GuardedServer.open(options, { authorized: authorize !== undefined, authorizes: 'the page' }, (request, response) => {
      take(request, response).catch(() => response.destroy())
    }))
  }

  private constructor(server: GuardedServer) {
    this.#server = server
  }

  get port(): number {
    return this.#server.port
  }

  get url(): string {
    return this.#server.url
  }

  async close(): Promise<void> {
    await this.#server.close()
  }
}
