import { ollamaEmbedder, ollamaModel, whileUp } from '../models/index.ts'
import type { LanguageModel } from '../processors/model/index.ts'
import type { Embedder } from '../processors/search/index.ts'
import type { ApplicationConfig } from './config.ts'

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

const defaults = { timeoutMs: 60_000, concurrency: 2 }

/**
 * Nothing is connected to before the first request.
 * @param embeddingMs of a request for embeddings, where whoever asks waits no longer
 */
export function openModels({ ollama }: Pick<ApplicationConfig, 'ollama'>, embeddingMs?: number): Models {
  if (ollama === undefined) {
    return { concurrency: defaults.concurrency }
  }
  const { url, fieldsModel, answersModel, embeddingModel, timeoutMs = defaults.timeoutMs, concurrency = defaults.concurrency } = ollama
  return {
    concurrency,
    ...(fieldsModel === undefined ? {} : { fields: whileUp(ollamaModel({ url, model: fieldsModel, timeoutMs })) }),
    ...(answersModel === undefined ? {} : { answers: whileUp(ollamaModel({ url, model: answersModel, timeoutMs })) }),
    ...(embeddingModel === undefined ? {} : { embedder: ollamaEmbedder({ url, model: embeddingModel, timeoutMs: Math.min(timeoutMs, embeddingMs ?? timeoutMs) }) }),
  }
}
