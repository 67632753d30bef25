import { resolve } from 'node:path'
import type { LlamaOptions, OllamaOptions } from '../models/index.ts'
import { llamaEmbedder, llamaModel, missingForLlama, ollamaEmbedder, ollamaModel, whileUp } from '../models/index.ts'
import type { LanguageModel } from '../processors/model/index.ts'
import type { Embedder } from '../processors/search/index.ts'
import type { ApplicationConfig } from './config.ts'
import { ApplicationError } from './errors.ts'

/** What the configuration has models for; everything works without any of them. */
export interface Models {
  /** Is asked for fields. */
  readonly fields?: LanguageModel
  /** Answers questions. */
  readonly answers?: LanguageModel
  readonly embedder?: Embedder
  /** Requests of one task at once. */
  readonly concurrency: number
}

type Purpose = 'fieldsModel' | 'answersModel' | 'embeddingModel'

const defaults = { timeoutMs: 60_000, concurrency: 2 }

/**
 * Nothing is connected to, and no process started, before the first request.
 * @param embeddingMs of a request for embeddings, where whoever asks waits no longer
 * @throws ApplicationError CONFIG_INVALID a purpose with two models, or a model of `llama` that is not there
 */
export function openModels({ ollama, llama }: Pick<ApplicationConfig, 'ollama' | 'llama'>, embeddingMs?: number): Models {
  const limit = (timeoutMs: number, purpose: Purpose): number => (purpose === 'embeddingModel' ? Math.min(timeoutMs, embeddingMs ?? timeoutMs) : timeoutMs)
  /** One purpose's model, from where it is configured. */
  const open = <T>(purpose: Purpose, ofServer: (options: OllamaOptions) => T, ofProcess: (options: LlamaOptions) => T): T | undefined => {
    const served = ollama?.[purpose]
    const file = llama?.[purpose]
    if (served !== undefined && file !== undefined) {
      throw new ApplicationError('CONFIG_INVALID', `"ollama.${purpose}" and "llama.${purpose}": name one of them.`)
    }
    if (llama !== undefined && file !== undefined) {
      const options = { folder: resolve(llama.folder), model: resolve(file), timeoutMs: limit(llama.timeoutMs ?? defaults.timeoutMs, purpose) }
      const missing = missingForLlama(options)
      if (missing !== undefined) {
        throw new ApplicationError('CONFIG_INVALID', `"llama.${purpose}": ${missing} is not there. How to install node-llama-cpp: docs/language-models.md.`)
      }
      return ofProcess(options)
    }
    return ollama === undefined || served === undefined ? undefined : ofServer({ url: ollama.url, model: served, timeoutMs: limit(ollama.timeoutMs ?? defaults.timeoutMs, purpose) })
  }
  const fields = open('fieldsModel', ollamaModel, llamaModel)
  const answers = open('answersModel', ollamaModel, llamaModel)
  const embedder = open('embeddingModel', ollamaEmbedder, llamaEmbedder)
  return {
    concurrency: ollama?.concurrency ?? defaults.concurrency,
    ...(fields === undefined ? {} : { fields: whileUp(fields) }),
    ...(answers === undefined ? {} : { answers: whileUp(answers) }),
    ...(embedder === undefined ? {} : { embedder }),
  }
}
