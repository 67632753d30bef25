import { type Fetch, Ollama } from 'ollama'
import type { LanguageModel, ModelCallOptions, ModelRequest } from '../processors/model/index.ts'
import type { Embedder } from '../processors/search/index.ts'
import { ModelError } from './errors.ts'
import { unitLength } from './unit-length.ts'

export interface OllamaOptions {
  /** For example `http://127.0.0.1:11434`. */
  readonly url: string
  readonly model: string
  /** A server that loads a model or hangs must not hold whoever asks: a request's time, of a stream the time to its end. */
  readonly timeoutMs: number
}

/** Tokens a prompt and its answer may take together; a longer prompt would silently lose its beginning. */
const CONTEXT_TOKENS = 8_192
/** What a model may make of a request's randomness: none, so that the same question gets the same answer. */
const STEADY = { temperature: 0, seed: 1, num_ctx: CONTEXT_TOKENS }

/** A model on a server that speaks Ollama's protocol. */
export function ollamaModel(options: OllamaOptions): LanguageModel {
  const name = `ollama/${options.model}`
  return {
    name,
    async answer({ instructions, prompt, schema, maximumTokens }, { signal } = {}) {
      return await guarded(options, signal, async (client) => {
        const { message } = await client.chat({
          model: options.model, messages: messages(instructions, prompt), format: schema, stream: false, options: { ...STEADY, num_predict: maximumTokens },
        })
        return message.content
      })
    },
    async *write(request: ModelRequest, { signal }: ModelCallOptions = {}) {
      const { instructions, prompt, maximumTokens } = request
      const parts = await guarded(options, signal, (client) =>
        client.chat({ model: options.model, messages: messages(instructions, prompt), stream: true, options: { ...STEADY, num_predict: maximumTokens } }))
      try {
        for await (const { message } of parts) {
          yield message.content
        }
      } catch (error) {
        throw asModelError(options, error)
      } finally {
        // whoever stops reading stops the model
        parts.abort()
      }
    },
  }
}

/** Embeddings of a model on such a server. */
export function ollamaEmbedder(options: OllamaOptions): Embedder {
  return {
    name: `ollama/${options.model}`,
    async embed(texts, { signal } = {}) {
      const { embeddings } = await guarded(options, signal, (client) => client.embed({ model: options.model, input: [...texts], truncate: true }))
      if (!Array.isArray(embeddings) || embeddings.length !== texts.length) {
        throw new ModelError('ANSWER_INVALID', `${options.model} at ${options.url} gave ${Array.isArray(embeddings) ? embeddings.length : 'no'} embeddings for ${texts.length} texts.`)
      }
      return embeddings.map((vector) => normalised(options, vector))
    },
  }
}

const messages = (instructions: string, prompt: string) => [{ role: 'system', content: instructions }, { role: 'user', content: prompt }]

/** A client of its own per request: the package knows no signal per request. */
async function guarded<T>(options: OllamaOptions, signal: AbortSignal | undefined, use: (client: Ollama) => Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(options.timeoutMs)
  const either = signal === undefined ? limit : AbortSignal.any([limit, signal])
  const fetchWithLimit: Fetch = (input, init) => fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, either]) : either })
  try {
    return await use(new Ollama({ host: options.url, fetch: fetchWithLimit }))
  } catch (error) {
    throw asModelError(options, error)
  }
}

/** A server's own message may quote the prompt: only its status is kept. */
function asModelError({ url, model }: OllamaOptions, error: unknown): ModelError {
  if (error instanceof ModelError) {
    return error
  }
  const status = (error as { status_code?: unknown }).status_code
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new ModelError('MODEL_REFUSED', `${url} answered ${status} for the model ${model}: has it been pulled there?`)
  }
  const name = error instanceof Error ? error.name : 'unknown'
  return new ModelError('MODEL_UNAVAILABLE', `${url} does not answer for the model ${model}${typeof status === 'number' ? ` (${status})` : ` (${name})`}.`)
}

/** @throws ModelError ANSWER_INVALID */
function normalised({ url, model }: OllamaOptions, vector: unknown): number[] {
  const unit = unitLength(vector)
  if (unit === undefined) {
    throw new ModelError('ANSWER_INVALID', `${model} at ${url} gave an embedding that is none.`)
  }
  return unit
}
