/**
 * Parked keys of one instance over HTTP (rule C7): `GET /parked` lists them, `POST /parked/{task}/{operator}/{id}/release` has
 * one called again, `DELETE /parked/{task}/{operator}/{id}?what=head|key` drops its failed record, or all of its records.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { ParkedEntry, ParkedId } from '../runtime/parked-keys.ts'
import { GuardedServer, type ListenOptions, namesLoopback } from './guarded-server.ts'

/** What `authorize` decides about. An id is a serialized key: whoever may list sees it. */
export type ParkedAccess = (
  | { readonly action: 'list' }
  | ({ readonly action: 'release' } & ParkedId)
  | ({ readonly action: 'drop'; readonly what: 'head' | 'key' } & ParkedId)
) & { readonly headers: IncomingHttpHeaders; readonly remoteAddress: string | undefined }

export interface ParkedServerOptions extends ListenOptions {
  /** Whether somebody may do this. False, or an error: 403. */
  readonly authorize?: (access: ParkedAccess) => boolean | Promise<boolean>
}

/** The application, as `KafkaStreams` is one. */
export interface Parking {
  parkedKeys(): Promise<readonly ParkedEntry[]>
  releaseParked(key: ParkedId): Promise<boolean>
  dropParked(key: ParkedId, what: 'head' | 'key'): Promise<number>
}

type Wish = { readonly action: 'list' } | ({ readonly action: 'release' } & ParkedId) | ({ readonly action: 'drop'; readonly what: 'head' | 'key' } & ParkedId)

const HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }

export class ParkedServer {
  readonly #server: GuardedServer

  /** Listens. `CONFIG_INVALID` when it may not, or cannot. */
  static async open(app: Parking, options: ParkedServerOptions = {}): Promise<ParkedServer> {
    const guard = { authorized: options.authorize !== undefined, authorizes: 'and change parked keys' }
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      response.on('error', () => undefined)
      answer(app, options.authorize, request, response).catch(() => send(response, 500, failure('PARKED_FAILED', 'The request failed.')))
    }
    return new ParkedServer(await GuardedServer.open(options, guard, take))
  }

  private constructor(server: GuardedServer) {
    this.#server = server
  }

  get url(): string {
    return this.#server.url
  }

  async close(): Promise<void> {
    await this.#server.close()
  }
}

async function answer(app: Parking, authorize: ParkedServerOptions['authorize'], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const wish = wishOf(request.method ?? '', request.url ?? '')
  if (!(await admits(authorize, wish, request))) {
    send(response, 403, failure('PARKED_REFUSED', 'This is not for you to do.'))
  } else if (wish === undefined) {
    send(response, 404, failure('PARKED_UNKNOWN', 'There are GET /parked, POST /parked/{task}/{operator}/{id}/release and DELETE /parked/{task}/{operator}/{id}?what=head|key.'))
  } else if (wish.action === 'list') {
    send(response, 200, { keys: await app.parkedKeys() })
  } else {
    const count = wish.action === 'release' ? Number(await app.releaseParked(wish)) : await app.dropParked(wish, wish.what)
    send(response, count > 0 ? 200 : 404, count > 0 ? { [wish.action === 'release' ? 'released' : 'dropped']: count } : failure('PARKED_UNKNOWN', 'No such key is parked on this instance.'))
  }
}

/** A request that asks for nothing there is gets to know so only if it may ask at all. */
async function admits(authorize: ParkedServerOptions['authorize'], wish: Wish | undefined, { headers, socket }: IncomingMessage): Promise<boolean> {
  if (authorize === undefined) {
    // A page of the web sends its origin with whatever changes something.
    return namesLoopback(headers) && headers.origin === undefined
  }
  try {
    return (await authorize({ ...(wish ?? { action: 'list' }), headers, remoteAddress: socket.remoteAddress })) === true
  } catch {
    return false // What it says is not for strangers.
  }
}

function wishOf(method: string, target: string): Wish | undefined {
  const [path = '', search = ''] = target.split('?', 2)
  const [, root, ...names] = path.split('/').map(decoded)
  const [taskId, operator, id, verb, ...more] = names
  if (root !== 'parked' || names.includes(undefined) || more.length > 0) {
    return undefined
  }
  if (names.length === 0) {
    return method === 'GET' ? { action: 'list' } : undefined
  }
  if (taskId === undefined || operator === undefined || id === undefined) {
    return undefined
  }
  if (method === 'POST' && verb === 'release') {
    return { action: 'release', taskId, operator, id }
  }
  const what = new URLSearchParams(search).get('what') ?? 'head'
  return method === 'DELETE' && verb === undefined && (what === 'head' || what === 'key') ? { action: 'drop', what, taskId, operator, id } : undefined
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

function failure(code: string, message: string): unknown {
  return { error: { code, message } }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const json = JSON.stringify(body)
  response.writeHead(status, { ...HEADERS, 'Content-Length': Buffer.byteLength(json) })
  response.end(json)
}
