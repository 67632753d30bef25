import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface OllamaCall {
  readonly path: string
  readonly body: { readonly [name: string]: unknown }
}

/** What a chat is answered with: text, pieces of a stream, a status, silence until the client goes, or half an answer. */
export type Reply = string | readonly string[] | { readonly status: number } | 'SILENCE' | 'BREAK'

/**
 * A server that speaks Ollama's protocol (docs/api.md of ollama: /api/chat, /api/embed) with answers of our choosing: a real model says what
 * it likes.
 */
export class ScriptedOllama {
  readonly calls: OllamaCall[] = []
  /** Given the call, says what the model says. */
  chat: (call: OllamaCall) => Reply = () => '{}'
  /** Called when a client goes before it has its answer. */
  onAbandoned: () => void = () => {}
  embedding: (text: string) => readonly unknown[] = (text) => [text.length, 1, 0]
  #server!: Server

  async start(): Promise<this> {
    this.#server = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => {
        text += chunk
      })
      request.on('end', () => this.#answer({ path: request.url!, body: JSON.parse(text) as OllamaCall['body'] }, response))
    })
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  #answer(call: OllamaCall, response: ServerResponse): void {
    this.calls.push(call)
    response.once('close', () => {
      if (!response.writableEnded) {
        this.onAbandoned()
      }
    })
    if (call.path === '/api/embed') {
      const { input, model } = call.body as { input: string[]; model: string }
      this.#json(response, 200, { model, embeddings: input.map((text) => this.embedding(text)) })
      return
    }
    const reply = this.chat(call)
    if (reply === 'SILENCE') {
      return
    }
    if (typeof reply === 'object' && 'status' in reply) {
      this.#json(response, reply.status, { error: 'scripted: the prompt was secret' })
      return
    }
    const { model, stream } = call.body
    const part = (content: string, done: boolean) => ({ model, created_at: '2026-11-21T00:00:00Z', message: { role: 'assistant', content }, done, ...(done ? { done_reason: 'stop' } : {}) })
    if (stream !== true) {
      this.#json(response, 200, part(typeof reply === 'string' ? reply : reply.join(''), true))
      return
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    const pieces = reply === 'BREAK' ? ['The beginning of'] : typeof reply === 'string' ? [reply] : reply
    for (const piece of pieces) {
      response.write(`${JSON.stringify(part(piece, false))}\n`)
    }
    if (reply === 'BREAK') {
      response.destroy()
    } else {
      response.end(`${JSON.stringify(part('', true))}\n`)
    }
  }

  #json(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
