import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ConnectorsConfig, ConnectorSettings } from '../../connectors/index.ts'

export const config: ConnectorsConfig = {
  connect: { url: 'http://127.0.0.1:1' },
  registry: { url: 'http://127.0.0.1:8080/apis/ccompat/v7' },
  topics: {
    raw: 'documents.raw',
    archive: 'documents.archive',
    chunks: 'documents.chunks',
    lifecycle: 'documents.lifecycle',
    postgresqlDeadLetters: 'postgresql.dead-letter',
    cassandraDeadLetters: 'cassandra.dead-letter'
  },
  postgresql: { host: 'pg.example', port: 5432, database: 'app' },
  cassandra: { contactPoints: ['c1:9042', 'c2:9042'], datacenter: 'dc1', keyspace: 'archive' },
  secretsFolder: '/run/secrets/millrace',
  share: { root: '/srv/share', schema: { id: 7, text: '{"type":"record"}' } }
}

interface Call {
  method: string
  path: string
  body?: unknown
}

/** Connect's REST interface with answers of our choosing: a rebalance or a failed task cannot be ordered from a real worker. */
export class ScriptedConnect {
  readonly calls: Call[] = []
  readonly connectors = new Map<string, ConnectorSettings>()
  /** Statuses to answer before anything else, per method and path prefix. */
  readonly interruptions: { method: string; status: number; times: number }[] = []
  plugins = ['io.debezium.connector.jdbc.JdbcSinkConnector', 'io.millrace.connect.cassandra.CassandraSinkConnector', 'io.millrace.connect.files.FileSourceConnector']
  taskState = 'RUNNING'
  trace: string | undefined
  #server!: Server

  async start(): Promise<this> {
    this.#server = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => {
        text += chunk
      })
      request.on('end', () => {
        const call = { method: request.method!, path: request.url!, ...(text === '' ? {} : { body: JSON.parse(text) as unknown }) }
        this.calls.push(call)
        const { status, answer } = this.#answer(call)
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(answer === undefined ? '' : JSON.stringify(answer))
      })
    })
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  #answer({ method, path, body }: Call): { status: number; answer?: unknown } {
    const interruption = this.interruptions.find((one) => one.method === method && one.times-- > 0)
    if (interruption !== undefined) {
      return { status: interruption.status, answer: { message: 'scripted' } }
    }
    if (path === '/connector-plugins') {
      return { status: 200, answer: this.plugins.map((plugin) => ({ class: plugin, type: 'sink', version: '1' })) }
    }
    if (path === '/connectors') {
      return { status: 200, answer: [...this.connectors.keys()] }
    }
    const [, name, action] = /^\/connectors\/([^/?]+)(?:\/([a-z]+))?/.exec(path) ?? []
    const settings = this.connectors.get(name ?? '')
    if (method === 'PUT' && action === 'config') {
      this.connectors.set(name!, { ...(body as ConnectorSettings), name: name! })
      return { status: settings === undefined ? 201 : 200, answer: {} }
    }
    if (settings === undefined) {
      return { status: 404, answer: { message: 'Connector not found' } }
    }
    if (method === 'DELETE') {
      this.connectors.delete(name!)
      return { status: 204 }
    }
    if (action === 'status') {
      const task = { id: 0, state: this.taskState, worker_id: 'w', ...(this.trace === undefined ? {} : { trace: this.trace }) }
      return { status: 200, answer: { name, type: 'sink', connector: { state: 'RUNNING', worker_id: 'w' }, tasks: [task] } }
    }
    return { status: 200, answer: settings }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
