/** A model inside of a process of its own, run by node-llama-cpp: its arguments are the folder that holds the package, and the model's file. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { serve } from '../processors/pool/process.ts'
import type { LlamaResult, LlamaTask } from './llama-messages.ts'

/** As much of node-llama-cpp 3 as is used here; the package is not there when types are checked. */
interface NodeLlamaCpp {
  getLlama(options: { readonly gpu: false; readonly build: 'never'; readonly skipDownload: true; readonly logLevel: 'disabled'; readonly maxThreads: number }): Promise<Llama>
  readonly LlamaChatSession: new (options: { readonly contextSequence: Sequence; readonly systemPrompt: string }) => ChatSession
}
interface Llama {
  loadModel(options: { readonly modelPath: string }): Promise<Model>
  createGrammarForJsonSchema(schema: object): Promise<object>
}
interface Model {
  readonly trainContextSize: number
  tokenize(text: string): readonly unknown[]
  createContext(options: { readonly contextSize: number; readonly threads: number }): Promise<Context>
  createEmbeddingContext(options: { readonly contextSize: number; readonly threads: number }): Promise<EmbeddingContext>
}
interface Context {
  getSequence(): Sequence
}
interface Sequence {
  clearHistory(): Promise<void>
}
interface ChatSession {
  prompt(text: string, options: { readonly maxTokens: number; readonly temperature: number; readonly seed: number; readonly signal: AbortSignal; readonly stopOnAbortSignal: true; readonly grammar?: object }): Promise<string>
  dispose(options: { readonly disposeSequence: boolean }): void
}
interface EmbeddingContext {
  getEmbeddingFor(tokens: readonly unknown[]): Promise<{ readonly vector: readonly number[] }>
}

interface Loaded {
  readonly package: NodeLlamaCpp
  readonly llama: Llama
  readonly model: Model
}

/** As with a server's models: tokens that a prompt and its answer may take together. */
const contextTokens = 8_192
/** Pieces for search are some hundred tokens; memory grows with the square. */
const embeddingTokens = 2_048
/** Before and behind a text that is embedded. */
const endTokens = 3
/** Of the chat format around a prompt. */
const formatTokens = 64
/** Its threads wait spinning: with all cores they hold up whoever works beside them. */
const threads = Math.max(1, availableParallelism() - 1)

let loaded: Promise<Loaded> | undefined
let sequence: Promise<Sequence> | undefined
let embedding: Promise<EmbeddingContext> | undefined

class Refused extends Error {
  readonly reason: Extract<LlamaResult, { ok: false }>['reason']

  constructor(reason: Refused['reason']) {
    super(reason)
    this.reason = reason
  }
}

/** Once, unless it failed: a file may come, or memory be there again. */
function load(): Promise<Loaded> {
  loaded ??= loadFrom(process.argv[2] ?? '', process.argv[3] ?? '').catch((error: unknown) => {
    loaded = undefined
    throw error
  })
  return loaded
}

async function loadFrom(folder: string, modelPath: string): Promise<Loaded> {
  let runner: NodeLlamaCpp
  let llama: Llama
  try {
    runner = (await import(pathToFileURL(join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js')).href)) as NodeLlamaCpp
    // Nothing is built and nothing fetched.
    llama = await runner.getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: 'disabled', maxThreads: threads })
  } catch {
    throw new Refused('NO_RUNNER')
  }
  try {
    return { package: runner, llama, model: await llama.loadModel({ modelPath }) }
  } catch {
    throw new Refused('NO_MODEL')
  }
}

async function write({ instructions, prompt, maximumTokens, schema }: Extract<LlamaTask, { do: 'write' }>, { package: runner, llama, model }: Loaded, signal: AbortSignal): Promise<LlamaResult> {
  const contextSize = Math.min(contextTokens, model.trainContextSize)
  // What does not fit would silently lose its beginning.
  if (model.tokenize(instructions).length + model.tokenize(prompt).length + formatTokens + maximumTokens > contextSize) {
    return { ok: false, reason: 'TOO_LONG' }
  }
  const contextSequence = await (sequence ??= model.createContext({ contextSize, threads }).then((context) => context.getSequence()))
  // Nothing of one request is there for the next.
  await contextSequence.clearHistory()
  const session = new runner.LlamaChatSession({ contextSequence, systemPrompt: instructions })
  try {
    const grammar = schema === undefined ? undefined : await llama.createGrammarForJsonSchema(schema)
    const text = await session.prompt(prompt, { maxTokens: maximumTokens, temperature: 0, seed: 1, signal, stopOnAbortSignal: true, ...(grammar === undefined ? {} : { grammar }) })
    return { ok: true, text }
  } finally {
    session.dispose({ disposeSequence: false })
  }
}

async function embed(texts: readonly string[], { model }: Loaded): Promise<LlamaResult> {
  const contextSize = Math.min(embeddingTokens, model.trainContextSize)
  const context = await (embedding ??= model.createEmbeddingContext({ contextSize, threads }))
  const vectors: (readonly number[])[] = []
  for (const text of texts) {
    // What does not fit is left away, as a server does: the runner would throw, again at each try.
    vectors.push((await context.getEmbeddingFor(model.tokenize(text).slice(0, contextSize - endTokens))).vector)
  }
  return { ok: true, vectors }
}

const answer = async (input: unknown, signal: AbortSignal): Promise<LlamaResult> => {
  const task = input as LlamaTask
  try {
    const all = await load()
    return task.do === 'write' ? await write(task, all, signal) : await embed(task.texts, all)
  } catch (error) {
    if (signal.aborted) {
      // Nobody waits for it; an error would cost the process.
      return { ok: true, text: '' }
    }
    if (error instanceof Refused) {
      return { ok: false, reason: error.reason }
    }
    throw error
  }
}

// Loaded before it takes a task: a request's time-out is for its answer. Why it cannot be loaded is told to whoever asks.
serve(answer, () => load().then(() => undefined, () => undefined))
