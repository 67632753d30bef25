import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RegistryCall {
  method: string
  path: string
}

/**
 * A schema registry's wire protocol in a process: ids in order, 404 for unknown ones. What the real one does with
 * compatibility is tested against the real one; here are the answers no real one gives on demand.
 */
export class ScriptedRegistry {
  readonly calls: RegistryCall[] = []
  readonly schemas = new Map<number, string>()
  readonly levels = new Map<string, string>()
  /** Answers to give before the usual ones, as HTTP status codes; not to questions about compatibility. */
  readonly next: number[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<ScriptedRegistry> {
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk
      })
      request.on('end', () => {
        registry.calls.push({ method: request.method!, path: request.url! })
        const { status, answer } = registry.#answer(request.method!, request.url!, body)
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(answer))
      })
    })
    const registry = new ScriptedRegistry(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return registry
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  #answer(method: string, path: string, body: string): { status: number; answer: unknown } {
    const scripted = path.startsWith('/config') ? undefined : this.next.shift()
    if (scripted !== undefined) {
      return { status: scripted, answer: { error_code: scripted * 100, message: 'scripted' } }
    }
    if (path.startsWith('/config')) {
      const subject = path.split('?')[0]!
      if (method === 'PUT') {
        this.levels.set(subject, (JSON.parse(body) as { compatibility: string }).compatibility)
      }
      return { status: 200, answer: { compatibilityLevel: this.levels.get(subject) ?? 'NONE' } }
    }
    if (method === 'POST') {
      const { schema } = JSON.parse(body) as { schema: string }
      const known = [...this.schemas].find(([, text]) => text === schema)?.[0]
      const id = known ?? this.schemas.size + 1
      this.schemas.set(id, schema)
      return { status: 200, answer: { id } }
    }
    const schema = this.schemas.get(Number(path.split('/').at(-1)))
    return schema === undefined ? { status: 404, answer: { error_code: 40403, message: 'Schema not found' } } : { status: 200, answer: { schema } }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
