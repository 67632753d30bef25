/** A model in a process of its own on this machine, run by node-llama-cpp: no server beside us, and an option that is never installed by default. */
import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { LanguageModel, ModelCallOptions, ModelRequest } from '../processors/model/index.ts'
import { PoolError, ProcessPool } from '../processors/pool/index.ts'
import type { Embedder } from '../processors/search/index.ts'
import { ModelError } from './errors.ts'
import type { LlamaResult, LlamaTask } from './llama-messages.ts'
import { unitLength } from './unit-length.ts'

export interface LlamaOptions {
  /** The folder into which node-llama-cpp was installed: `<folder>/node_modules/node-llama-cpp`. */
  readonly folder: string
  /** The model's file, GGUF. */
  readonly model: string
  /**
   * Of one request: so long for its turn (the first ones wait for the model to be loaded, and the loading goes on without them), and so long for its
   * answer. Neither a model that writes for ever nor those who asked before hold whoever asks.
   */
  readonly timeoutMs: number
}

/** Beside the model's weights: contexts, and the runner itself. */
const workingBytes = 4 * 1024 ** 3
/** The weights are V8's no more than the contexts are. */
const maxHeapMiB = 512
/** Gigabytes from a slow disk; prevents that a loading that hangs is waited for for ever. */
const loadTimeoutMs = 600_000
/** A runner's leak ends with its process; loading a model takes seconds, so not often. */
const recycleAfter = 1_000

/** What is not there, for whoever configures it; undefined when all is. */
export function missingForLlama({ folder, model }: Pick<LlamaOptions, 'folder' | 'model'>): string | undefined {
  return [join(folder, 'node_modules', 'node-llama-cpp', 'package.json'), model].find((path) => !existsSync(path))
}

/** Writes and answers, one request at a time; the process starts with the first. Free text comes as one piece: the process gives its answer whole. */
export function llamaModel(options: LlamaOptions): LanguageModel {
  const runner = new LlamaRunner(options)
  const text = async (request: ModelRequest & { readonly schema?: object }, { signal }: ModelCallOptions = {}): Promise<string> => {
    const { instructions, prompt, maximumTokens, schema } = request
    const result = await runner.run({ do: 'write', instructions, prompt, maximumTokens, ...(schema === undefined ? {} : { schema: schema as Readonly<Record<string, unknown>> }) }, signal)
    return 'text' in result ? result.text : ''
  }
  return {
    name: runner.name,
    answer: text,
    async *write(request, callOptions) {
      yield await text(request, callOptions)
    },
  }
}

/** Embeddings of such a model, of length 1. */
export function llamaEmbedder(options: LlamaOptions): Embedder {
  const runner = new LlamaRunner(options)
  return {
    name: runner.name,
    async embed(texts, { signal } = {}) {
      const result = await runner.run({ do: 'embed', texts: [...texts] }, signal)
      const vectors = 'vectors' in result ? result.vectors.map(unitLength) : []
      if (vectors.length !== texts.length || vectors.includes(undefined)) {
        throw new ModelError('ANSWER_INVALID', `${runner.name} gave an embedding that is none.`)
      }
      return vectors as number[][]
    },
  }
}

class LlamaRunner {
  readonly name: string
  readonly #options: LlamaOptions
  #pool: ProcessPool | undefined

  constructor(options: LlamaOptions) {
    this.name = `llama/${basename(options.model)}`
    this.#options = options
  }

  async run(task: LlamaTask, signal: AbortSignal | undefined): Promise<Extract<LlamaResult, { ok: true }>> {
    const { folder, model, timeoutMs } = this.#options
    const missing = missingForLlama(this.#options)
    if (missing !== undefined) {
      throw new ModelError('MODEL_REFUSED', `${this.name}: ${missing} is not there.`)
    }
    this.#pool ??= new ProcessPool({
      name: 'llama',
      entry: new URL('./llama-process.ts', import.meta.url),
      args: [folder, model],
      size: 1,
      recycleAfter,
      maxRssBytes: statSync(model).size + workingBytes,
      maxHeapMiB,
      startTimeoutMs: loadTimeoutMs,
      mayStartProcesses: true,
      // Who asks and goes, again and again, must not have the model loaded for all others each time.
      stopsTasks: true,
    })
    let result: LlamaResult
    try {
      result = await this.#pool.run<LlamaResult>(task, { timeoutMs, waitMs: timeoutMs, ...(signal === undefined ? {} : { signal }) })
    } catch (error) {
      throw new ModelError('MODEL_UNAVAILABLE', `${this.name} gave no answer (${error instanceof PoolError ? error.code : 'unknown'}).`)
    }
    if (!result.ok) {
      throw new ModelError(result.reason === 'TOO_LONG' ? 'REQUEST_TOO_LONG' : 'MODEL_REFUSED', `${this.name}: ${refusals[result.reason]}`)
    }
    return result
  }
}

const refusals: { readonly [reason in Extract<LlamaResult, { ok: false }>['reason']]: string } = {
  NO_RUNNER: 'node-llama-cpp cannot be loaded from its folder: is its package for this platform installed beside it?',
  NO_MODEL: 'its file is no model that node-llama-cpp can run: a GGUF file is expected.',
  TOO_LONG: 'the request and its answer are longer than the model can hold.',
}
